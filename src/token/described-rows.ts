/**
 * The scores of an answer as its token has them: 16 bits a row, of the first rows where there are more than a token can
 * hold. Which rows these are must not depend on their scores: two models would then be measured on different rows.
 *
 * A probability p is kept as its place g on the scale √p / (√p + √(1 - p)), from 0 to 65,534: as fine near a half as equal
 * steps are, and finer towards 0 and 1, where rates of clicks and orders are. It is read back as the number with the fewest
 * digits in that place: one of up to three digits comes back as it was, others are off by at most 3.1e-5, and from 1e-6 on by
 * at most 3.2 % of themselves. What is no probability must stay so: it has a code of its own.
 */
import { MAXIMUM_DESCRIBED_ROWS } from "./prediction-token.ts";

/** What a token says of the scores of an answer. */
export interface DescribedRows {
  /** Codes ({@link scoreCode}) of the described rows. */
  readonly scores: Uint16Array;
  /** Which rows these are, in ascending order; left out where they are all rows of the answer. */
  readonly rowIndexes?: Uint16Array;
}

/** The code of a score that is not from 0 to 1. */
export const REFUSED_SCORE = 65_535;
const LAST_CODE = REFUSED_SCORE - 1;
const FIRST_ROWS = Uint16Array.from({ length: MAXIMUM_DESCRIBED_ROWS }, (_, row) => row);

/** The code of a score. Only 0 and 1 themselves have the codes at the ends: no other is taken for certain. */
export function scoreCode(score: number): number {
  if (!(score >= 0 && score <= 1)) return REFUSED_SCORE;
  if (score === 0 || score === 1) return score * LAST_CODE;
  const root = Math.sqrt(score);
  const code = Math.round((LAST_CODE * root) / (root + Math.sqrt(1 - score)));
  return code < 1 ? 1 : code < LAST_CODE ? code : LAST_CODE - 1;
}

/** Of each code what it is read back as, once it was worked out. */
const readBack = new Float64Array(REFUSED_SCORE).fill(Number.NaN);
const MOST_DIGITS = 17;

/** The probability that a code stands for; not a number for that of a score that was none. */
export function scoreOfCode(code: number): number {
  if (code >= REFUSED_SCORE) return Number.NaN;
  const known = readBack[code] ?? Number.NaN;
  if (!Number.isNaN(known)) return known;
  const score = fewestDigits(code);
  readBack[code] = score;
  return score;
}

function fewestDigits(code: number): number {
  const [share, rest] = [code * code, (LAST_CODE - code) ** 2];
  const middle = share / (share + rest);
  for (let digits = 1; digits < MOST_DIGITS; digits++) {
    const rounded = Number(middle.toPrecision(digits));
    if (scoreCode(rounded) === code) return rounded;
  }
  return middle;
}

/** Describes an answer of so many rows, at most 65,535, by the score of each. */
export function describeRows(rows: number, scoreOf: (row: number) => number): DescribedRows {
  const scores = new Uint16Array(Math.min(rows, MAXIMUM_DESCRIBED_ROWS));
  for (let row = 0; row < scores.length; row++) scores[row] = scoreCode(scoreOf(row));
  return rows <= scores.length ? { scores } : { scores, rowIndexes: FIRST_ROWS };
}
