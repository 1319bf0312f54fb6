/**
 * Errors: whether more of the candidate's first tries fail than may, or than of stable's.
 */
import { parseShare } from "../../../api/percentage.ts";
import { findShareAbove, type ShareMinute, shareBounds, shareOf, triesOf } from "./failing-share.ts";
import { countText, numberText, percentText, present } from "./figure-text.ts";
import type { ArmService, ServiceFigures, StepView } from "./gate-evidence.ts";
import { gateKind, type JudgeInput, type Judgement } from "./judgement.ts";
import { judgeService, relativeLoad } from "./service-arms.ts";
import { concludeLimits, type LimitCheck } from "./service-limits.ts";

/** Settings of the gate: at least one of the two. Shares between 0 and 1. */
export interface ErrorsSettings {
  readonly max?: number;
  readonly maxAboveStable?: number;
}

/** The type `Errors`. */
export const errorsGate = gateKind<ErrorsSettings>(({ errors }) => {
  if (errors === undefined) return undefined;
  const { max, maxAboveStable } = errors;
  return present({ max: shareIn(max), maxAboveStable: shareIn(maxAboveStable) });
}, judgeErrors);

function shareIn(percentage: string | undefined): number | undefined {
  return percentage === undefined ? undefined : parseShare(percentage);
}

/** Judges the candidate's errors. */
export function judgeErrors({ settings, step, evidence }: JudgeInput<ErrorsSettings>): Judgement {
  return judgeService(evidence, step, (figures) => judgeShares(settings, step, figures));
}

function judgeShares(
  { max, maxAboveStable }: ErrorsSettings,
  step: StepView,
  figures: ServiceFigures,
): Judgement {
  const [candidate, stable] = [failing(figures.candidate), failing(figures.stable)];
  const [share, stableShare] = [shareOf(candidate), shareOf(stable)];
  const checks: LimitCheck[] = [];
  const limits: number[] = [];
  const hold = (limit: number, passing: number, isRelative: boolean) => {
    const finding = findShareAbove(candidate, limit);
    checks.push({ isRelative, finding, isWithin: share <= passing });
    limits.push(passing);
  };
  if (max !== undefined) hold(max, max, false);
  if (maxAboveStable !== undefined) {
    if (!(triesOf(stable) > 0)) {
      const message = "stable has no first tries to compare with";
      return { verdict: "TooLittle", reason: "TooLittle", message };
    }
    // Stable's own share is uncertain: beyond its bound fails the candidate, at its estimate passes it.
    hold(shareBounds(stable).upper + maxAboveStable, stableShare + maxAboveStable, true);
  }
  const tries = triesOf(candidate);
  const limit = Math.min(...limits);
  const { lower, upper } = shareBounds(candidate);
  const seen = `${percentText(share)} of ${countText(tries)} first tries failed`;
  const message = `${seen}, and ${percentText(stableShare)} of stable's; at most ${percentText(limit)} may`;
  const figure = {
    name: "errors",
    ...present({
      estimate: numberText(share),
      lower: numberText(lower),
      upper: numberText(upper),
      threshold: numberText(limit),
      stable: numberText(stableShare),
      dispersion: numberText(checks[0]?.finding.dispersion ?? 1),
    }),
    candidateCount: tries,
    stableCount: triesOf(stable),
  };
  return concludeLimits(checks, relativeLoad(figures), step, {
    failure: "TooManyErrors",
    message: tries === 0 ? "the candidate has no first tries yet" : message,
    figures: [figure],
  });
}

function failing({ minutes }: ArmService): readonly ShareMinute[] {
  return minutes.map(({ firstTries, errors }) => ({ tries: firstTries, atLeast: errors, atMost: errors }));
}
