/**
 * Always on where arms are compared: whether users come to them in the shares that the weights say. When they do not, no
 * comparison means anything.
 */
import type { GateFigure } from "../../../api/gate-status.ts";
import { findSkew } from "../../../stats/sample-ratio.ts";
import { countText, numberText, present } from "./figure-text.ts";
import { type CountGate, type JudgeInput, type Judgement, judgeKnown, noData } from "./judgement.ts";
import { knowledgeOf } from "./reading.ts";

/** The probability of a false alarm over all looks. */
export const SAMPLE_RATIO_ALPHA = 0.001;
/** So many let something be said; as many are supposed before the first. */
const LEAST_UNITS = 100;

/** The gate. */
export const sampleRatio: CountGate = {
  name: "sample-ratio",
  judge: judgeSampleRatio,
  applies: ({ collected }, isCompared) => collected !== undefined && isCompared,
};

/** Judges the counts of who came to the arms. */
function judgeSampleRatio({ step, evidence }: JudgeInput<object>): Judgement {
  const knowledge = knowledgeOf(evidence.collected, "evidence of the collectors", step.nowMilliseconds);
  return judgeKnown(knowledge, ({ drawn }) => {
    if (drawn === undefined)
      return noData({ reason: "who comes to the arms is not counted yet" }, "NotCounted");
    const areRequests = drawn.of === "Requests";
    const finding = findSkew(drawn.epochs, SAMPLE_RATIO_ALPHA, areRequests ? "Different" : "Again");
    const units = areRequests ? "requests" : "users";
    const { verdict, reason, users: [candidate = 0, ...others] = [], expected: [planned = 0] = [] } = finding;
    const stable = others.reduce((sum, count) => sum + count, 0);
    const counted = `${countText(candidate)} of ${countText(candidate + stable)} ${units} went to the candidate`;
    const message = `${counted}, and ${countText(planned)} were expected`;
    const figures: readonly GateFigure[] = [
      {
        name: `${units}-of-candidate`,
        ...present({ estimate: numberText(candidate), threshold: numberText(planned) }),
        candidateCount: candidate,
        stableCount: stable,
      },
    ];
    if (verdict === "NoVerdict") {
      return { verdict: "NoData", reason: "EvidenceFaulty", message: `${units} by arm: ${reason}` };
    }
    if (verdict === "Skewed") return { verdict: "Fail", reason: "Skewed", message, figures };
    if (candidate + stable < LEAST_UNITS) {
      return { verdict: "TooLittle", reason: "TooLittle", message, figures };
    }
    return { verdict: "Pass", reason: "AsPlanned", message, figures };
  });
}
