/**
 * Starts the sidecar as a thread: whatever it throws, or when its memory is full, the thread ends, and the process stays.
 */
import { Worker } from "node:worker_threads";
import type { RunningSidecar } from "./outlived-failures.ts";
import type { SidecarArguments } from "./run-sidecar.ts";

/** Starts it. */
export function startThread(options: SidecarArguments): RunningSidecar {
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  const worker = new Worker(new URL(`./sidecar-worker.${extension}`, import.meta.url), {
    workerData: options,
    name: "sidecar",
  });
  let thrown: unknown;
  worker.on("error", (error) => {
    thrown = error;
  });
  return {
    ended: new Promise((resolve) => {
      worker.once("exit", () => resolve(thrown));
    }),
    stop: () => worker.postMessage("stop"),
  };
}
