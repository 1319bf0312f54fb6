/**
 * Evidence of a gate that somebody else counted: a warehouse, or a Prometheus. What is asked, what an answer is taken
 * for, and what every answer is held to, whoever gives it.
 *
 * A gate may promote by it, so nothing is mended: an answer about something else, of an unknown age, with a part missing
 * or a number that cannot be is refused as a whole, with the place. No gate asks for it yet. Pure.
 */
import { type EvidenceCell, EvidenceError, evidenceFault, type GateMetric, USER_GROUPS } from "./evidence.ts";

/** A stretch of time with constant weights that is asked about. */
export interface AskedEpoch {
  /** Its number in the traffic plan. */
  readonly epoch: number;
  readonly fromMilliseconds: number;
  /** Undefined while it lasts. */
  readonly toMilliseconds: number | undefined;
}

/** What a gate wants to know. */
export interface EvidenceQuestion {
  readonly namespace: string;
  readonly deployment: string;
  /** Name of the metric, as the gate names it. */
  readonly metric: string;
  readonly values: GateMetric["values"];
  readonly better: GateMetric["better"];
  /** Model revisions. */
  readonly candidate: string;
  readonly stable: string;
  /** How long the slowest label of the metric takes. */
  readonly maturesMilliseconds: number;
  readonly epochs: readonly AskedEpoch[];
}

/** Answers of one arm in one epoch. */
export interface OutsideCell extends EvidenceCell {
  readonly epoch: number;
  readonly arm: "Candidate" | "Stable";
}

/** What was answered, whole. Each list has both arms of every epoch that was asked about. */
export interface OutsideEvidence {
  /** All answers, and all labels that have come for them. */
  readonly arrived: readonly OutsideCell[];
  /** Answers older than the maturity alone, and of their labels those that came within it. */
  readonly matured: readonly OutsideCell[];
  /** Until when the answers and labels are counted. */
  readonly asOfMilliseconds: number;
}

/** How old an answer may be. */
export interface Freshness {
  readonly nowMilliseconds: number;
  readonly staleAfterMilliseconds: number;
}

