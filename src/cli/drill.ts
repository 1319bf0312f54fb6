/**
 * `petrel drill list|run|watch|abort|report`: rehearse a failover, follow it, end it, and tell what it found.
 *
 * It writes no more than kubectl could, with the rights of the person who calls it; the operator does the rest.
 */
import { readFile } from "node:fs/promises";
import { type Command, InvalidArgumentError, Option } from "commander";
import { FAULT_TYPES, type FaultType, MAXIMUM_DRILL_REASON_LENGTH } from "../api/failover-drill.ts";
import { RESOURCE } from "../api/kube-resources.ts";
import { errorMessage } from "../core/log.ts";
import { wholeNumber } from "../process/whole-number.ts";
import { oldestFirst } from "./concluded-object.ts";
import { type ConnectionOptions, connected, withConnection } from "./connection.ts";
import { drillMarkdown, drillReport } from "./drill/drill-report.ts";
import { drillLines, drillView } from "./drill/drill-view.ts";
import { drillPage } from "./drill/report-page.ts";
import { type AskedDrill, abortDrill, readDrill, runDrill, watchDrill } from "./drill/run-drill.ts";
import { CommandError, EXIT } from "./exit-code.ts";
import { readObjects } from "./followed-objects.ts";
import { type OutputFormat, outputOption, printed } from "./output.ts";
import { printable } from "./terminal-text.ts";
import { runVerb, timeoutOption, verb } from "./verb.ts";

const REPORT_FORMATS = ["markdown", "json", "html"] as const;
type ReportFormat = (typeof REPORT_FORMATS)[number];

/** The verb `petrel drill`. */
export function drillCommand(): Command {
  return verb("drill", "Rehearses a failover, follows it, ends it, and tells what it found.")
    .addCommand(listCommand())
    .addCommand(runCommand())
    .addCommand(watchCommand())
    .addCommand(abortCommand())
    .addCommand(reportCommand());
}

function say(name: string): (text: string) => void {
  return (text) => process.stdout.write(`failoverdrill.petrel.dev/${name}: ${printable(text)}\n`);
}

function listCommand(): Command {
  return withConnection(verb("list", "Lists the drills of a namespace, the oldest first."))
    .addOption(outputOption())
    .action((options: ConnectionOptions & { readonly output: OutputFormat }, command: Command) =>
      runVerb(command, () =>
        connected(options, async ({ port, namespace, clock }) => {
          const source = {
            name: "drills",
            resource: RESOURCE.failoverDrill,
            scope: { namespace },
            mayBeForbidden: false,
          } as const;
          const { objects } = await readObjects(port, [source]);
          const views = oldestFirst(objects.drills.flatMap((object) => drillView(object) ?? []));
          process.stdout.write(printed(options.output, views, () => drillLines(views, clock.now())));
          return EXIT.done;
        }),
      ),
    );
}

interface RunOptions extends ConnectionOptions, Omit<AskedDrill, "body"> {
  readonly fault: FaultType;
  readonly bodyFile: string;
  readonly watch?: boolean;
  readonly timeout: number;
}

function runCommand(): Command {
  return withConnection(verb("run", "Begins a drill of a ModelDeployment."))
    .argument("<deployment>", "name of the ModelDeployment")
    .addOption(
      new Option("--fault <type>", "what becomes of the pool").choices([...FAULT_TYPES]).default("PoolLoss"),
    )
    .requiredOption("--body-file <path>", "file with a request that the model answers, in JSON")
    .option("--name <name>", "name of the drill; what and when unless given")
    .option("--pool <pool>", "pool that is lost; the first one unless given")
    .option("--status <status>", "of Errors: the status of every answer", wholeNumber(400, 599))
    .option("--delay <duration>", "of Latency: how long every try waits, such as 300ms")
    .option("--path <path>", "path of the requests; that of the model unless given")
    .option("--per-second <count>", "probes in a second", wholeNumber(1, 1_000))
    .option("--duration <duration>", "how long the fault persists")
    .option("--recovery <duration>", "by then all must be well again")
    .option("--availability <percentage>", "share of the probes that must be answered well")
    .option("--watch", "follow it until it has ended")
    .addOption(timeoutOption("how long to watch, such as 5m"))
    .action((deployment: string, options: RunOptions, command: Command) =>
      runVerb(command, () =>
        connected(options, async (connection) => {
          const { bodyFile, watch, timeout, ...asked } = options;
          const name = await runDrill(connection, deployment, { ...asked, body: await bodyIn(bodyFile) });
          say(name)("begins");
          return watch === true ? await watchDrill(connection, name, timeout, say(name)) : EXIT.done;
        }),
      ),
    );
}

async function bodyIn(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw new CommandError(EXIT.usage, `the body of the requests cannot be read: ${errorMessage(error)}`);
  }
}

function watchCommand(): Command {
  return withConnection(verb("watch", "Follows a drill until it has ended; ends well after one that passed."))
    .argument("<name>", "name of the FailoverDrill")
    .addOption(timeoutOption("how long to watch, such as 5m"))
    .action((name: string, options: ConnectionOptions & { readonly timeout: number }, command: Command) =>
      runVerb(command, () =>
        connected(options, (connection) => watchDrill(connection, name, options.timeout, say(name))),
      ),
    );
}

function reasonOption(text: string): string {
  if (text.length <= MAXIMUM_DRILL_REASON_LENGTH) return text;
  throw new InvalidArgumentError(
    `expected at most ${MAXIMUM_DRILL_REASON_LENGTH} characters, got ${text.length}`,
  );
}

function abortCommand(): Command {
  return withConnection(verb("abort", "Ends a drill, for good: all of it is taken back at once."))
    .argument("<name>", "name of the FailoverDrill")
    .option("--reason <text>", "why, for others to read", reasonOption)
    .action((name: string, options: ConnectionOptions & { readonly reason?: string }, command: Command) =>
      runVerb(command, () =>
        connected(options, async ({ port, namespace }) => {
          await abortDrill(port, namespace, name, options.reason);
          say(name)("ends; all of it is taken back");
          return EXIT.done;
        }),
      ),
    );
}

function reportCommand(): Command {
  return withConnection(verb("report", "Tells what a drill found."))
    .argument("<name>", "name of the FailoverDrill")
    .addOption(
      new Option("--format <format>", "markdown, json, or html: one page with the timeline drawn")
        .choices([...REPORT_FORMATS])
        .default("markdown"),
    )
    .action(
      (name: string, options: ConnectionOptions & { readonly format: ReportFormat }, command: Command) =>
        runVerb(command, () =>
          connected(options, async ({ port, namespace }) => {
            const report = drillReport(await readDrill(port, namespace, name));
            const texts = {
              markdown: () => drillMarkdown(report),
              json: () => `${JSON.stringify(report, null, 2)}\n`,
              html: () => drillPage(report),
            };
            process.stdout.write(texts[options.format]());
            return EXIT.done;
          }),
        ),
    );
}
