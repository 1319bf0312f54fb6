/**
 * `petrel refresh NAME`: asks the operator to make the pods of a ModelDeployment anew, as it would make them today.
 *
 * It writes one annotation with the rights of the person who calls it, and nothing else: the operator does the work,
 * pod by pod.
 */
import type { Command } from "commander";
import type { ObjectReference } from "../api/kube-object.ts";
import { RESOURCE } from "../api/kube-resources.ts";
import { ANNOTATION } from "../api/names.ts";
import type { KubePort } from "../kube/port.ts";
import { requestByAnnotation } from "./annotation-request.ts";
import { type ConnectionOptions, connected, withConnection } from "./connection.ts";
import { EXIT, type ExitCode } from "./exit-code.ts";
import { refreshed } from "./refresh-progress.ts";
import { runVerb, timeoutOption, verb } from "./verb.ts";

/** Owner of what people write by the command line. It stands in stored objects. */
const FIELD_MANAGER = "petrel-cli";

/**
 * Asks for new pods. Another `token` is another request; the same one again is none. Rejects with a 404 when there
 * is no such ModelDeployment.
 */
export async function requestRefresh(port: KubePort, target: ObjectReference, token: string): Promise<void> {
  await requestByAnnotation(port, target, {
    annotation: ANNOTATION.refresh,
    token,
    fieldManager: FIELD_MANAGER,
  });
}

interface Options extends ConnectionOptions {
  readonly wait?: boolean;
  readonly timeout: number;
}

/** The verb `petrel refresh`. */
export function refreshCommand(): Command {
  return withConnection(
    verb(
      "refresh",
      "Replaces the pods of a ModelDeployment, one by one, by those of the operator's version.",
    ),
  )
    .argument("<name>", "name of the ModelDeployment")
    .option("--wait", "wait until all replicas that serve are replaced")
    .addOption(timeoutOption("how long to wait, such as 90s or 1h; implies --wait").implies({ wait: true }))
    .action((name: string, options: Options, command: Command) => runVerb(command, () => run(name, options)));
}

async function run(name: string, options: Options): Promise<ExitCode> {
  const { wait = false, timeout } = options;
  const say = (text: string) => process.stdout.write(`modeldeployment.petrel.dev/${name}: ${text}\n`);
  return await connected(options, async ({ port, clock, namespace }) => {
    const target = { resource: RESOURCE.modelDeployment, name, namespace };
    const token = new Date(clock.now()).toISOString();
    await requestRefresh(port, target, token);
    say("asked for new pods");
    if (!wait) return EXIT.done;
    await refreshed({ port, clock }, target, token, timeout);
    say("all replicas that serve are replaced");
    return EXIT.done;
  });
}
