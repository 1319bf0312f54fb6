/**
 * Off by little, but for long: the cumulative sum of Page (Biometrika 41, 1954), upwards and downwards, of what the hours'
 * means are above their usual values, beside the same in the last week.
 *
 * Of hours and not of slots: slots beside each other say nearly the same, and a sum of such values drifts by itself. After
 * an alarm the new level is learned, so that a change is told once.
 */
import type { Detector, Look, Reading } from "./detector.ts";
import { listOf, type Memory, numberOf } from "./memory.ts";
import { Ring } from "./ring.ts";
import { type RobustBand, robustBand } from "./robust-band.ts";

/** Hours by which it is known what to expect. */
const WINDOW_HOURS = 168;
/** Hours that must be known. */
export const LEAST_HOURS = 24;
/** What every hour takes off the sums, in widths: half of the smallest change that the test waits for. */
export const ALLOWANCE = 0.5;
/** Largest part of one hour, in widths: an hour alone is no change. */
const LARGEST_STEP = 4;

/** A sum of one direction, and the slot since which it has been above 0. */
interface Sum {
  readonly height: number;
  readonly since: number;
}

const NO_SUM: Sum = { height: 0, since: 0 };

/** Watches one series for changes of its level. */
export class ChangePoint implements Detector {
  readonly #slotsPerHour: number;
  readonly #means: Ring;
  #band: RobustBand | undefined;
  /** The hour that goes on, counted from the Unix epoch: total and count of its values, and total of their variances by chance. */
  #hour: number;
  #total: number;
  #count: number;
  #variance: number;
  /** What the mean of the last hour has by chance. */
  #grain: number;
  #rise: Sum;
  #fall: Sum;

  constructor(slotsPerDay: number, memory: Memory) {
    this.#slotsPerHour = slotsPerDay / 24;
    this.#means = new Ring(WINDOW_HOURS, listOf(memory, "means"));
    this.#band = this.#newBand();
    this.#hour = numberOf(memory, "hour", 0);
    this.#total = numberOf(memory, "total", 0);
    this.#count = numberOf(memory, "count", 0);
    this.#variance = numberOf(memory, "variance", 0);
    this.#grain = numberOf(memory, "grain", 0);
    const sum = (name: string) => ({
      height: numberOf(memory, name, 0),
      since: numberOf(memory, `${name}Since`, 0),
    });
    [this.#rise, this.#fall] = [sum("rise"), sum("fall")];
  }

  look({ slot, value, usualOfSeason: usual, grain, isHeld }: Look): Reading | undefined {
    if (usual === undefined) return undefined;
    const hour = Math.floor(slot / this.#slotsPerHour);
    if (hour !== this.#hour) {
      if (this.#count > 0) this.#endHour(this.#total / this.#count);
      [this.#hour, this.#total, this.#count, this.#variance] = [hour, 0, 0, 0];
    }
    if (!isHeld) {
      [this.#total, this.#count] = [this.#total + value - usual, this.#count + 1];
      this.#variance += grain ** 2;
    }
    if (this.#band === undefined) return undefined;
    const { height, since } = this.#rise.height >= this.#fall.height ? this.#rise : this.#fall;
    const { centre, width } = this.#band;
    return {
      score: height,
      centre: usual + centre,
      width: Math.max(width, this.#grain),
      since: height > 0 ? since : slot,
    };
  }

  accept(): void {
    this.#means.clear();
    this.#band = undefined;
    [this.#rise, this.#fall] = [NO_SUM, NO_SUM];
  }

  memory(): Memory {
    return {
      ...{ means: this.#means.numbers, hour: this.#hour, total: this.#total, count: this.#count },
      ...{ variance: this.#variance, grain: this.#grain },
      ...{ rise: this.#rise.height, riseSince: this.#rise.since },
      ...{ fall: this.#fall.height, fallSince: this.#fall.since },
    };
  }

  #endHour(mean: number): void {
    this.#grain = Math.sqrt(this.#variance) / this.#count;
    if (this.#band !== undefined) {
      const deviation = (mean - this.#band.centre) / Math.max(this.#band.width, this.#grain);
      const step = Math.max(-LARGEST_STEP, Math.min(LARGEST_STEP, deviation));
      const start = Math.ceil(this.#hour * this.#slotsPerHour);
      this.#rise = added(this.#rise, step - ALLOWANCE, start);
      this.#fall = added(this.#fall, -step - ALLOWANCE, start);
    }
    this.#means.push(mean);
    this.#band = this.#newBand();
  }

  #newBand(): RobustBand | undefined {
    return this.#means.numbers.length < LEAST_HOURS ? undefined : robustBand(this.#means.numbers);
  }
}

function added({ height, since }: Sum, step: number, start: number): Sum {
  if (height + step <= 0) return NO_SUM;
  return { height: height + step, since: height > 0 ? since : start };
}
