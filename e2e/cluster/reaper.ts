/**
 * Removes what this process made when this process ends without having done so: by an exception, a signal,
 * SIGKILL included, or a crash of the test runner.
 *
 * A small shell of its own session waits on a pipe from this process. The kernel closes the pipe when this
 * process ends, whatever the way; the shell then becomes the command line's `down`.
 */
import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync } from "node:fs";
import { join } from "node:path";
import { cacheFolder } from "./cache.ts";

const script = 'read -r word; if [ "$word" = dismissed ]; then exit 0; fi; exec "$@"';

/** A guard over what was made. */
export interface Reaper {
  /** Nothing is left to remove, or all of it shall stay. */
  dismiss(): void;
}

/** Starts the guard; call it before the first thing is made. `args` are arguments of `e2e/cluster/main.ts`. */
export function startReaper(args: readonly string[]): Reaper {
  const folder = join(cacheFolder(), "logs");
  mkdirSync(folder, { recursive: true });
  const log = openSync(join(folder, "reaper.log"), "a");
  const main = join(import.meta.dirname, "main.ts");
  const child = spawn("sh", ["-c", script, "sh", process.execPath, main, ...args], {
    detached: true,
    stdio: ["pipe", log, log],
    cwd: "/",
  });
  closeSync(log);
  child.on("error", (error) => {
    throw new Error(`cannot start the clean-up guard: ${error.message}`);
  });
  const pipe = child.stdin;
  if (pipe === null) throw new Error("cannot start the clean-up guard: no pipe to it");
  pipe.on("error", () => {});
  child.unref();
  // The open pipe must not keep this process alive: its end is the signal.
  if ("unref" in pipe && typeof pipe.unref === "function") pipe.unref();
  return { dismiss: () => pipe.end("dismissed\n") };
}
