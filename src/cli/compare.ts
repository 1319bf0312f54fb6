/**
 * `petrel compare A B`: in what two model revisions differ. It only reads.
 */
import type { Command } from "commander";
import { RESOURCE } from "../api/kube-resources.ts";
import type { KubePort } from "../kube/port.ts";
import { type Difference, differences, sideText } from "./compare/difference.ts";
import { type ConnectionOptions, connected, withConnection } from "./connection.ts";
import { CommandError, EXIT } from "./exit-code.ts";
import { type ModelRevision, modelRevision } from "./model-revisions.ts";
import { type OutputFormat, outputOption, printed } from "./output.ts";
import { tableLines } from "./table.ts";
import { runVerb, verb } from "./verb.ts";

interface Options extends ConnectionOptions {
  readonly output: OutputFormat;
}

/** The verb `petrel compare`. */
export function compareCommand(): Command {
  return withConnection(verb("compare", "Says in what two model revisions differ."))
    .argument("<revision>", "name of a model revision, as petrel history tells it")
    .argument("<other>", "name of another one")
    .addOption(outputOption())
    .action((left: string, right: string, options: Options, command: Command) =>
      runVerb(command, () =>
        connected(options, async ({ port, namespace }) => {
          const revisions = await Promise.all([left, right].map((name) => revisionOf(port, namespace, name)));
          const view = { left, right, differences: differences(revisions[0]?.data, revisions[1]?.data) };
          process.stdout.write(
            printed(options.output, view, () => comparisonLines(left, right, view.differences)),
          );
          return EXIT.done;
        }),
      ),
    );
}

async function revisionOf(port: KubePort, namespace: string, name: string): Promise<ModelRevision> {
  const object = await port.get({ resource: RESOURCE.controllerRevision, namespace, name });
  const revision = modelRevision(object);
  if (revision === undefined) throw new CommandError(EXIT.refused, `${name} is no model revision`);
  return revision;
}

/** A row for each field that differs. Pure. */
export function comparisonLines(
  left: string,
  right: string,
  found: readonly Difference[],
): readonly string[] {
  if (found.length === 0) return [`${left} and ${right} give the same answers: they do not differ.`];
  const rows = found.map((one) => [one.field, sideText(one.left), sideText(one.right)]);
  return tableLines([["FIELD", left, right], ...rows]);
}
