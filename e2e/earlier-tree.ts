/**
 * The repository as it was at an earlier commit, for tests of upgrades from there.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { runOrFail } from "./cluster/index.ts";

const root = join(import.meta.dirname, "..");

/** Why a commit's files cannot be had from this clone; undefined when they can. */
export function commitObstacle(commit: string): string | undefined {
  const { status } = spawnSync("git", ["cat-file", "-e", `${commit}^{commit}`], {
    cwd: root,
    stdio: "ignore",
  });
  return status === 0 ? undefined : `commit ${commit} is not in this clone, as in a shallow one`;
}

/** Puts the files of a commit into a folder, which is made, or made anew. */
export async function extractCommit(commit: string, folder: string): Promise<void> {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const archive = join(folder, "tree.tar");
  await runOrFail("git", ["-C", root, "archive", `--output=${archive}`, commit]);
  await runOrFail("tar", ["-xf", archive, "-C", folder]);
  rmSync(archive);
}
