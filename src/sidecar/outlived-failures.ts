/**
 * Keeps the sidecar going: what it runs in is begun anew after each failure, with pauses that grow.
 *
 * A pod is ready only while all its containers run. So the process of a sidecar must not end because the sidecar has
 * failed: model servers would be taken out of service for that.
 */
import { type Clock, sleep } from "../core/clock.ts";
import type { Logger } from "../core/log.ts";

/** A sidecar that runs somewhere else, such as in a thread. */
export interface RunningSidecar {
  /** Resolves when it has ended, with what it threw, if anything. */
  readonly ended: Promise<unknown>;
  /** Asks it to end. */
  readonly stop: () => void;
}

const PAUSE_MILLISECONDS = { first: 1_000, last: 60_000 } as const;

/** Starts it again and again, until it is asked to stop; resolves when the last one has ended. */
export async function outliveFailures(
  start: () => RunningSidecar,
  {
    stopped,
    clock,
    log,
  }: { readonly stopped: Promise<unknown>; readonly clock: Clock; readonly log: Logger },
): Promise<void> {
  const stopping = new AbortController();
  stopped.then(() => stopping.abort());
  let pause: number = PAUSE_MILLISECONDS.first;
  for (;;) {
    const since = clock.monotonic();
    const running = start();
    await Promise.race([stopped, running.ended]);
    if (stopping.signal.aborted) {
      running.stop();
      await running.ended;
      return;
    }
    const error = await running.ended;
    // What has worked for long is not what keeps failing.
    if (clock.monotonic() - since >= PAUSE_MILLISECONDS.last) pause = PAUSE_MILLISECONDS.first;
    log.error("the sidecar has failed, and begins anew", {
      "petrel.pause_ms": pause,
      ...(error === undefined ? {} : { error }),
    });
    await sleep(clock, pause, stopping.signal).catch(() => {});
    if (stopping.signal.aborted) return;
    pause = Math.min(2 * pause, PAUSE_MILLISECONDS.last);
  }
}
