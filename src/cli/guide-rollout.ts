/**
 * `petrel pause|resume|approve|promote|abort NAME`: lead the rollout of a ModelDeployment that is under way.
 *
 * Each writes into the spec of the ModelRollout what kubectl could write there as well, with the rights of the person
 * who calls it. The operator does the rest.
 */
import type { Command } from "commander";
import { RESOURCE } from "../api/kube-resources.ts";
import { API_GROUP_VERSION } from "../api/names.ts";
import type { KubePort } from "../kube/port.ts";
import { type ConnectionOptions, connected, withConnection } from "./connection.ts";
import { deploymentObject, deploymentReference } from "./deployment-object.ts";
import { CommandError, EXIT } from "./exit-code.ts";
import { reasonOption } from "./reason-option.ts";
import { type GuidingVerb, guidanceOf } from "./rollout/guidance.ts";
import { type RolloutObject, rolloutObject } from "./rollout/rollout-object.ts";
import { runVerb, verb } from "./verb.ts";

const DESCRIPTIONS: Readonly<Record<GuidingVerb, string>> = {
  pause: "Holds a rollout where it is: the share of the new revision does not grow.",
  resume: "Lets a rollout that was paused go on.",
  approve: "Lets the present step of a rollout end, which waits for that.",
  promote: "Gives the new revision all the traffic, without the rest of the steps.",
  abort: "Takes all traffic from the new revision at once, and gives it up.",
};

/** The latest release of a ModelDeployment. Rejects when there is none. */
export async function currentRollout(
  port: KubePort,
  namespace: string,
  deployment: string,
): Promise<RolloutObject> {
  const { status } = deploymentObject(await port.get(deploymentReference(namespace, deployment)));
  const name = status.rollout?.name;
  if (name === undefined) {
    throw new CommandError(
      EXIT.refused,
      `no rollout of ${deployment} is under way; petrel history tells more`,
    );
  }
  const rollout = rolloutObject(await port.get({ resource: RESOURCE.modelRollout, namespace, name }));
  if (rollout === undefined) {
    throw new CommandError(EXIT.refused, `ModelRollout ${name} does not fit this version of petrel`);
  }
  return rollout;
}

/** Writes what a verb asks for. Resolves with what is to be said. */
export async function guideRollout(
  port: KubePort,
  verb: GuidingVerb,
  rollout: RolloutObject,
  reason: string | undefined,
): Promise<string> {
  const { fieldManager, fields, said } = guidanceOf(verb, rollout, reason);
  const { name, namespace, uid } = rollout;
  const object = {
    apiVersion: API_GROUP_VERSION,
    kind: RESOURCE.modelRollout.kind,
    // With the uid, an apply does not bring back what was deleted meanwhile.
    metadata: { name, namespace, ...(uid === undefined ? {} : { uid }) },
    spec: fields,
  };
  await port.apply(object, { fieldManager, force: true });
  return said;
}

interface Options extends ConnectionOptions {
  readonly reason?: string;
}

/** One of the verbs. */
export function guideCommand(name: GuidingVerb): Command {
  const command = withConnection(verb(name, DESCRIPTIONS[name])).argument(
    "<name>",
    "name of the ModelDeployment",
  );
  if (name === "pause" || name === "promote" || name === "abort") command.addOption(reasonOption());
  return command.action((deployment: string, options: Options) =>
    runVerb(command, () =>
      connected(options, async ({ port, namespace }) => {
        const rollout = await currentRollout(port, namespace, deployment);
        const said = await guideRollout(port, name, rollout, options.reason);
        process.stdout.write(`modelrollout.petrel.dev/${rollout.name}: ${said}\n`);
        return EXIT.done;
      }),
    ),
  );
}
