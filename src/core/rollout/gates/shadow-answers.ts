/**
 * Always on while requests are mirrored: whether there are enough pairs, and whether the candidate answers what it gets.
 *
 * What it did not answer is in no comparison, so a candidate that answers only what is easy must not look well. A copy that
 * nobody told of may have been lost on its way as well, so this waits, and fails by its deadline alone. It passes once all
 * that the evidence leaves open is enough, as with every bound on pairs.
 */
import { parseShare } from "../../../api/percentage.ts";
import { DEFAULT_MINIMUM_ANSWERED, DEFAULT_MINIMUM_PAIRS } from "../../../api/shadow.ts";
import { boundedMean } from "../../../stats/mean-bounds.ts";
import { countText, numberText, percentText, present } from "./figure-text.ts";
import { judgeKnown } from "./judgement.ts";
import { knowledgeOf } from "./reading.ts";
import { allOf, needOf, SHADOW_ALPHA, type ShadowGate } from "./shadow-gate.ts";

/** The gate. */
export const shadowAnswers: ShadowGate = {
  name: "shadow-answers",
  looksForHarm: false,
  applies: () => true,
  judge({ settings, step, evidence }) {
    const knowledge = knowledgeOf(evidence.shadow, "mirrored requests", step.nowMilliseconds);
    return judgeKnown(knowledge, ({ counts }) => {
      const { minPairs = DEFAULT_MINIMUM_PAIRS, minAnswered = DEFAULT_MINIMUM_ANSWERED } = settings;
      const least = parseShare(minAnswered);
      const pairs = allOf(counts, "pairs");
      const { originals, answered } = counts.sums;
      const found = boundedMean({ counts: originals, sums: answered, values: "ZeroOne" }, SHADOW_ALPHA);
      const { mean, lower, upper, count, dispersion } = found;
      const range = Number.isFinite(lower) ? ` (${percentText(lower)} to ${percentText(upper)})` : "";
      const message = `the candidate answered ${percentText(mean)}${range} of ${countText(count)} mirrored requests well; it must be at least ${percentText(least)}`;
      const figures = [
        {
          name: "answered",
          ...present({
            estimate: numberText(mean),
            lower: numberText(lower),
            upper: numberText(upper),
            threshold: numberText(least),
            dispersion: numberText(dispersion),
          }),
          candidateCount: allOf(counts, "answered"),
          stableCount: count,
        },
      ];
      if (!(pairs >= minPairs)) {
        const text = `${countText(pairs)} of the ${countText(minPairs)} pairs that are needed; ${message}`;
        const needs = needOf(pairs, minPairs, step);
        return { verdict: "TooLittle", reason: "TooLittle", message: text, figures, ...present({ needs }) };
      }
      // What is not a number is not enough.
      if (lower >= least) return { verdict: "Pass", reason: "Answered", message, figures };
      const reason = mean >= least ? "NotShown" : "TooFewAnswered";
      return { verdict: "Undecided", reason, message, figures };
    });
  },
};
