/**
 * `petrel status [NAME]`: one ModelDeployment on one screen, or all of them in a table. It only reads.
 */
import type { Command } from "commander";
import { RESOURCE } from "../api/kube-resources.ts";
import { type Connection, type ConnectionOptions, connected, withConnection } from "./connection.ts";
import { CommandError, EXIT, type ExitCode } from "./exit-code.ts";
import { followObjects, type ReadObjects, readObjects, type Source } from "./followed-objects.ts";
import { type OutputFormat, outputOption, printed } from "./output.ts";
import { screenLines } from "./status/deployment-screen.ts";
import { deploymentView, statusSources } from "./status/deployment-view.ts";
import { fleetLines, fleetView } from "./status/fleet-table.ts";
import { runVerb, verb } from "./verb.ts";

interface Options extends ConnectionOptions {
  readonly allNamespaces?: boolean;
  readonly watch?: boolean;
  readonly output: OutputFormat;
}

/** Clears a terminal, and puts the cursor to its upper left. */
const CLEAR = "\u001b[H\u001b[2J\u001b[3J";

/** The verb `petrel status`. */
export function statusCommand(): Command {
  return withConnection(
    verb("status", "Shows how a ModelDeployment fares, or all of them, those first that need somebody."),
  )
    .argument("[name]", "name of the ModelDeployment; all unless given")
    .option("-A, --all-namespaces", "those of all namespaces")
    .option("-w, --watch", "show it again whenever something changes")
    .addOption(outputOption())
    .action((name: string | undefined, options: Options, command: Command) =>
      runVerb(command, () => connected(options, (connection) => run(connection, name, options))),
    );
}

function run(connection: Connection, name: string | undefined, options: Options): Promise<ExitCode> {
  const { namespace, clock } = connection;
  if (name === undefined) {
    const scope = options.allNamespaces === true ? {} : { namespace };
    const source = { name: "all", resource: RESOURCE.modelDeployment, scope, mayBeForbidden: false } as const;
    return show(connection, options, [source], ({ objects }) => {
      const view = fleetView(objects.all, clock.now());
      return printed(options.output, view, () => fleetLines(view, clock.now()));
    });
  }
  if (options.allNamespaces === true) {
    throw new CommandError(EXIT.usage, "--all-namespaces is for all ModelDeployments: give no name with it");
  }
  return show(connection, options, statusSources(namespace, name), (read) => {
    const view = deploymentView(read, clock.now());
    if (view === undefined) {
      throw new CommandError(EXIT.refused, `there is no ModelDeployment ${name} in namespace ${namespace}`);
    }
    return printed(options.output, view, () => screenLines(view, clock.now()));
  });
}

/** Shows what is read, once or for as long as nobody stops it. */
async function show<Name extends string>(
  connection: Connection,
  { watch, output }: Options,
  sources: readonly Source<Name>[],
  textOf: (read: ReadObjects<Name>) => string,
): Promise<ExitCode> {
  if (watch !== true) {
    process.stdout.write(textOf(await readObjects(connection.port, sources)));
    return EXIT.done;
  }
  const stop = new AbortController();
  const interrupt = () => stop.abort();
  process.once("SIGINT", interrupt).once("SIGTERM", interrupt);
  const clear = process.stdout.isTTY && output === "text" ? CLEAR : "";
  // Documents of YAML have a line between them, and screens that are kept a blank one.
  const separator = output === "yaml" ? "---\n" : output === "text" && clear === "" ? "\n" : "";
  let shown = "";
  let failure: unknown;
  await followObjects(connection, sources, stop.signal, (read) => {
    try {
      const text = textOf(read);
      if (text === shown) return;
      process.stdout.write(`${clear}${shown === "" ? "" : separator}${text}`);
      shown = text;
    } catch (error) {
      failure = error;
      stop.abort();
    }
  });
  if (failure !== undefined) throw failure;
  return EXIT.done;
}
