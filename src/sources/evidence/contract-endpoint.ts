/**
 * Evidence from any HTTP endpoint that answers the contract of `docs/evidence.md`. No gate asks one yet.
 */
import { parseContractAnswer, questionText } from "../../stats/evidence-contract.ts";
import type { EvidenceQuestion, OutsideEvidence } from "../../stats/outside-evidence.ts";
import { displayUrl } from "../model-uri.ts";
import { type EvidenceAccess, postForEvidence } from "./evidence-access.ts";

/**
 * Asks once.
 *
 * @throws {SourceError} when there is no answer; {EvidenceError} when it is not a whole and fresh one to this question.
 */
export async function contractEvidence(
  access: EvidenceAccess,
  question: EvidenceQuestion,
  staleAfterMilliseconds: number,
): Promise<OutsideEvidence> {
  const text = await postForEvidence(access, "application/json", questionText(question));
  const freshness = { nowMilliseconds: access.clock.now(), staleAfterMilliseconds };
  return parseContractAnswer(text, question, freshness, displayUrl(access.url));
}
