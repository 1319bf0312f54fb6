/**
 * How large a detector's score must be for an alarm, so that false alarms come once in the days that are asked for. No
 * formula knows the tails of a shop's series, nor how its hours depend on each other; so there are three parts, each for
 * what the one before it cannot know.
 *
 * 1. The least: what independent normal noise reaches once in that time (`noise-limit.ts`).
 * 2. The tail: scores of one day depend on each other, the largest ones of two days much less. The upper third of the
 *    largest scores of the last days is taken for a power law, its index by Hill (Ann. Statist. 3, 1975), and drawn out to
 *    the one day in so many (Weissman, JASA 73, 1978). Of few days nearly nothing is known about an index, so there it is
 *    held near one that is heavier than most.
 * 3. The correction, for a series that ceases to be what it was: twice as high after each alarm, back in the time in which
 *    one is allowed (after Gibbs and Candès, NeurIPS 2021). By it alone, on any series whatever and whether alarms are true
 *    or false, there are in T days at most `T / daysPerAlarm + 1 + log2(largest score / least)` alarms.
 */
import { listOf, type Memory, numberOf } from "./memory.ts";
import { Ring } from "./ring.ts";

/** Days whose largest scores are remembered, and how many are needed before there are alarms. */
const DAYS = 28;
const LEAST_DAYS = 3;
/** Share of these days that makes the tail. */
const TAIL_SHARE = 1 / 3;
/** Index that is expected before anything is known, and of how many days such a knowledge would be worth. */
const EXPECTED_INDEX = 0.25;
const EXPECTED_WEIGHT = 3;
/** Logarithm of the factor by which an alarm raises the limit. */
const RISE = Math.log(2);
/** A score counts for the tail up to so many times the limit: an outage must not hide the next one for a month. */
const LARGEST_EXCESS = 2;

/** How alarms are limited. */
export interface AlarmLimitSettings {
  readonly slotsPerDay: number;
  /** Days in which one false alarm is allowed. */
  readonly daysPerAlarm: number;
  /** Least limit, above 0. */
  readonly least: number;
}

/** The score that days exceed once in `daysPerAlarm`, by the largest scores of some; undefined of too few. */
export function tailLimit(largest: readonly number[], daysPerAlarm: number): number | undefined {
  const days = largest.length;
  if (days < LEAST_DAYS) return undefined;
  const descending = largest.toSorted((a, b) => b - a);
  const above = Math.floor(days * TAIL_SHARE);
  const base = descending[above] ?? 0;
  if (base <= 0) return 0;
  const excess = descending.slice(0, above).reduce((sum, score) => sum + Math.log(score / base), 0);
  const index = (excess + EXPECTED_WEIGHT * EXPECTED_INDEX) / (above + EXPECTED_WEIGHT);
  return base * Math.max(1, (daysPerAlarm * above) / days) ** index;
}

/** The limit of one detector on one series. */
export class AlarmLimit {
  readonly #settings: AlarmLimitSettings;
  /** Of the days that are over. */
  readonly #largest: Ring;
  #tail: number | undefined;
  /** The day that goes on, counted from the Unix epoch, and its largest score. */
  #day: number;
  #largestOfDay: number;
  /** Logarithm of the factor, as it was at a slot. */
  #correction: number;
  #correctedAt: number;

  constructor(settings: AlarmLimitSettings, memory: Memory) {
    this.#settings = settings;
    this.#largest = new Ring(DAYS, listOf(memory, "largest"));
    this.#tail = tailLimit(this.#largest.numbers, settings.daysPerAlarm);
    this.#day = numberOf(memory, "day", -1);
    this.#largestOfDay = numberOf(memory, "largestOfDay", 0);
    this.#correction = numberOf(memory, "correction", 0);
    this.#correctedAt = numberOf(memory, "correctedAt", 0);
  }

  /** The limit in a slot; infinite while too few days are known. */
  at(slot: number): number {
    if (this.#tail === undefined) return Number.POSITIVE_INFINITY;
    return Math.max(this.#settings.least, this.#tail) * Math.exp(this.#correctionAt(slot));
  }

  /** Takes the score of a slot, and whether an alarm begins with it. */
  add(slot: number, score: number, isAlarm: boolean): void {
    const limit = this.at(slot);
    const day = Math.floor(slot / this.#settings.slotsPerDay);
    if (day !== this.#day) {
      if (this.#day >= 0) this.#largest.push(this.#largestOfDay);
      [this.#day, this.#largestOfDay] = [day, 0];
      this.#tail = tailLimit(this.#largest.numbers, this.#settings.daysPerAlarm);
    }
    this.#largestOfDay = Math.max(this.#largestOfDay, Math.min(score, LARGEST_EXCESS * limit));
    if (isAlarm) [this.#correction, this.#correctedAt] = [this.#correctionAt(slot) + RISE, slot];
  }

  /** To be given to the constructor of the next one. */
  memory(): Memory {
    return {
      ...{ largest: this.#largest.numbers, day: this.#day, largestOfDay: this.#largestOfDay },
      ...{ correction: this.#correction, correctedAt: this.#correctedAt },
    };
  }

  #correctionAt(slot: number): number {
    const { daysPerAlarm, slotsPerDay } = this.#settings;
    const days = (slot - this.#correctedAt) / slotsPerDay;
    return Math.max(0, this.#correction - (RISE * days) / daysPerAlarm);
  }
}
