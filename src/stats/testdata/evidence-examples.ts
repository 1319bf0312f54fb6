/**
 * Evidence by formula, so that another program can make the same: what it gives was computed with numpy and mpmath.
 */
import { type EpochEvidence, USER_GROUPS } from "../evidence.ts";

function cell(answers: (group: number) => number, sum: (group: number) => number) {
  const groups = Array.from({ length: USER_GROUPS }, (_, group) => group);
  return { answers: groups.map(answers), sums: groups.map(sum) };
}

/** Clicks in two epochs, at about 12 % and 49 %. */
export const CLICKS: readonly EpochEvidence[] = [
  {
    candidate: cell(
      (g) => 20 + ((g * 7) % 13),
      (g) => ((g * 5) % 3) + (g % 3 === 0 ? 1 : 0),
    ),
    stable: cell(
      (g) => 180 + ((g * 11) % 29),
      (g) => ((g * 3) % 11) + 4 + (g % 16 === 0 ? 4 : 0),
    ),
  },
  {
    candidate: cell(
      (g) => 150 + ((g * 7 + 3) % 13),
      (g) => ((g * 5 + 3) % 2) + 3 + (g % 3 === 0 ? 1 : 0),
    ),
    stable: cell(
      (g) => 150 + ((g * 11 + 3) % 29),
      (g) => ((g * 3 + 3) % 7) + 3 + (g % 16 === 0 ? 4 : 0),
    ),
  },
];

const candidateAnswers = (g: number) => 30 + ((g * 7) % 13);
const stableAnswers = (g: number) => 70 + ((g * 11) % 29);

/** Money in one epoch, at about 30 %; users of the candidate differ the most. */
export const MONEY: readonly EpochEvidence[] = [
  {
    candidate: cell(candidateAnswers, (g) => candidateAnswers(g) * (0.5 + ((g * 37) % 128) / 40)),
    stable: cell(stableAnswers, (g) => stableAnswers(g) * (1.9 + ((g * 5) % 7) / 10)),
  },
];

/** The same answers; users of stable differ the most. */
export const UNEVEN_STABLE: readonly EpochEvidence[] = [
  {
    candidate: cell(candidateAnswers, (g) => candidateAnswers(g) * 1.8),
    stable: cell(stableAnswers, (g) => stableAnswers(g) * (0.2 + ((g * 37) % 128) / 40)),
  },
];
