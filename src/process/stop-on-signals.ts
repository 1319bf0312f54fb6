/**
 * How a program hears that it shall stop: SIGTERM from the kubelet, SIGINT from a terminal.
 *
 * The first signal asks; the second ends the process at once. It has to do so itself: the system lets the first
 * process of a container ignore a signal that nobody listens to.
 */
import { constants } from "node:os";
import type { Logger } from "../core/log.ts";

/** Exit codes of a program that a signal ended are this and the signal's number, as shells have it. */
const SIGNAL_EXIT_CODE = 128;

/** A signal that is aborted when the process is asked to stop. */
export function stopOnSignals(log: Logger): AbortSignal {
  const controller = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.on(signal, () => {
      if (controller.signal.aborted) {
        process.exit(SIGNAL_EXIT_CODE + constants.signals[signal]);
      }
      log.info("asked to stop", { "petrel.signal": signal });
      controller.abort();
    });
  }
  return controller.signal;
}
