/**
 * `petrel undo NAME`: takes the traffic back to the model revision that served before, or to another one that has served.
 *
 * It writes one annotation of the ModelDeployment, and nothing of the spec, which Git may own. The operator decides
 * whether it is obeyed; what it would refuse by all that is known here is said at once.
 */
import type { Command } from "commander";
import type { KubeObject } from "../api/kube-object.ts";
import { ANNOTATION } from "../api/names.ts";
import { servingRevision } from "../core/rollout/leading-revision.ts";
import { undoAnnotation, undoTarget } from "../core/undo/undo-target.ts";
import type { KubePort } from "../kube/port.ts";
import { requestByAnnotation } from "./annotation-request.ts";
import { type ConnectionOptions, connected, withConnection } from "./connection.ts";
import { conditionOf, deploymentObject, deploymentReference } from "./deployment-object.ts";
import { CommandError, EXIT } from "./exit-code.ts";
import { runVerb, verb } from "./verb.ts";

/** Another one than those of other requests: to apply the one annotation must not take another back. */
const FIELD_MANAGER = "petrel-cli-undo";

/** What is asked for. */
export interface UndoWish {
  /** Name of the revision to go back to; the one that served before, unless given. */
  readonly to?: string;
  /** Another one is another request. */
  readonly token: string;
}

/**
 * Asks for the traffic to go back. Resolves with what is to be said. Rejects with a {@link CommandError} where nothing
 * would come of it.
 */
export async function requestUndo(port: KubePort, object: KubeObject, wish: UndoWish): Promise<string> {
  const deployment = deploymentObject(object);
  const { namespace, name, status, isReadable, isDeleted, isSuspended } = deployment;
  const refuse = (why: string) => new CommandError(EXIT.refused, why);
  if (!isReadable) throw refuse(`the status of ${name} does not fit this version of petrel`);
  if (isDeleted) throw refuse(`${name} is being deleted`);
  if (isSuspended) throw refuse(`${name} is suspended: nothing moves until spec.suspend is false`);
  const isPromoted = conditionOf(deployment, "Promoted")?.status === "True";
  const target = undoTarget(status, wish, {
    // Whether it is kept the operator knows.
    isKept: () => true,
    isStated: (revision) => isPromoted && revision === servingRevision(status),
  });
  if ("refusal" in target) throw refuse(target.refusal);
  const { revision } = target;
  await requestByAnnotation(port, deploymentReference(namespace, name), {
    annotation: ANNOTATION.undo,
    // Named, so that it leads where it is said to lead, whatever is promoted meanwhile.
    token: undoAnnotation(wish.token, revision),
    fieldManager: FIELD_MANAGER,
  });
  const { stable, candidate } = status.revisions ?? {};
  const from = stable === revision ? candidate : servingRevision(status);
  const isGivenUp = candidate !== undefined && candidate !== revision && candidate !== from;
  const release = isGivenUp ? `; the release of ${candidate} is given up` : "";
  return `asked for the traffic to go back from ${from ?? "what the spec states"} to ${revision}${release}; petrel status ${name} tells how it goes`;
}

interface Options extends ConnectionOptions {
  readonly to?: string;
}

/** The verb `petrel undo`. */
export function undoCommand(): Command {
  return withConnection(
    verb("undo", "Takes the traffic back to the model revision that served before, and keeps it there."),
  )
    .argument("<name>", "name of the ModelDeployment")
    .option("--to <revision>", "another model revision that has served; petrel history names them")
    .action((name: string, options: Options, command: Command) =>
      runVerb(command, () =>
        connected(options, async ({ port, namespace, clock }) => {
          const object = await port.get(deploymentReference(namespace, name));
          const { to } = options;
          const token = new Date(clock.now()).toISOString();
          const said = await requestUndo(port, object, { token, ...(to === undefined ? {} : { to }) });
          process.stdout.write(`modeldeployment.petrel.dev/${name}: ${said}\n`);
          return EXIT.done;
        }),
      ),
    );
}
