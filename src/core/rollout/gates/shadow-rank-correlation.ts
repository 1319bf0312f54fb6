/**
 * How far both revisions put the rows of mirrored requests in the same order: the mean of Kendall's tau-b over lists.
 */
import { numberText } from "./figure-text.ts";
import { judgeKnown, noData } from "./judgement.ts";
import { knowledgeOf } from "./reading.ts";
import { judgeMean, type ShadowGate } from "./shadow-gate.ts";

/** The gate. */
export const shadowRankCorrelation: ShadowGate = {
  name: "shadow-rank-correlation",
  looksForHarm: true,
  applies: ({ rankCorrelation }) => rankCorrelation !== undefined,
  judge(input) {
    const { settings, step, evidence } = input;
    const knowledge = knowledgeOf(evidence.shadow, "mirrored requests", step.nowMilliseconds);
    return judgeKnown(knowledge, ({ counts: { sums } }) => {
      const { rankCorrelation } = settings;
      if (rankCorrelation === undefined) return noData({ reason: "there is no bound" }, "NoSettings");
      return judgeMean(input, {
        mean: { counts: sums.correlated, sums: sums.correlation, values: "Correlation" },
        least: Number(rankCorrelation.min),
        name: "rank-correlation",
        of: "pairs of lists",
        what: "the rank correlation is",
        failure: "Disagrees",
        text: (value) => numberText(Number(value.toPrecision(3))) ?? "no bound",
      });
    });
  },
};
