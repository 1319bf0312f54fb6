/**
 * Has everything looked at again once in a while, though nothing has changed: what no watch has told (an event that was
 * lost, an error of ours in turning changes into keys) is mended then, and not with the next restart.
 *
 * A look at what is as it should be reads caches alone, so it costs no request. The looks are spread, never a burst.
 */
import type { Clock } from "../core/clock.ts";
import type { Random } from "../kube/backoff.ts";

/** controller-runtime's period. */
const PERIOD_MILLISECONDS = 10 * 3_600_000;
/** The looks of one round are spread over so long, at random. Only one instance leads, so rounds need no jitter. */
const SPREAD_MILLISECONDS = 3_600_000;

/** What a resync needs. */
export interface ResyncOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Asks for a look at every key; `at` gives the time of one of them, in milliseconds since the Unix epoch. */
  readonly askAll: (at: () => number) => void;
}

/** Begins with the first round after a period. Returns a function that ends it. */
export function startResync({ clock, random, askAll }: ResyncOptions): () => void {
  let cancel = () => {};
  const scheduleRound = () => {
    cancel = clock.schedule(PERIOD_MILLISECONDS, () => {
      askAll(() => clock.now() + SPREAD_MILLISECONDS * random());
      scheduleRound();
    });
  };
  scheduleRound();
  return () => cancel();
}
