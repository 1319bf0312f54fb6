/**
 * How many replicas the load of the last minutes needed: what scaling in waits for. Pure.
 *
 * It is found anew from the samples at each look, so nothing of it has to be stored. A slot of which nothing is known needed
 * the replicas that there are: so nothing is scaled in unless all of the time is known.
 */
import { LOAD_SLOT_MILLISECONDS, loadSlotAt } from "../../stats/load-slots.ts";
import { type LoadSample, lastSamples } from "./load-sample.ts";
import { type LoadTarget, neededReplicas, observedLoad } from "./reactive.ts";

/** So long after its end a slot may come. */
export const LATENESS_MILLISECONDS = 20_000;
const MINUTE_SECONDS = 60;

/** What it depends on. */
export interface NeedsInput {
  readonly nowMilliseconds: number;
  /** Of the time, and a minute before it. */
  readonly samples: readonly LoadSample[];
  readonly targets: readonly LoadTarget[];
  readonly tolerance: number;
  /** Seconds that a request usually takes. */
  readonly serviceSeconds: number | undefined;
  /** Replicas that are asked for, and since when. */
  readonly asked: number;
  readonly askedSinceMilliseconds: number;
}

/** The most that was needed in a time until now; at least what was asked for in that time by the last change. */
export function mostNeeded(input: NeedsInput, windowMilliseconds: number): number {
  const { nowMilliseconds, asked, askedSinceMilliseconds, tolerance } = input;
  // By a clock that was set back it was asked for in a time to come, and counts as well.
  if (Math.abs(nowMilliseconds - askedSinceMilliseconds) < windowMilliseconds) return asked;
  const from = nowMilliseconds - windowMilliseconds;
  const samples = lastSamples(input.samples, nowMilliseconds, windowMilliseconds / 1_000 + MINUTE_SECONDS);
  const ends = new Set(samples.map(({ atMilliseconds }) => atMilliseconds));
  const lastDue = loadSlotAt(nowMilliseconds - LATENESS_MILLISECONDS) * LOAD_SLOT_MILLISECONDS;
  let most = 0;
  for (
    let at = Math.max(lastDue, samples.at(-1)?.atMilliseconds ?? 0);
    at > from;
    at -= LOAD_SLOT_MILLISECONDS
  ) {
    const needed = ends.has(at) ? neededAt({ ...input, samples }, at) : undefined;
    const isNear = needed === undefined || Math.abs(needed - asked) <= asked * tolerance;
    most = Math.max(most, isNear ? asked : Math.ceil(needed));
  }
  return most;
}

function neededAt(
  { samples, targets, serviceSeconds }: NeedsInput,
  atMilliseconds: number,
): number | undefined {
  const minute = lastSamples(samples, atMilliseconds, MINUTE_SECONDS);
  const load = observedLoad(minute, atMilliseconds, serviceSeconds);
  return load === undefined ? undefined : neededReplicas(load, targets);
}