/** Most epochs of one question. */
export const MAXIMUM_EPOCHS = 256;
/** Clocks may be off by so much. */
const CLOCK_TOLERANCE_MILLISECONDS = 300_000;
/** What stands in a name of Kubernetes, a revision or a metric, and nothing that a query or an address gives a meaning. */
const NAME = /^[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?$/;

/**
 * Refuses a question that cannot be asked.
 *
 * @throws {RangeError}
 */
export function requireQuestion({ epochs, maturesMilliseconds, ...names }: EvidenceQuestion): void {
  for (const [member, value] of Object.entries(names)) {
    if (!NAME.test(value))
      throw new RangeError(`question: expected ${member} to be a name, got ${JSON.stringify(value)}`);
  }
  if (names.candidate === names.stable) throw new RangeError("question: expected two revisions, got one");
  if (!(maturesMilliseconds > 0 && Number.isFinite(maturesMilliseconds))) {
    throw new RangeError(`question: expected a maturity above 0, got ${maturesMilliseconds}`);
  }
  if (epochs.length === 0 || epochs.length > MAXIMUM_EPOCHS) {
    throw new RangeError(`question: expected 1 to ${MAXIMUM_EPOCHS} epochs, got ${epochs.length}`);
  }
  let last = -1;
  for (const { epoch, fromMilliseconds, toMilliseconds } of epochs) {
    if (!(Number.isSafeInteger(epoch) && epoch > last)) {
      throw new RangeError(`question: expected ascending epochs from 0, got ${epoch} after ${last}`);
    }
    last = epoch;
    if (
      !(
        Number.isFinite(fromMilliseconds) &&
        (toMilliseconds === undefined || toMilliseconds > fromMilliseconds)
      )
    ) {
      throw new RangeError(`question: expected epoch ${epoch} to begin before it ends`);
    }
  }
}

/**
 * Holds evidence to what was asked: both arms of every epoch, and of no other; no number that cannot be; of the matured
 * answers and labels no more than of all; no older than allowed, and not of the future.
 *
 * @param where it came from, for the message.
 * @throws {EvidenceError}
 */
export function wholeEvidence(
  evidence: OutsideEvidence,
  question: EvidenceQuestion,
  { nowMilliseconds, staleAfterMilliseconds }: Freshness,
  where: string,
): OutsideEvidence {
  const { arrived, matured, asOfMilliseconds } = evidence;
  const ageMilliseconds = nowMilliseconds - asOfMilliseconds;
  if (!(ageMilliseconds >= -CLOCK_TOLERANCE_MILLISECONDS)) {
    throw new EvidenceError(
      `${where}: expected evidence of the past, got some of ${timeText(asOfMilliseconds)}`,
    );
  }
  if (!(ageMilliseconds <= staleAfterMilliseconds)) {
    const [limit, age] = [staleAfterMilliseconds, ageMilliseconds].map((one) => Math.round(one / 1_000));
    throw new EvidenceError(`${where}: expected evidence of the last ${limit} s, got some of ${age} s ago`);
  }
  for (const [list, cells] of Object.entries({ arrived, matured })) {
    requireEpochs(cells, question, `${where}: ${list}`);
  }
  for (const { epoch, arm, answers, sums } of matured) {
    const all = cellOf(arrived, epoch, arm);
    for (let group = 0; group < USER_GROUPS; group++) {
      const place = `${where}: epoch ${epoch}, ${arm.toLowerCase()}, group ${group}`;
      if (!((answers[group] ?? 0) <= (all?.answers[group] ?? Number.NaN))) {
        throw new EvidenceError(
          `${place}: expected no more matured answers than answers, got ${answers[group]}`,
        );
      }
      // Rounding of sums that were added in another order is no contradiction.
      const most = (all?.sums[group] ?? Number.NaN) * (1 + 1e-9);
      if (!((sums[group] ?? 0) <= most)) {
        throw new EvidenceError(`${place}: expected no larger matured sum than the sum, got ${sums[group]}`);
      }
    }
  }
  return evidence;
}

function requireEpochs(cells: readonly OutsideCell[], question: EvidenceQuestion, where: string): void {
  const asked = question.epochs.flatMap(({ epoch }) => [`${epoch}/Candidate`, `${epoch}/Stable`]);
  const given = cells.map(({ epoch, arm }) => `${epoch}/${arm}`);
  const unasked = given.find((name, at) => !asked.includes(name) || given.indexOf(name) !== at);
  if (unasked !== undefined)
    throw new EvidenceError(`${where}: expected each epoch that was asked about once, got ${unasked}`);
  const missing = asked.find((name) => !given.includes(name));
  if (missing !== undefined) throw new EvidenceError(`${where}: expected ${missing}, got none`);
  const epochs = question.epochs.map(({ epoch }) => ({
    candidate: cellOf(cells, epoch, "Candidate"),
    stable: cellOf(cells, epoch, "Stable"),
  }));
  const whole = epochs.filter(
    (one): one is { candidate: OutsideCell; stable: OutsideCell } =>
      one.candidate !== undefined && one.stable !== undefined,
  );
  const fault = evidenceFault(whole, question);
  if (fault !== undefined) throw new EvidenceError(`${where}: ${named(fault, question)}`);
}

/** A fault names epochs by their place in the list. */
function named(fault: string, { epochs }: EvidenceQuestion): string {
  return fault.replace(/^epoch (\d+)/, (_, index) => `epoch ${epochs[Number(index)]?.epoch}`);
}

function cellOf(
  cells: readonly OutsideCell[],
  epoch: number,
  arm: OutsideCell["arm"],
): OutsideCell | undefined {
  return cells.find((cell) => cell.epoch === epoch && cell.arm === arm);
}

/** A time for messages and for the contract. */
export function timeText(milliseconds: number): string {
  return Math.abs(milliseconds) <= 8.64e15 ? new Date(milliseconds).toISOString() : "an unknown time";
}
