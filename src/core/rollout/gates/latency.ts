/**
 * Latency: whether a quantile of the candidate's first tries is larger than it may be, or than stable's.
 *
 * That p99 is above a limit is the same as that more than 1 % of the first tries take longer, so it is judged as a share.
 */
import { parseDurationMilliseconds } from "../../../api/duration.ts";
import { parseShare } from "../../../api/percentage.ts";
import type { GateSpec, LATENCY_QUANTILES } from "../../../api/rollout-gates.ts";
import { findShareAbove } from "./failing-share.ts";
import { countText, numberText, percentText, present } from "./figure-text.ts";
import type { ServiceFigures, StepView } from "./gate-evidence.ts";
import { gateKind, type JudgeInput, type Judgement } from "./judgement.ts";
import { latencyQuantile, slowerThan } from "./latency-quantile.ts";
import { judgeService, relativeLoad } from "./service-arms.ts";
import { concludeLimits, type LimitCheck } from "./service-limits.ts";

/** Settings of the gate: at least one of the two limits. */
export interface LatencySettings {
  /** Between 0 and 1. */
  readonly quantile: number;
  readonly maxMilliseconds?: number;
  /** As a share of stable's: 0.2 for 20 % more. */
  readonly maxAboveStable?: number;
}

const QUANTILES: Readonly<Record<(typeof LATENCY_QUANTILES)[number], number>> = {
  p50: 0.5,
  p90: 0.9,
  p95: 0.95,
  p99: 0.99,
  "p99.9": 0.999,
};

/** The type `Latency`. */
export const latencyGate = gateKind<LatencySettings>(
  ({ latency }) => (latency === undefined ? undefined : latencySettings(latency)),
  judgeLatency,
);

/** A bound of a spec as settings. */
export function latencySettings({
  quantile,
  max,
  maxAboveStable,
}: NonNullable<GateSpec["latency"]>): LatencySettings {
  return {
    quantile: QUANTILES[quantile],
    ...(max === undefined ? {} : { maxMilliseconds: parseDurationMilliseconds(max) }),
    ...(maxAboveStable === undefined ? {} : { maxAboveStable: parseShare(maxAboveStable) }),
  };
}

/** Judges the candidate's latency. */
export function judgeLatency({ settings, step, evidence }: JudgeInput<LatencySettings>): Judgement {
  return judgeService(evidence, step, (figures) => judgeQuantile(settings, step, figures));
}

function judgeQuantile(
  { quantile, maxMilliseconds, maxAboveStable }: LatencySettings,
  step: StepView,
  figures: ServiceFigures,
): Judgement {
  const { latencyEdgesMilliseconds: edges } = figures;
  const candidate = latencyQuantile(quantile, edges, figures.candidate);
  const stable = latencyQuantile(quantile, edges, figures.stable);
  // Beyond the last edge nothing is known of how much.
  const isKnown = Number.isFinite(candidate.estimate);
  const checks: LimitCheck[] = [];
  const limits: number[] = [];
  const hold = (limit: number, passing: number, isRelative: boolean) => {
    const finding = findShareAbove(slowerThan(limit, edges, figures.candidate), 1 - quantile);
    checks.push({ isRelative, finding, isWithin: isKnown && candidate.estimate <= passing });
    limits.push(passing);
  };
  if (maxMilliseconds !== undefined) hold(maxMilliseconds, maxMilliseconds, false);
  if (maxAboveStable !== undefined) {
    if (stable.count === 0) {
      const message = "stable has no latencies to compare with";
      return { verdict: "TooLittle", reason: "TooLittle", message };
    }
    // Stable's own quantile is uncertain: beyond its bound fails the candidate, at its estimate passes it.
    hold(stable.upper * (1 + maxAboveStable), stable.estimate * (1 + maxAboveStable), true);
  }
  const limit = Math.min(...limits);
  const name = quantileName(quantile);
  const range = `${timeText(candidate.estimate)} (${timeText(candidate.lower)} to ${timeText(candidate.upper)})`;
  const seen = `${name} of ${countText(candidate.count)} first tries is ${range}`;
  const message = `${seen}, and ${timeText(stable.estimate)} of stable's; it may be at most ${timeText(limit)}`;
  const figure = {
    name,
    unit: "ms",
    ...present({
      estimate: numberText(candidate.estimate),
      lower: numberText(candidate.lower),
      upper: numberText(candidate.upper),
      threshold: numberText(limit),
      stable: numberText(stable.estimate),
      dispersion: numberText(checks[0]?.finding.dispersion ?? 1),
    }),
    candidateCount: candidate.count,
    stableCount: stable.count,
  };
  return concludeLimits(checks, relativeLoad(figures), step, {
    failure: "TooSlow",
    message: candidate.count === 0 ? "the candidate has no first tries yet" : message,
    figures: [figure],
  });
}

function quantileName(quantile: number): string {
  return `p${percentText(quantile).replace(" %", "")}`;
}

function timeText(milliseconds: number): string {
  if (Number.isNaN(milliseconds)) return "nothing";
  const text = numberText(Number(milliseconds.toPrecision(4)));
  return text === undefined ? "more than is counted" : `${text} ms`;
}
