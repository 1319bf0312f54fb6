/**
 * Far from what the last hours had: the robust z-score, by median and median absolute deviation (Iglewicz and Hoaglin, How
 * to Detect and Handle Outliers, 1993) over a window that moves along. It needs no history, and sees what comes at once.
 *
 * With seasons it looks at what the value is above its usual one in place of the value: far from what this time of the day
 * or the week had, as the last hours stood beside that.
 */
import type { Detector, Look, Reading } from "./detector.ts";
import { listOf, type Memory } from "./memory.ts";
import { Ring } from "./ring.ts";
import { robustBand } from "./robust-band.ts";

/** Hours whose values are remembered, and how many values at least. */
const WINDOW_HOURS = 6;
const LEAST_ROOM = 12;
/** With fewer values than this share of the window nothing is said. */
const LEAST_SHARE = 0.5;

/** Watches one series by its last hours. */
export class RobustScore implements Detector {
  readonly #isSeasonal: boolean;
  /** What values are compared with, and what these would be had nothing been held. */
  readonly #recent: Ring;
  readonly #latest: Ring;
  readonly #least: number;

  constructor(isSeasonal: boolean, slotsPerDay: number, memory: Memory) {
    const room = Math.max(LEAST_ROOM, Math.round((slotsPerDay * WINDOW_HOURS) / 24));
    this.#isSeasonal = isSeasonal;
    this.#recent = new Ring(room, listOf(memory, "recent"));
    this.#latest = new Ring(room, listOf(memory, "latest"));
    this.#least = room * LEAST_SHARE;
  }

  look({ slot, value, usual, grain, isHeld }: Look): Reading | undefined {
    const base = this.#isSeasonal ? usual : 0;
    if (base === undefined) return undefined;
    const { numbers } = this.#recent;
    const band = numbers.length < this.#least ? undefined : robustBand(numbers);
    this.#latest.push(value - base);
    if (!isHeld) this.#recent.push(value - base);
    if (band === undefined) return undefined;
    const centre = base + band.centre;
    const width = Math.max(band.width, grain);
    return { score: Math.abs(value - centre) / width, centre, width, since: slot };
  }

  accept(): void {
    this.#recent.clear();
    for (const value of this.#latest.numbers) this.#recent.push(value);
  }

  memory(): Memory {
    return { recent: this.#recent.numbers, latest: this.#latest.numbers };
  }
}
