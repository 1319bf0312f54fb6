/**
 * What is asked of the collector about mirrored requests, and what of its answer may be judged by. Pure.
 */
import { formatPercentage } from "../../../api/percentage.ts";
import type { ShadowCounts } from "../../../stats/shadow-counts.ts";
import { totalOf } from "../../../stats/total.ts";
import type { Observation } from "../../observation.ts";
import type { ShadowEvidence } from "./gate-evidence.ts";
import type { Reading } from "./reading.ts";
import { warmFigures } from "./service-counts.ts";

/** What is asked. But for the plans it stays the same while requests are mirrored. */
export interface ShadowQuestion {
  readonly type: "Shadow";
  readonly namespace: string;
  readonly deployment: string;
  /** Plans that mirror the share of the step. */
  readonly epochs: { readonly first: number; readonly last: number };
}

/** A pair that was found so long ago says nothing of what happens now. */
export const LATEST_PAIR_MILLISECONDS = 900_000;

/** What is known of mirrored requests. Nothing while no pair was found lately: the mirroring itself may be broken. */
export function shadowOf(
  observation: Observation,
  reading: Reading<ShadowCounts> | undefined,
): Reading<ShadowEvidence> {
  if (reading === undefined) return { kind: "Missing", reason: "not read yet" };
  if (reading.kind !== "Whole") return reading;
  const { value: counts, atMilliseconds } = reading;
  const { arms, mirror } = observation.deployment.status.traffic ?? { arms: [] };
  if (mirror === undefined) return { kind: "Missing", reason: "nothing is mirrored now" };
  if (counts.lastPairSeconds === undefined) {
    const mirrored = `the ${formatPercentage(mirror.share)} of the requests that are mirrored`;
    const reason =
      totalOf(counts.sums.originals) > 0
        ? `the candidate has told of no copy of ${mirrored} yet`
        : `stable has told of no answer with scores to ${mirrored} yet`;
    return { kind: "Missing", reason };
  }
  if (atMilliseconds - counts.lastPairSeconds * 1_000 > LATEST_PAIR_MILLISECONDS) {
    return {
      kind: "Missing",
      reason: "no mirrored request was told of by both revisions in the last 15 minutes",
    };
  }
  const pools = { candidate: mirror.pools[0], stable: arms.find(({ name }) => name === "Stable")?.pools[0] };
  return { ...reading, value: { counts, service: warmFigures(observation, counts.service, pools) } };
}
