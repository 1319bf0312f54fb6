/**
 * A real Alertmanager on loopback, and its tool, as tests start and end them.
 *
 * Debian's look for their templates below `/usr/share`, where the package would lie were it installed: for them alone, in a
 * name space of their own, it lies there.
 */
import { join } from "node:path";
import { run } from "../../e2e/cluster/index.ts";
import { unpackedPackage } from "../../e2e/cluster/toolchain/unpacked-package.ts";
import { succeeding } from "./chart-setup.ts";
import { type LoopbackProgram, startOnLoopback } from "./loopback-program.ts";

const AS_INSTALLED = 'mount --bind "$0/usr/share" /usr/share && exec "$0/usr/bin/$@"';

/** Arguments of `unshare` that run a program of the package. */
async function installed(program: string, words: readonly string[]): Promise<string[]> {
  const place = await unpackedPackage("prometheus-alertmanager");
  return ["--user", "--map-root-user", "--mount", "sh", "-c", AS_INSTALLED, place, program, ...words];
}

/** What amtool prints. Rejects, with what it says, where it is not content. */
export async function amtool(words: readonly string[]): Promise<string> {
  return (await succeeding(run("unshare", await installed("amtool", words)))).trim();
}

/** Starts an Alertmanager without others beside it; `folder` is where it keeps what it knows. */
export async function startAlertmanager(folder: string, configuration: string): Promise<LoopbackProgram> {
  const words = [
    `--config.file=${configuration}`,
    `--storage.path=${join(folder, "alertmanager")}`,
    "--cluster.listen-address=",
    "--log.level=error",
  ];
  const program = await installed("prometheus-alertmanager", words);
  return await startOnLoopback("unshare", (address) => [...program, `--web.listen-address=${address}`]);
}
