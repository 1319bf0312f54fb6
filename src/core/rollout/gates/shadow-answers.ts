/**
 * Always on while requests are mirrored: whether there are enough pairs, and whether the candidate answers what it gets.
 *
 * What it did not answer is in no comparison, so a candidate that answers only what is easy must not look well. A copy that
 * nobody told of may have been lost on its way as well, so this waits, and fails by its deadline alone.
 */
import { parseShare } from "../../../api/percentage.ts";
import { DEFAULT_MINIMUM_ANSWERED, DEFAULT_MINIMUM_PAIRS } from "../../../api/shadow.ts";
import { countText, numberText, percentText, present } from "./figure-text.ts";
import { judgeKnown } from "./judgement.ts";
import { knowledgeOf } from "./reading.ts";
import { allOf, needOf, type ShadowGate } from "./shadow-gate.ts";

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
      const [pairs, originals, answered] = [
        allOf(counts, "pairs"),
        allOf(counts, "originals"),
        allOf(counts, "answered"),
      ];
      const share = answered / originals;
      const message = `the candidate answered ${percentText(share)} of ${countText(originals)} mirrored requests well; it must be at least ${percentText(least)}`;
      const figures = [
        {
          name: "answered",
          ...present({ estimate: numberText(share), threshold: numberText(least) }),
          candidateCount: answered,
          stableCount: originals,
        },
      ];
      if (!(pairs >= minPairs)) {
        const text = `${countText(pairs)} of the ${countText(minPairs)} pairs that are needed; ${message}`;
        const needs = needOf(pairs, minPairs, step);
        return { verdict: "TooLittle", reason: "TooLittle", message: text, figures, ...present({ needs }) };
      }
      return share >= least
        ? { verdict: "Pass", reason: "Answered", message, figures }
        : { verdict: "Undecided", reason: "TooFewAnswered", message, figures };
    });
  },
};
