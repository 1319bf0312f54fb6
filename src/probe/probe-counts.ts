/**
 * What became of probes, counted by the slot in which each was due.
 *
 * Bounded by the number of slots, whatever the rate. A slot is told of only when it is over and each of its probes has ended,
 * so that nothing that is told changes any more.
 */
import type { ProbeRecord } from "../api/probe-record.ts";

/** How a probe ended. */
export interface ProbeEnd {
  /** Answered well and in time. */
  readonly isGood: boolean;
  /** Answered well, and later than the objective allows. */
  readonly isSlow: boolean;
  /** Answered well, by another pool than the target. */
  readonly isMoved: boolean;
}

/** What a witness found: the fault, no fault, or neither. */
export type WitnessEnd = "Met" | "Clear" | "Neither";

const COLUMNS = ["sent", "good", "slow", "moved", "late", "witnesses", "met", "clear"] as const;
type Column = (typeof COLUMNS)[number];

/** Counts of one prober. */
export class ProbeCounts {
  readonly #startMilliseconds: number;
  readonly #slotMilliseconds: number;
  readonly #counts: Readonly<Record<Column, number[]>>;
  readonly #pending: number[] = [];
  #complete = 0;

  /** @param startMilliseconds time of day at which the first slot begins. */
  constructor(startMilliseconds: number, slotMilliseconds: number) {
    this.#startMilliseconds = startMilliseconds;
    this.#slotMilliseconds = slotMilliseconds;
    this.#counts = {
      sent: [],
      good: [],
      slow: [],
      moved: [],
      late: [],
      witnesses: [],
      met: [],
      clear: [],
    };
  }

  /** A probe was due so many milliseconds after the start. Returns what to call, once, when it has ended. */
  probe(dueMilliseconds: number, isLate: boolean): (end: ProbeEnd) => void {
    const slot = this.#open(dueMilliseconds);
    this.#add("sent", slot);
    if (isLate) this.#add("late", slot);
    return ({ isGood, isSlow, isMoved }) => {
      if (isGood) this.#add("good", slot);
      if (isSlow) this.#add("slow", slot);
      if (isMoved) this.#add("moved", slot);
      this.#close(slot);
    };
  }

  /** The same for a witness. */
  witness(dueMilliseconds: number): (end: WitnessEnd) => void {
    const slot = this.#open(dueMilliseconds);
    this.#add("witnesses", slot);
    return (end) => {
      if (end === "Met") this.#add("met", slot);
      if (end === "Clear") this.#add("clear", slot);
      this.#close(slot);
    };
  }

  /** What is certain, where all that was due before so many milliseconds after the start has been counted as due. */
  record(untilMilliseconds: number): ProbeRecord {
    const over = Math.floor(untilMilliseconds / this.#slotMilliseconds);
    while (this.#complete < over && (this.#pending[this.#complete] ?? 0) === 0) this.#complete += 1;
    const told = (column: Column) =>
      Array.from({ length: this.#complete }, (_, slot) => this.#counts[column][slot] ?? 0);
    return {
      startMilliseconds: this.#startMilliseconds,
      slotMilliseconds: this.#slotMilliseconds,
      sent: told("sent"),
      good: told("good"),
      slow: told("slow"),
      moved: told("moved"),
      late: told("late"),
      witnesses: told("witnesses"),
      met: told("met"),
      clear: told("clear"),
    };
  }

  #open(dueMilliseconds: number): number {
    const slot = Math.floor(dueMilliseconds / this.#slotMilliseconds);
    this.#pending[slot] = (this.#pending[slot] ?? 0) + 1;
    return slot;
  }

  #close(slot: number): void {
    this.#pending[slot] = (this.#pending[slot] ?? 0) - 1;
  }

  #add(column: Column, slot: number): void {
    const counts = this.#counts[column];
    counts[slot] = (counts[slot] ?? 0) + 1;
  }
}
