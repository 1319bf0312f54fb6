/**
 * `petrel retry NAME`: begins a rollout that was aborted anew, as another ModelRollout of the same revision, judges a
 * model anew whose validation did not pass, or ends an undo.
 *
 * It writes one annotation of the ModelDeployment, and nothing of the spec, which Git may own.
 */
import type { Command } from "commander";
import { ANNOTATION } from "../api/names.ts";
import type { KubePort } from "../kube/port.ts";
import { requestByAnnotation } from "./annotation-request.ts";
import { type ConnectionOptions, connected, withConnection } from "./connection.ts";
import {
  conditionOf,
  type DeploymentObject,
  deploymentObject,
  deploymentReference,
} from "./deployment-object.ts";
import { CommandError, EXIT } from "./exit-code.ts";
import { currentRollout } from "./guide-rollout.ts";
import type { RolloutObject } from "./rollout/rollout-object.ts";
import { runVerb, verb } from "./verb.ts";

/** Another one than that of a refresh: to apply the one annotation must not take the other back. */
const FIELD_MANAGER = "petrel-cli-retry";

/** Asks for another try of a release. Rejects when it was not aborted. Another `token` is another request. */
export async function requestRetry(port: KubePort, rollout: RolloutObject, token: string): Promise<void> {
  const { name, namespace, spec, status } = rollout;
  if (status.verdict?.outcome !== "Aborted") {
    const phase = status.phase ?? "Pending";
    throw new CommandError(
      EXIT.refused,
      `${name} was not aborted: it is ${phase}, ${status.message ?? "new"}`,
    );
  }
  await annotate(port, namespace, spec.modelDeployment, token);
}

/** Asks for another validation. Rejects when none was refused. Gives the revision that is judged. */
export async function requestValidation(
  port: KubePort,
  deployment: DeploymentObject,
  token: string,
): Promise<string> {
  const { namespace, name, status } = deployment;
  if (!isRefused(deployment)) {
    throw new CommandError(EXIT.refused, `the validation of ${name} was not refused`);
  }
  await annotate(port, namespace, name, token);
  return status.validation?.revision ?? "";
}

/** Asks for the end of the undo that stands. Rejects when none does. Gives what is to be said. */
export async function requestEndOfUndo(
  port: KubePort,
  { namespace, name, status }: DeploymentObject,
  token: string,
): Promise<string> {
  const undo = status.undo?.standing;
  if (undo === undefined) throw new CommandError(EXIT.refused, `no undo of ${name} stands`);
  await annotate(port, namespace, name, token);
  return `asked for the end of the undo to ${undo.revision}: what the spec states is released`;
}

/** Whether it is the validation of its model that nobody works on any more. */
function isRefused(deployment: DeploymentObject): boolean {
  const { reason } = conditionOf(deployment, "Stalled") ?? {};
  return reason === "ValidationFailed" || reason === "ValidationNotMeasured";
}

async function annotate(port: KubePort, namespace: string, name: string, token: string): Promise<void> {
  await requestByAnnotation(port, deploymentReference(namespace, name), {
    annotation: ANNOTATION.retry,
    token,
    fieldManager: FIELD_MANAGER,
  });
}

async function retriedRelease(
  port: KubePort,
  namespace: string,
  name: string,
  token: string,
): Promise<string> {
  const rollout = await currentRollout(port, namespace, name);
  await requestRetry(port, rollout, token);
  return rollout.spec.revision;
}

/** The verb `petrel retry`. */
export function retryCommand(): Command {
  return withConnection(
    verb("retry", "Begins a rollout that was aborted anew, judges a refused model anew, or ends an undo."),
  )
    .argument("<name>", "name of the ModelDeployment")
    .action((name: string, options: ConnectionOptions, command: Command) =>
      runVerb(command, () =>
        connected(options, async ({ port, namespace, clock }) => {
          const token = new Date(clock.now()).toISOString();
          const deployment = deploymentObject(await port.get(deploymentReference(namespace, name)));
          const say = (text: string) => process.stdout.write(`modeldeployment.petrel.dev/${name}: ${text}\n`);
          if (deployment.status.undo?.standing !== undefined) {
            say(await requestEndOfUndo(port, deployment, token));
            return EXIT.done;
          }
          const revision = isRefused(deployment)
            ? await requestValidation(port, deployment, token)
            : await retriedRelease(port, namespace, name, token);
          say(`asked for ${revision} anew`);
          return EXIT.done;
        }),
      ),
    );
}
