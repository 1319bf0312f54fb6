/**
 * How often both revisions say the same of mirrored requests: the same scores, the same first row, or the same order. What
 * the candidate answered with an error, or of other rows, does not agree.
 */
import { parseShare } from "../../../api/percentage.ts";
import type { ShadowSpec } from "../../../api/shadow.ts";
import { SCORE_TOLERANCES, type ShadowCounts } from "../../../stats/shadow-counts.ts";
import { percentText } from "./figure-text.ts";
import { judgeKnown, noData } from "./judgement.ts";
import { knowledgeOf } from "./reading.ts";
import { type HeldMean, judgeMean, type ShadowGate } from "./shadow-gate.ts";

type Agreement = NonNullable<ShadowSpec["agreement"]>;

/** The gate. */
export const shadowAgreement: ShadowGate = {
  name: "shadow-agreement",
  looksForHarm: true,
  applies: ({ agreement }) => agreement !== undefined,
  judge(input) {
    const { settings, step, evidence } = input;
    const knowledge = knowledgeOf(evidence.shadow, "mirrored requests", step.nowMilliseconds);
    return judgeKnown(knowledge, ({ counts }) => {
      const { agreement } = settings;
      const held = agreement === undefined ? undefined : heldOf(agreement, counts);
      if (agreement === undefined || held === undefined)
        return noData({ reason: "agreement is not counted by this tolerance" }, "NoSettings");
      const common = { name: "agreement", failure: "Disagrees", text: percentText };
      return judgeMean(input, { ...held, ...common, least: parseShare(agreement.min) });
    });
  },
};

function heldOf(
  { by, tolerance }: Agreement,
  { sums, within }: ShadowCounts,
): Pick<HeldMean, "mean" | "of" | "what"> | undefined {
  const values = "ZeroOne" as const;
  if (by === "Score") {
    const agreeing = within[SCORE_TOLERANCES.indexOf(Number(tolerance))];
    if (agreeing === undefined) return undefined;
    const what = `scores differ by no more than ${tolerance} in`;
    return { mean: { counts: sums.pairs, sums: agreeing, values }, of: "pairs", what };
  }
  const isBest = by === "Best";
  return {
    mean: { counts: sums.lists, sums: isBest ? sums.sameBest : sums.sameOrder, values },
    of: "pairs of lists",
    what: isBest ? "the same row is first in" : "rows have the same order in",
  };
}
