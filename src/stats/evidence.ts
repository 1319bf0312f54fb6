/**
 * Evidence of a gate: what was answered and what came of it, as sums for each group of users. Cells of the same arm and
 * epoch add, so that collectors, slots and restarts merge; nothing else about a user is kept.
 *
 * Users, not requests, are independent of each other. Each user falls into one of 128 groups by a keyed hash that does
 * not depend on the arm, so that the spread between groups tells how uncertain a sum of the users' answers is.
 *
 * Whoever gathers cells leaves out what is void (a slot of which a part is missing, for all arms alike) and credits a
 * label to the epoch of the answer it belongs to. Numbers that cannot be are never mended here: they give no verdict.
 */
import { totalOf } from "./total.ts";

/** Groups of users. A power of two, so that the low bits of a keyed hash name the group. */
export const USER_GROUPS = 128;

/** Beyond it a sum of whole numbers in a double would not be exact with certainty. */
export const LARGEST_SUM = 1e15;

/** One arm in one epoch, for one metric. A list or a typed array of 128 numbers each; in JSON, lists. */
export interface EvidenceCell {
  /** Answers delivered to each group of users. */
  readonly answers: ArrayLike<number>;
  /** The sum of the metric over those answers: of clicks, of money, of DCG. At least 0. */
  readonly sums: ArrayLike<number>;
}

/** Both arms in one epoch: a stretch of time with constant weights. */
export interface EpochEvidence {
  readonly candidate: EvidenceCell;
  readonly stable: EvidenceCell;
}

/** What kind of numbers a metric sums, and which way is good. */
export interface GateMetric {
  /** `ZeroOne`: each answer counts 0 or 1, as a click does. `Amount`: any number from 0 on. */
  readonly values: "ZeroOne" | "Amount";
  readonly better: "Higher" | "Lower";
}

/** The text or object is no evidence cell. The message says what was expected, what came, and where. */
export class EvidenceError extends Error {
  override readonly name = "EvidenceError";
}

/** A cell without any answer, to be filled. */
export function emptyCell(): { readonly answers: Float64Array; readonly sums: Float64Array } {
  return { answers: new Float64Array(USER_GROUPS), sums: new Float64Array(USER_GROUPS) };
}

/** The cell of all answers of both: of two slots, or two collectors, of the same arm and epoch. */
export function mergedCell(first: EvidenceCell, second: EvidenceCell): EvidenceCell {
  const merged = emptyCell();
  for (let group = 0; group < USER_GROUPS; group++) {
    merged.answers[group] = (first.answers[group] ?? Number.NaN) + (second.answers[group] ?? Number.NaN);
    merged.sums[group] = (first.sums[group] ?? Number.NaN) + (second.sums[group] ?? Number.NaN);
  }
  return merged;
}

/** The cell as JSON carries it; {@link parseCell} reads it back. */
export function cellJson(cell: EvidenceCell): { answers: number[]; sums: number[] } {
  return { answers: Array.from(cell.answers), sums: Array.from(cell.sums) };
}

/**
 * Reads a cell from JSON.
 *
 * @param where the value came from, for the message.
 * @throws {EvidenceError} when it is no object with two lists of 128 numbers. Whether the numbers can be is for
 *   {@link evidenceFault} to say.
 */
export function parseCell(value: unknown, where: string): EvidenceCell {
  return { answers: groupNumbers(value, "answers", where), sums: groupNumbers(value, "sums", where) };
}

function groupNumbers(value: unknown, field: "answers" | "sums", where: string): Float64Array {
  const list: unknown = typeof value === "object" && value !== null ? Reflect.get(value, field) : undefined;
  if (!Array.isArray(list) || list.length !== USER_GROUPS) {
    const came = Array.isArray(list) ? `a list of ${list.length}` : typeof list;
    throw new EvidenceError(
      `${where}: expected ${field} to be a list of ${USER_GROUPS} numbers, got ${came}`,
    );
  }
  const wrong = list.findIndex((item) => typeof item !== "number");
  if (wrong >= 0) {
    throw new EvidenceError(
      `${where}: expected ${field}[${wrong}] to be a number, got ${typeof list[wrong]}`,
    );
  }
  return Float64Array.from(list);
}

/**
 * What is wrong with the evidence, in a few words; undefined when nothing is. Not a number, infinite, negative, too
 * large, part of an answer, more successes than answers, and an answer's worth without an answer are all wrong.
 */
export function evidenceFault(epochs: readonly EpochEvidence[], metric: GateMetric): string | undefined {
  let total = 0;
  for (const [index, epoch] of epochs.entries()) {
    for (const arm of ["candidate", "stable"] as const) {
      const fault = cellFault(epoch[arm], metric);
      if (fault !== undefined) return `epoch ${index}, ${arm}: ${fault}`;
      total += totalOf(epoch[arm].answers) + totalOf(epoch[arm].sums);
    }
  }
  return total <= LARGEST_SUM ? undefined : `all sums together are ${total}, beyond ${LARGEST_SUM}`;
}

function cellFault({ answers, sums }: EvidenceCell, metric: GateMetric): string | undefined {
  if (answers.length !== USER_GROUPS || sums.length !== USER_GROUPS) {
    return `expected ${USER_GROUPS} groups, got ${answers.length} of answers and ${sums.length} of sums`;
  }
  for (let group = 0; group < USER_GROUPS; group++) {
    const n = answers[group] ?? Number.NaN;
    const y = sums[group] ?? Number.NaN;
    // A comparison with what is not a number is false, so it ends here.
    if (!(n >= 0 && n <= LARGEST_SUM && Number.isInteger(n))) return `group ${group} has ${n} answers`;
    if (!(y >= 0 && y <= LARGEST_SUM)) return `group ${group} has a sum of ${y}`;
    if (n === 0 && y > 0) return `group ${group} has a sum of ${y} without an answer`;
    if (metric.values === "ZeroOne" && y > n) return `group ${group} has ${y} successes in ${n} answers`;
  }
  return undefined;
}
