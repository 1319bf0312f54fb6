/**
 * Always on where requests are counted: whether each of them went to the arm that its user belongs to, by the hash that
 * routers split by. It is exact, so a single one that did not is one too many.
 */
import { countText } from "./figure-text.ts";
import { type CountGate, type JudgeInput, type Judgement, judgeKnown, noData } from "./judgement.ts";
import { knowledgeOf } from "./reading.ts";

const NOTHING_TOLD = { told: 0, checked: 0, misplaced: 0 };

/** The gate. */
export const assignedArms: CountGate = {
  name: "assigned-arms",
  judge: judgeAssignedArms,
  applies: ({ collected, drawsUsers }) => collected !== undefined && drawsUsers === true,
};

/** Judges the arms that were computed again. */
function judgeAssignedArms({ step, evidence }: JudgeInput<object>): Judgement {
  const knowledge = knowledgeOf(evidence.collected, "evidence of the collectors", step.nowMilliseconds);
  return judgeKnown(knowledge, ({ assignedArms: { told, checked, misplaced } = NOTHING_TOLD }) => {
    const areCounts = [told, checked, misplaced].every((count) => Number.isSafeInteger(count) && count >= 0);
    if (!areCounts || misplaced > checked || checked > told) {
      const reason = `${misplaced} of ${checked} checked requests in the wrong arm, of ${told}, cannot be`;
      return noData({ reason }, "EvidenceFaulty");
    }
    const figures = [
      { name: "misplaced-requests", estimate: String(misplaced), threshold: "0", candidateCount: checked },
    ];
    if (misplaced > 0) {
      const message = `${countText(misplaced)} of ${countText(checked)} requests were in the wrong arm`;
      return { verdict: "Fail", reason: "ArmsMixed", message, figures };
    }
    if (checked === 0 && told > 0) {
      const message = `none of ${countText(told)} requests names a user whose arm can be computed`;
      return { verdict: "Pass", reason: "NothingToCheck", message, figures };
    }
    if (checked === 0) {
      const message = "no request has been checked yet";
      return { verdict: "TooLittle", reason: "TooLittle", message, figures };
    }
    const message = `all of ${countText(checked)} requests were in the arm of their user`;
    return { verdict: "Pass", reason: "AsAssigned", message, figures };
  });
}
