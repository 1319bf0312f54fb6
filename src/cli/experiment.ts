/**
 * `petrel experiment list|status|stop`: what becomes of experiments, and their end before it is planned.
 *
 * It reads ModelExperiments, and writes into one no more than kubectl could, with the rights of the person who calls it.
 */
import type { Command } from "commander";
import { Compile } from "typebox/compile";
import { type ModelExperimentStatus, modelExperimentStatusSchema } from "../api/experiment-status.ts";
import { RESOURCE } from "../api/kube-resources.ts";
import { type ModelExperimentSpec, modelExperimentSpecSchema } from "../api/model-experiment.ts";
import type { KubePort } from "../kube/port.ts";
import { ageText } from "./age-text.ts";
import { type ConcludedView, endEarly, oldestFirst, viewReader } from "./concluded-object.ts";
import { type ConnectionOptions, connected, withConnection } from "./connection.ts";
import { CommandError, EXIT } from "./exit-code.ts";
import { readObjects } from "./followed-objects.ts";
import { type OutputFormat, outputOption, printed } from "./output.ts";
import { reasonOption } from "./reason-option.ts";
import { tableLines } from "./table.ts";
import { runVerb, verb } from "./verb.ts";

/** Owner of what is written to stop one. It stands in stored objects. */
const FIELD_MANAGER = "petrel-cli-stop";

const specCheck = Compile(modelExperimentSpecSchema);
const statusCheck = Compile(modelExperimentStatusSchema);

/** What is known of one experiment. */
export type ExperimentView = ConcludedView<ModelExperimentSpec, ModelExperimentStatus>;

/** Reads one; undefined when it is one of another schema. Pure. */
export const experimentView = viewReader<ModelExperimentSpec, ModelExperimentStatus>(
  (value) => specCheck.Check(value),
  (value) => statusCheck.Check(value),
);

/** A line for each, the oldest first. Pure. */
export function experimentLines(
  views: readonly ExperimentView[],
  nowMilliseconds: number,
): readonly string[] {
  if (views.length === 0) return ["No experiment is there."];
  const rows = views.map(({ name, madeAt, spec, status }) => [
    name,
    spec.modelDeployment,
    phaseText(status),
    status.endsAt ?? "-",
    ageText(madeAt, nowMilliseconds),
    status.message ?? "",
  ]);
  return tableLines([["NAME", "DEPLOYMENT", "PHASE", "ENDS", "AGE", "MESSAGE"], ...rows]);
}

/** All that is known of one. Pure. */
export function experimentScreen({ name, spec, status }: ExperimentView): readonly string[] {
  const { arms = [], message = "no operator has looked at it yet" } = status;
  const facts = [
    ["Deployment", spec.modelDeployment],
    ["Phase", phaseText(status)],
    ["Control", status.stable ?? "-"],
    ["Started", status.startedAt ?? "-"],
    ["Ends", status.endsAt ?? "-"],
    ["Evidence of", status.evidenceAt ?? "-"],
  ].map(([what = "", text = ""]) => [`${what}:`, text]);
  const rows = spec.arms.map(({ name: arm, weight }) => {
    const found = arms.find((one) => one.name === arm);
    const replicas = found === undefined ? "-" : `${found.readyReplicas} of ${found.replicas}`;
    return [arm, found?.arm ?? "-", weight, found?.weight ?? "0%", replicas, found?.revision ?? "-"];
  });
  const findings = arms.flatMap(({ name: arm, findings: found = [] }) =>
    found.map(({ role, finding, message: words }) => [arm, role, finding, words]),
  );
  return [
    `ModelExperiment ${name}: ${message}`,
    "",
    ...tableLines(facts, "  "),
    "",
    ...tableLines([["ARM", "KNOWN AS", "SHARE", "NOW", "READY", "REVISION"], ...rows], "  "),
    ...(findings.length === 0
      ? []
      : ["", ...tableLines([["ARM", "ROLE", "FINDING", "WHAT WAS FOUND"], ...findings], "  ")]),
  ];
}

function phaseText({ phase = "Waiting", reason }: ModelExperimentStatus): string {
  return reason === undefined ? phase : `${phase} (${reason})`;
}

/** Stops one. Rejects when it is over. */
export async function stopExperiment(
  port: KubePort,
  namespace: string,
  name: string,
  reason: string | undefined,
): Promise<void> {
  await endEarly(port, {
    ...{ resource: RESOURCE.modelExperiment, namespace, name, fieldManager: FIELD_MANAGER },
    spec: { stopped: true, ...(reason === undefined ? {} : { reason }) },
    verdictOf: (object) => experimentView(object)?.status.verdict,
  });
}

interface Options extends ConnectionOptions {
  readonly output: OutputFormat;
  readonly reason?: string;
}

/** The verb `petrel experiment`. */
export function experimentCommand(): Command {
  return verb("experiment", "Lists experiments, tells what they found, and stops them.")
    .addCommand(listCommand())
    .addCommand(statusCommand())
    .addCommand(stopCommand());
}

function listCommand(): Command {
  return withConnection(verb("list", "Lists the experiments of a namespace, the oldest first."))
    .addOption(outputOption())
    .action((options: Options, command: Command) =>
      runVerb(command, () =>
        connected(options, async ({ port, namespace, clock }) => {
          const source = {
            name: "experiments",
            resource: RESOURCE.modelExperiment,
            scope: { namespace },
            mayBeForbidden: false,
          } as const;
          const { objects } = await readObjects(port, [source]);
          const views = oldestFirst(objects.experiments.flatMap((object) => experimentView(object) ?? []));
          process.stdout.write(printed(options.output, views, () => experimentLines(views, clock.now())));
          return EXIT.done;
        }),
      ),
    );
}

function statusCommand(): Command {
  return withConnection(verb("status", "Tells where an experiment is and what it found."))
    .argument("<name>", "name of the ModelExperiment")
    .addOption(outputOption())
    .action((name: string, options: Options, command: Command) =>
      runVerb(command, () =>
        connected(options, async ({ port, namespace }) => {
          const object = await port.get({ resource: RESOURCE.modelExperiment, namespace, name });
          const view = experimentView(object);
          if (view === undefined) {
            throw new CommandError(EXIT.refused, `${name} does not fit this version of petrel`);
          }
          process.stdout.write(printed(options.output, view, () => experimentScreen(view)));
          return EXIT.done;
        }),
      ),
    );
}

function stopCommand(): Command {
  return withConnection(verb("stop", "Ends an experiment, for good: stable gets all the traffic back."))
    .argument("<name>", "name of the ModelExperiment")
    .addOption(reasonOption())
    .action((name: string, options: Options, command: Command) =>
      runVerb(command, () =>
        connected(options, async ({ port, namespace }) => {
          await stopExperiment(port, namespace, name, options.reason);
          process.stdout.write(`modelexperiment.petrel.dev/${name}: ends; stable gets all the traffic\n`);
          return EXIT.done;
        }),
      ),
    );
}
