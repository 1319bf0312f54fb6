/**
 * `petrel digest PATH`: prints the digest of a model as a ModelDeployment states it, of a file or a directory.
 */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { Command } from "commander";
import { errorMessage } from "../core/log.ts";
import { listDirectory } from "../sources/directory-files.ts";
import { digestOfFile } from "./file-digest.ts";
import { type ManifestEntry, manifestDigest, manifestText } from "./model-manifest.ts";
import { checkedPath } from "./model-path.ts";

interface DigestOptions {
  readonly manifest?: boolean;
  readonly without: readonly string[];
}

/** The verb `digest`. */
export function digestCommand(): Command {
  return new Command("digest")
    .description("print the digest of a model file, or of a model directory")
    .argument("<path>", "a file, an archive, or a directory")
    .option("--manifest", "print the manifest of a directory instead: what a detached signature signs")
    .option("--without <path>", "leave out a file of a directory: the signature", collect, [])
    .action(async (path: string, options: DigestOptions, command: Command) => {
      try {
        process.stdout.write(await digestOutput(path, options));
      } catch (error) {
        command.error(`error: ${errorMessage(error)}`);
      }
    });
}

function collect(path: string, paths: readonly string[]): readonly string[] {
  return [...paths, path];
}

async function digestOutput(path: string, { manifest, without }: DigestOptions): Promise<string> {
  if (!(await stat(path)).isDirectory()) {
    if (manifest === true) throw new Error(`only a directory has a manifest; ${path} is a file`);
    return `${(await digestOfFile(path)).digest}\n`;
  }
  const entries = await filesOf(path, without);
  return manifest === true ? manifestText(entries) : `${manifestDigest(entries)}\n`;
}

/** The digest of a model directory, as a ModelDeployment states it. */
export async function directoryDigest(path: string): Promise<string> {
  return manifestDigest(await filesOf(path, []));
}

async function filesOf(path: string, without: readonly string[]): Promise<readonly ManifestEntry[]> {
  const entries: ManifestEntry[] = [];
  for (const file of await listDirectory(path, path)) {
    if (without.includes(file.path)) continue;
    const { digest } = await digestOfFile(join(path, file.path));
    entries.push({ path: checkedPath(file.path, "Source"), digest });
  }
  return entries;
}
