/**
 * `petrel history NAME`: the model revisions of a ModelDeployment, oldest first. It only reads.
 */
import type { Command } from "commander";
import type { KubeObject } from "../api/kube-object.ts";
import { RESOURCE } from "../api/kube-resources.ts";
import { isSameModel } from "../core/undo/same-model.ts";
import { ageText } from "./age-text.ts";
import { type ConnectionOptions, connected, withConnection } from "./connection.ts";
import { deploymentObject, deploymentReference } from "./deployment-object.ts";
import { EXIT } from "./exit-code.ts";
import { readObjects } from "./followed-objects.ts";
import { modelRevisionSelector, modelRevisionsOf, roleOf } from "./model-revisions.ts";
import { type OutputFormat, outputOption, printed } from "./output.ts";
import { rolloutSelector, rolloutsOf } from "./rollout/rollout-object.ts";
import { shortDigest } from "./status/deployment-screen.ts";
import { tableLines } from "./table.ts";
import { runVerb, verb } from "./verb.ts";

interface Options extends ConnectionOptions {
  readonly output: OutputFormat;
}

/** The verb `petrel history`. */
export function historyCommand(): Command {
  return withConnection(verb("history", "Lists the model revisions of a ModelDeployment, oldest first."))
    .argument("<name>", "name of the ModelDeployment")
    .addOption(outputOption())
    .action((name: string, options: Options, command: Command) =>
      runVerb(command, () =>
        connected(options, async ({ port, namespace, clock }) => {
          const deployment = await port.get(deploymentReference(namespace, name));
          const source = {
            name: "revisions",
            resource: RESOURCE.controllerRevision,
            scope: { namespace, labelSelector: modelRevisionSelector(name) },
            mayBeForbidden: false,
          } as const;
          const rollouts = {
            name: "rollouts",
            resource: RESOURCE.modelRollout,
            scope: { namespace, labelSelector: rolloutSelector(name) },
            mayBeForbidden: false,
          } as const;
          const { objects } = await readObjects(port, [source, rollouts]);
          const view = historyView(deployment, objects.revisions, objects.rollouts);
          process.stdout.write(printed(options.output, view, () => historyLines(view, clock.now())));
          return EXIT.done;
        }),
      ),
    );
}

/** Each revision: what it is to the ModelDeployment, what it holds, and how it was released. Pure. */
export function historyView(
  object: KubeObject,
  revisions: readonly KubeObject[],
  rollouts: readonly KubeObject[],
) {
  const deployment = deploymentObject(object);
  const releases = rolloutsOf(deployment, rollouts);
  const undo = deployment.status.undo?.standing;
  return modelRevisionsOf(deployment, revisions).map(({ name, number, madeAt, data }) => ({
    number,
    name,
    role: roleOf(deployment, name),
    madeAt,
    ...data,
    ...(undo?.revision === name ? { undo: { request: undo.request, since: undo.since } } : {}),
    ...(undo !== undefined && undo.revision !== name
      ? { isUndone: undo.undone.some((model) => isSameModel(model, data.model)) }
      : {}),
    rollouts: releases
      .filter(({ spec }) => spec.revision === name)
      .map(({ name: rollout, spec: { strategy }, status }) => ({
        name: rollout,
        strategy: strategy.type,
        phase: status.phase ?? "Pending",
        ...(status.startedAt === undefined ? {} : { startedAt: status.startedAt }),
        ...(status.endedAt === undefined ? {} : { endedAt: status.endedAt }),
        message: status.message ?? "",
      })),
  }));
}

/** Milliseconds since the epoch; what has not begun comes last. */
function begunAt({ startedAt }: { readonly startedAt?: string }): number {
  return startedAt === undefined ? Number.POSITIVE_INFINITY : Date.parse(startedAt);
}

/** The lines of a history; a pool with a model of its own has a line of its own. Pure. */
export function historyLines(
  view: ReturnType<typeof historyView>,
  nowMilliseconds: number,
): readonly string[] {
  const head = ["NUMBER", "NAME", "ROLE", "MADE", "POOL", "MODEL", "DIGEST"];
  const rows = view.flatMap(({ number, name, role, isUndone, madeAt, model, poolModels }) => [
    [
      String(number),
      name,
      isUndone === true ? `${role}, undone` : role,
      ageText(madeAt, nowMilliseconds),
      "",
      model.uri,
      shortDigest(model.digest),
    ],
    ...Object.entries(poolModels).map(([pool, own]) => [
      "",
      "",
      "",
      "",
      pool,
      own.uri,
      shortDigest(own.digest),
    ]),
  ]);
  if (rows.length === 0) return ["No model revision is there yet."];
  const releases = view
    .flatMap(({ name: revision, rollouts }) => rollouts.map((rollout) => ({ revision, ...rollout })))
    .toSorted((left, right) => begunAt(left) - begunAt(right))
    .map(({ name, revision, strategy, phase, startedAt, message }) => [
      name,
      revision,
      strategy,
      phase,
      ageText(startedAt, nowMilliseconds),
      message,
    ]);
  const undone = view.flatMap(({ name, undo }) =>
    undo === undefined
      ? []
      : [
          "",
          `Undo: stands for ${ageText(undo.since, nowMilliseconds)}, to ${name}, by request ${undo.request}`,
        ],
  );
  const releaseHead = ["ROLLOUT", "REVISION", "STRATEGY", "PHASE", "BEGUN", "WHAT CAME OF IT"];
  return [
    ...tableLines([head, ...rows]),
    ...undone,
    ...(releases.length === 0 ? [] : ["", ...tableLines([releaseHead, ...releases])]),
  ];
}
