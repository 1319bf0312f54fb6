/**
 * Locks between processes of this machine, by flock(1) on a file.
 *
 * The kernel holds the lock for a small child process that lives as long as the pipe to it, so a lock never
 * outlives its owner, SIGKILL included, and there is no stale lock to judge.
 */
import { spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { dirname } from "node:path";

/** Runs `work` while holding the lock on `file` (made when missing); waits as long as another holds it. */
export async function withLock<T>(file: string, work: () => Promise<T>): Promise<T> {
  mkdirSync(dirname(file), { recursive: true });
  const holder = spawn("flock", ["--exclusive", file, "sh", "-c", "echo locked; exec cat >/dev/null"], {
    stdio: ["pipe", "pipe", "inherit"],
    // Out of the terminal's process group: a Ctrl-C must not free the lock while the owner still cleans up.
    detached: true,
  });
  const gone = new Promise<void>((resolve) => holder.on("close", () => resolve()));
  await new Promise<void>((resolve, reject) => {
    holder.on("error", (error) => reject(new Error(`cannot lock ${file}: ${error.message}`)));
    holder.on("exit", (code) => reject(new Error(`cannot lock ${file}: flock ended with ${code}`)));
    holder.stdout.once("data", () => resolve());
  });
  try {
    return await work();
  } finally {
    holder.stdin.end();
    await gone;
  }
}
