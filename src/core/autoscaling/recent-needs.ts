/**
 * How many replicas the load of the last minutes needed, slot by slot: what scaling in waits for. Pure.
 *
 * It is found anew from the samples at each look, so nothing of it has to be stored. A slot of which nothing is known needed
 * the replicas that there are: so nothing is scaled in unless all of the time is known.
 */
import { LOAD_SLOT_MILLISECONDS, loadSlotAt } from "../../stats/load-slots.ts";
import { type LoadSample, lastSamples } from "./load-sample.ts";
import { type LoadTarget, neededReplicas, observedLoad } from "./reactive.ts";
import type { Recommended } from "./stabilisation.ts";

/** So long after its end a slot may come. */
export const LATENESS_MILLISECONDS = 20_000;
const MINUTE_MILLISECONDS = 60_000;

/** What it depends on. */
export interface NeedsInput {
  readonly nowMilliseconds: number;
  readonly samples: readonly LoadSample[];
  readonly targets: readonly LoadTarget[];
  readonly tolerance: number;
  readonly coldStartMilliseconds: number;
  /** Used where nothing was answered. */
  readonly serviceSeconds: number | undefined;
  /** Replicas that are asked for. */
  readonly asked: number;
}

/** What each slot of a time until now needed. */
export function recentNeeds(input: NeedsInput, windowMilliseconds: number): readonly Recommended[] {
  const { nowMilliseconds, samples, asked, tolerance } = input;
  const from = nowMilliseconds - windowMilliseconds;
  const ends = new Set(samples.map(({ atMilliseconds }) => atMilliseconds));
  const lastDue = loadSlotAt(nowMilliseconds - LATENESS_MILLISECONDS) * LOAD_SLOT_MILLISECONDS;
  const newest = Math.max(lastDue, samples.at(-1)?.atMilliseconds ?? 0);
  const needs: Recommended[] = [];
  for (let at = newest; at > from; at -= LOAD_SLOT_MILLISECONDS) {
    const needed = ends.has(at) ? neededAt(input, at) : undefined;
    const isNear = needed === undefined || Math.abs(needed - asked) <= asked * tolerance;
    needs.push({ atMilliseconds: at, replicas: isNear ? asked : Math.ceil(needed) });
  }
  return needs;
}

function neededAt(
  { samples, targets, coldStartMilliseconds, serviceSeconds }: NeedsInput,
  atMilliseconds: number,
): number | undefined {
  const minute = lastSamples(samples, atMilliseconds, MINUTE_MILLISECONDS / 1_000);
  const load = observedLoad(minute, atMilliseconds, coldStartMilliseconds / 1_000, serviceSeconds);
  return load === undefined ? undefined : neededReplicas(load, targets);
}
