/**
 * What a router keeps of the first tries of one ModelDeployment: those under the present shares of its arms, minute by
 * minute. Pure.
 *
 * Envoy counts by arm and not by plan, so a minute counts only when all of it, and the time that a request may take
 * before it, was under plans that give the same revisions the same shares. It begins anew whenever that is not so, nor
 * known: counts that are lost make a gate wait, and counts of something else would make it wrong.
 */
import { parseDurationMilliseconds } from "../api/duration.ts";
import type { TrafficPlan } from "../api/traffic-plan.ts";
import { type ArmTries, BLOCK_MINUTES, blockOf, mergeWindows, type TryWindow } from "../stats/first-tries.ts";
import type { CountedArms } from "./first-try-report.ts";

/** What Envoy had counted at one moment. */
export interface FirstTryReading {
  /** Milliseconds since the Unix epoch, at the end of a minute or shortly after. */
  readonly atMilliseconds: number;
  /** Monotonic milliseconds. */
  readonly at: number;
  readonly uptimeSeconds: number;
  readonly counted: CountedArms;
}

/** What is kept. */
export interface FirstTryHistory {
  /** Names revisions and shares. */
  readonly share: string;
  /** The plan that is in effect. */
  readonly epoch: number;
  /** From then on nothing of an earlier plan is counted; monotonic milliseconds. */
  readonly settledAt: number;
  /** The last one; absent before the first, and after one that was missed. */
  readonly reading?: FirstTryReading & { readonly epoch: number };
  /** The last minute that was counted; absent before the first. It stays while readings fail, and so grows old. */
  readonly countedThrough?: number;
  /** Ascending. */
  readonly windows: readonly TryWindow[];
}

/** In milliseconds. */
export const MINUTE = 60_000;
/** Envoy puts its threads' histograms together every 5 seconds, and it may be late. */
const FLUSH_MILLISECONDS = 10_000;
/** A stretch of time counts as a minute when it is one but for so much. */
const MINUTE_TOLERANCE_MILLISECONDS = 10_000;
/** Envoy tells whole seconds, and not at the very moment of the look. */
const UPTIME_TOLERANCE_SECONDS = 3;
/** Later minutes are kept one by one. */
const SINGLE_MINUTES = 60;
/** Earlier ones are dropped. */
const KEPT_MINUTES = 1_440;

/**
 * Takes in which plan is wanted, and which one is in effect. What is wanted is published any moment, so from then on
 * Envoy may count for another share.
 *
 * @param servingEpoch of the plan that Envoy has acknowledged.
 * @param now monotonic milliseconds.
 */
export function withPlan(
  history: FirstTryHistory | undefined,
  wanted: TrafficPlan | undefined,
  servingEpoch: number | undefined,
  now: number,
): FirstTryHistory | undefined {
  const share = wanted === undefined ? undefined : shareOf(wanted);
  if (wanted === undefined || share === undefined || servingEpoch === undefined) return undefined;
  if (history?.share === share) {
    return history.epoch === servingEpoch ? history : { ...history, epoch: servingEpoch };
  }
  if (servingEpoch !== wanted.epoch) return undefined;
  const settledAt = now + parseDurationMilliseconds(wanted.timeout) + FLUSH_MILLISECONDS;
  return { share, epoch: servingEpoch, settledAt, windows: [] };
}

/** What makes counts comparable with earlier ones; undefined for a plan that does not split the traffic for a release. */
function shareOf({ arms, stickiness, timeout, perTryTimeout }: TrafficPlan): string | undefined {
  const isSplit = arms.length === 2 && arms.every(({ weight }) => weight > 0);
  if (!isSplit || !arms.some(({ name }) => name === "Candidate")) return undefined;
  const counted = arms.map(({ name, weight, pools: [first] }) => [
    name,
    weight,
    first?.pool,
    first?.revision,
  ]);
  return JSON.stringify([counted, stickiness ?? null, timeout, perTryTimeout]);
}

/** Takes in a reading, or that there was none. */
export function withReading(history: FirstTryHistory, reading: FirstTryReading | undefined): FirstTryHistory {
  const { reading: before, ...rest } = history;
  if (reading === undefined || reading.at < history.settledAt) return rest;
  const after = { ...reading, epoch: history.epoch };
  const counted = before === undefined ? undefined : countedBetween(before, reading);
  if (before === undefined || counted === undefined) return { ...rest, reading: after };
  const slot = Math.round(reading.atMilliseconds / MINUTE) - 1;
  const window = { slot, minutes: 1, epoch: before.epoch, ...counted };
  const windows = compacted([...history.windows, window], slot);
  return { ...rest, reading: after, countedThrough: slot, windows };
}

/** Undefined unless they are a minute apart and of one Envoy, which counts from nothing when it starts. */
function countedBetween(before: FirstTryReading, after: FirstTryReading): CountedArms | undefined {
  const elapsed = after.at - before.at;
  if (Math.abs(elapsed - MINUTE) > MINUTE_TOLERANCE_MILLISECONDS) return undefined;
  const expectedSeconds = before.uptimeSeconds + elapsed / 1_000 - UPTIME_TOLERANCE_SECONDS;
  if (after.uptimeSeconds < Math.max(before.uptimeSeconds, expectedSeconds)) return undefined;
  const candidate = difference(after.counted.candidate, before.counted.candidate);
  const stable = difference(after.counted.stable, before.counted.stable);
  const uncompared = after.counted.uncompared - before.counted.uncompared;
  if (candidate === undefined || stable === undefined || uncompared < 0) return undefined;
  return { candidate, stable, uncompared };
}

/** Undefined where any count has fallen: that of a listener that was made anew. */
function difference(after: ArmTries, before: ArmTries): ArmTries | undefined {
  const tries = after.tries - before.tries;
  const errors = after.errors - before.errors;
  const latencies = after.latencies.map((count, bucket) => count - (before.latencies[bucket] ?? 0));
  const isGrown = tries >= 0 && errors >= 0 && latencies.every((count) => count >= 0);
  return isGrown ? { tries, errors, latencies } : undefined;
}

/** A clock that was set back brings a minute twice: both add. */
function compacted(windows: readonly TryWindow[], lastSlot: number): readonly TryWindow[] {
  const firstSingle = blockOf(Math.max(0, lastSlot - SINGLE_MINUTES));
  return mergeWindows(windows, (block) => block < firstSingle).filter(
    ({ slot, minutes }) => slot + minutes > lastSlot - KEPT_MINUTES && slot <= lastSlot + BLOCK_MINUTES,
  );
}
