/**
 * `petrel wait NAME --for=promoted`: for pipelines. It says what is awaited, and ends at once when that will not come
 * by itself, which `kubectl wait` cannot know. It only reads.
 */
import { type Command, Option } from "commander";
import type { ObjectReference } from "../api/kube-object.ts";
import { type Connection, type ConnectionOptions, connected, withConnection } from "./connection.ts";
import { deploymentObject, deploymentReference } from "./deployment-object.ts";
import { CommandError, EXIT, type ExitCode } from "./exit-code.ts";
import { followObjects } from "./followed-objects.ts";
import { printable } from "./terminal-text.ts";
import { runVerb, timeoutOption, verb } from "./verb.ts";
import { GOALS, type Goal, type Progress, progressTo } from "./wait/awaited.ts";

interface Options extends ConnectionOptions {
  readonly for: Goal;
  readonly timeout: number;
}

/** The verb `petrel wait`. */
export function waitCommand(): Command {
  return withConnection(verb("wait", "Waits until a model is in use, or ends at once when it will not be."))
    .argument("<name>", "name of the ModelDeployment")
    .addOption(
      new Option(
        "--for <what>",
        "promoted: the model of the spec has all the traffic; ready: all replicas serve",
      )
        .choices([...GOALS])
        .default("promoted"),
    )
    .addOption(timeoutOption("how long to wait, such as 90s or 1h"))
    .action((name: string, options: Options, command: Command) =>
      runVerb(command, () =>
        connected(options, (connection) => {
          const target = deploymentReference(connection.namespace, name);
          const say = (text: string) =>
            process.stdout.write(`modeldeployment.petrel.dev/${name}: ${printable(text)}\n`);
          return waitFor(connection, target, options.for, options.timeout, say);
        }),
      ),
    );
}

/**
 * Resolves once the goal is reached. Rejects with {@link CommandError} when it will not be, and when time runs out;
 * with the API server's refusal when it cannot be asked at all.
 */
export async function waitFor(
  connection: Pick<Connection, "port" | "clock">,
  target: ObjectReference,
  goal: Goal,
  timeoutMilliseconds: number,
  say: (text: string) => void,
): Promise<ExitCode> {
  const { port, clock } = connection;
  // Says that there is none, or that this person may not look, before anything is waited for.
  await port.get(target);
  const stop = new AbortController();
  let last: Progress = { state: "Waiting", said: "nothing was heard" };
  const cancel = clock.schedule(timeoutMilliseconds, () => stop.abort());
  const scope = {
    ...(target.namespace === undefined ? {} : { namespace: target.namespace }),
    fieldSelector: `metadata.name=${target.name}`,
  };
  const source = { name: "one", resource: target.resource, scope, mayBeForbidden: false } as const;
  try {
    await followObjects(connection, [source], stop.signal, ({ objects }) => {
      const [object] = objects.one;
      const progress = progressTo(goal, object === undefined ? undefined : deploymentObject(object));
      if (progress.state === "Waiting" && progress.said !== last.said) {
        say(`waiting to be ${goal}: ${progress.said}`);
      }
      last = progress;
      if (progress.state !== "Waiting") stop.abort();
    });
  } finally {
    cancel();
  }
  // What is assigned in a callback is not seen by the compiler.
  const { state, said } = last as Progress;
  if (state === "Impossible") throw new CommandError(EXIT.refused, `will not be ${goal}: ${said}`);
  if (state === "Waiting") {
    const seconds = timeoutMilliseconds / 1000;
    throw new CommandError(EXIT.timeout, `not ${goal} within ${seconds} s: ${said}`);
  }
  say(`${goal}: ${said}`);
  return EXIT.done;
}
