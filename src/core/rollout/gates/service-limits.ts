/**
 * What follows from the limits that a gate on the service holds: some by themselves, some beside stable.
 */
import type { GateFigure } from "../../../api/gate-status.ts";
import type { ShareFinding } from "./failing-share.ts";
import { countText } from "./figure-text.ts";
import type { StepView } from "./gate-evidence.ts";
import type { Judgement } from "./judgement.ts";
import { isLoadedLess, isLoadedMore } from "./service-arms.ts";

/** One limit and how the candidate stands to it. */
export interface LimitCheck {
  /** Beside stable, which counts only with a comparable load. */
  readonly isRelative: boolean;
  readonly finding: ShareFinding;
  /** As estimated, it is not above the limit. */
  readonly isWithin: boolean;
}

/** What is said in any case. */
export interface LimitsSaid {
  /** What fails the candidate, in one word. */
  readonly failure: string;
  readonly message: string;
  readonly figures: readonly GateFigure[];
}

/**
 * Concludes: what is above a limit fails, and what is within all of them passes once there is enough. Beside stable, more
 * load excuses the candidate, and much less of it proves nothing for all the traffic.
 *
 * @param load of a pod of the candidate for each of one of stable's.
 */
export function concludeLimits(
  checks: readonly LimitCheck[],
  load: number,
  step: StepView,
  { failure, message, figures }: LimitsSaid,
): Judgement {
  const isFailing = ({ isRelative, finding }: LimitCheck) =>
    finding.verdict === "Above" && !(isRelative && isLoadedMore(load));
  if (checks.some(isFailing)) return { verdict: "Fail", reason: failure, message, figures };
  const tooFew = checks.filter(({ finding }) => finding.verdict === "TooFew");
  if (tooFew.length > 0 || checks.length === 0) {
    const needed = Math.max(0, ...tooFew.map(({ finding }) => finding.triesNeeded));
    const text = `${message}; ${countText(needed)} first tries of the candidate are needed`;
    return { verdict: "TooLittle", reason: "TooLittle", message: text, figures };
  }
  if (!checks.every(({ isWithin }) => isWithin)) {
    return { verdict: "Undecided", reason: "NotWithin", message, figures };
  }
  if (step.isLast && isLoadedLess(load) && checks.some(({ isRelative }) => isRelative)) {
    const text = `${message}; its pods have less than half of the load of stable's, so they are not comparable`;
    return { verdict: "Undecided", reason: "LoadNotComparable", message: text, figures };
  }
  return { verdict: "Pass", reason: "Within", message, figures };
}
