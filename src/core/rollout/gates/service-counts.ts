/**
 * What is asked of the routers for a release, and what of their answers is evidence of how both arms serve: the first
 * tries since the share of the step is in effect, in minutes in which no pod was cold. Pure.
 */
import type { PlannedPool, TrafficPlan } from "../../../api/traffic-plan.ts";
import type { FirstTries, TryWindow } from "../../../stats/first-tries.ts";
import type { Observation, ObservedPod } from "../../observation.ts";
import { podsOf } from "../../readiness.ts";
import type { ArmService, ServiceFigures } from "./gate-evidence.ts";
import type { Reading } from "./reading.ts";

/** What is asked of all routers of a namespace. But for routers and plans it stays the same while a step goes on. */
export interface RoutersQuestion {
  readonly type: "Routers";
  readonly deployment: string;
  /** IP addresses of those that may have sent requests. */
  readonly addresses: readonly string[];
  /** Since when the share of the step is in effect; what was counted before is left out. */
  readonly fromMilliseconds: number;
  /** Plans that give this share: what was counted under others is left out. */
  readonly epochs: { readonly first: number; readonly last: number };
}

/** A server that has just begun is slow: connections, caches and compiled code are still to be made. */
export const WARM_UP_MILLISECONDS = 60_000;
const MINUTE = 60_000;

/**
 * Routers count at the end of each minute, and are asked once a minute: what they have counted is at most two minutes old,
 * and three when one reading was late.
 */
const MAXIMUM_COUNT_AGE_MILLISECONDS = 3 * MINUTE;
/** A router whose clock goes before by more than this could look fresh long after it has become blind. */
const MAXIMUM_CLOCK_LEAD_MILLISECONDS = MINUTE;

/**
 * Whether what was counted reaches to the moment of asking. Without that no windows, or good ones of long ago, say nothing
 * of the candidate.
 */
export function isCountedRecently(
  { countedThrough }: Pick<FirstTries, "countedThrough">,
  askedAtMilliseconds: number,
): boolean {
  if (countedThrough === undefined) return false;
  const age = askedAtMilliseconds - (countedThrough + 1) * MINUTE;
  return age >= -MAXIMUM_CLOCK_LEAD_MILLISECONDS && age <= MAXIMUM_COUNT_AGE_MILLISECONDS;
}

/**
 * Addresses of the routers that may have sent requests; undefined while one of them has none: what only some of them tell
 * is no evidence.
 */
export function addressesOf({ routers }: Observation): readonly string[] | undefined {
  const live = routers.filter(({ isLive }) => isLive);
  const addresses = live.flatMap(({ address }) => (address === undefined ? [] : [address]));
  return addresses.length === live.length ? addresses : undefined;
}

/** The windows that are about the step. Counted through no minute, unless the last one is about it. */
export function windowsOf(
  { windows, countedThrough, ...rest }: FirstTries,
  { fromMilliseconds, epochs }: Pick<RoutersQuestion, "fromMilliseconds" | "epochs">,
): FirstTries {
  const isOurs = ({ slot, epoch }: TryWindow) =>
    slot * MINUTE >= fromMilliseconds && epochs.first <= epoch && epoch <= epochs.last;
  const ours = windows.filter(isOurs);
  const isCounted = ours.some(
    ({ slot, minutes }) =>
      countedThrough !== undefined && slot <= countedThrough && countedThrough < slot + minutes,
  );
  return { ...rest, windows: ours, ...(isCounted && countedThrough !== undefined ? { countedThrough } : {}) };
}

/** How both arms served, by what routers counted and what is known of the pods that the first tries go to. */
export function serviceOf(
  observation: Observation,
  reading: Reading<FirstTries> | undefined,
): Reading<ServiceFigures> {
  if (addressesOf(observation) === undefined) {
    return { kind: "Missing", reason: "a router that takes requests has no address yet" };
  }
  if (reading === undefined) return { kind: "Missing", reason: "not read yet" };
  if (reading.kind !== "Whole") return reading;
  if (!isCountedRecently(reading.value, reading.atMilliseconds)) {
    return { kind: "Missing", reason: "not every router has counted the last minutes of the step" };
  }
  const arms = observation.deployment.status.traffic?.arms ?? [];
  const poolOf = (name: TrafficPlan["arms"][number]["name"]) =>
    arms.find((arm) => arm.name === name)?.pools[0];
  const pools = { candidate: poolOf("Candidate"), stable: poolOf("Stable") };
  return { ...reading, value: warmFigures(observation, reading.value, pools) };
}

/** How both served in minutes in which no pod was cold, by the pools that their requests go to first. */
export function warmFigures(
  observation: Observation,
  { edgesMilliseconds, windows }: FirstTries,
  pools: Readonly<Record<"candidate" | "stable", PlannedPool | undefined>>,
): ServiceFigures {
  const { nowMilliseconds } = observation;
  const podsIn = (pool: PlannedPool | undefined): readonly ObservedPod[] =>
    pool === undefined ? [] : podsOf(observation, pool.revision, pool.pool);
  const pods = { candidate: podsIn(pools.candidate), stable: podsIn(pools.stable) };
  const readySince = [...pods.candidate, ...pods.stable].flatMap((pod) => pod.readySinceMilliseconds ?? []);
  const warm = windows.filter((window) => !readySince.some((since) => isCold(window, since)));
  const armOf = (arm: "candidate" | "stable"): ArmService => ({
    warmPods: pods[arm].filter((pod) => isWarm(pod, nowMilliseconds)).length,
    minutes: warm.map((window) => {
      const { tries, errors, latencies } = window[arm];
      const load = arm === "stable" ? { uncompared: window.uncompared } : {};
      return { firstTries: tries, errors, latencies, ...load };
    }),
  });
  return {
    latencyEdgesMilliseconds: edgesMilliseconds,
    candidate: armOf("candidate"),
    stable: armOf("stable"),
  };
}

function isWarm({ isReady, readySinceMilliseconds: since }: ObservedPod, now: number): boolean {
  return isReady && since !== undefined && now - since >= WARM_UP_MILLISECONDS;
}

/** Whether a pod that became ready at a moment was cold in any part of a window. */
function isCold({ slot, minutes }: TryWindow, since: number): boolean {
  return slot * MINUTE < since + WARM_UP_MILLISECONDS && (slot + minutes) * MINUTE > since;
}
