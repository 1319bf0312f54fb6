/**
 * What is usual at each time of the day or of the week: for each hour the median of what this hour had in the last
 * seasons, so that one bad week does not become what is expected; between two hours a straight line. One season alone is no
 * habit: until an hour of the week has been seen twice, that hour of the last days stands for it.
 *
 * Hours are those of UTC: where clocks are set for summer, they are an hour off until the seasons have been learned anew.
 */
import { type Memory, numberOf, optionalListOf } from "./memory.ts";
import { robustBand } from "./robust-band.ts";

/** How often a series repeats itself. */
export const SEASONS = ["day", "week"] as const;
/** One of {@link SEASONS}. */
export type Season = (typeof SEASONS)[number];

/** Seasons of which an hour must be known. */
const LEAST_SEASONS = 2;
const SIZES = {
  day: { hours: 24, seasons: 7 },
  week: { hours: 168, seasons: 4 },
} as const;
/** The seasons that are asked for an hour, one after the other. */
const ASKED: Readonly<Record<Season, readonly Season[]>> = { day: ["day"], week: ["week", "day"] };

/** The medians of each hour of one season, of the last seasons. */
class HourMedians {
  readonly #hours: number;
  readonly #seasons: number;
  /** By hour, then the seasons as a ring; NaN where there is none. */
  readonly #medians: Float64Array;

  constructor({ hours, seasons }: (typeof SIZES)[Season], kept: readonly (number | null)[]) {
    [this.#hours, this.#seasons] = [hours, seasons];
    this.#medians = new Float64Array(hours * seasons).fill(Number.NaN);
    kept.slice(0, hours * seasons).forEach((median, at) => {
      this.#medians[at] = median ?? Number.NaN;
    });
  }

  learn(hour: number, median: number): void {
    const season = Math.floor(hour / this.#hours) % this.#seasons;
    this.#medians[(hour % this.#hours) * this.#seasons + season] = median;
  }

  usual(hour: number): number | undefined {
    const start = (hour % this.#hours) * this.#seasons;
    const all = this.#medians.subarray(start, start + this.#seasons);
    const known = all.filter((median) => !Number.isNaN(median));
    return known.length < LEAST_SEASONS ? undefined : robustBand(known)?.centre;
  }

  get kept(): readonly (number | null)[] {
    return [...this.#medians].map((median) => (Number.isNaN(median) ? null : median));
  }
}

/** The usual values of one series. */
export class UsualValues {
  readonly #slotsPerHour: number;
  readonly #tables: ReadonlyMap<Season, HourMedians>;
  /** The hour that goes on, counted from the Unix epoch, and its values. */
  #hour: number;
  #values: number[];

  constructor(season: Season, slotsPerDay: number, memory: Memory) {
    this.#slotsPerHour = slotsPerDay / 24;
    this.#tables = new Map(
      ASKED[season].map((name) => [name, new HourMedians(SIZES[name], optionalListOf(memory, name))]),
    );
    this.#hour = numberOf(memory, "hour", 0);
    this.#values = optionalListOf(memory, "values").filter((value) => value !== null);
  }

  /** What is usual in a slot; undefined while it is not known. */
  at(slot: number): number | undefined {
    return this.#between(slot, [...this.#tables.values()]);
  }

  /** The same by the whole season alone: what another one stands in for has a level of its own. */
  ofSeason(slot: number): number | undefined {
    return this.#between(slot, [...this.#tables.values()].slice(0, 1));
  }

  /** Learns the value of a slot. */
  learn(slot: number, value: number): void {
    const hour = Math.floor(slot / this.#slotsPerHour);
    if (hour !== this.#hour) {
      const median = robustBand(this.#values)?.centre;
      if (median !== undefined) for (const table of this.#tables.values()) table.learn(this.#hour, median);
      [this.#hour, this.#values] = [hour, []];
    }
    this.#values.push(value);
  }

  /** To be given to the constructor of the next one. */
  memory(): Memory {
    const tables = [...this.#tables].map(([name, table]) => [name, table.kept]);
    return { ...Object.fromEntries(tables), hour: this.#hour, values: this.#values };
  }

  #between(slot: number, tables: readonly HourMedians[]): number | undefined {
    // What was learned of an hour holds for its middle.
    const place = (slot + 0.5) / this.#slotsPerHour - 0.5;
    const before = Math.floor(place);
    const [low, high] = [usualOf(tables, before), usualOf(tables, before + 1)];
    if (low === undefined || high === undefined) return low ?? high;
    return low + (high - low) * (place - before);
  }
}

/** By the first that knows the hour. */
function usualOf(tables: readonly HourMedians[], hour: number): number | undefined {
  for (const table of tables) {
    const usual = table.usual(hour);
    if (usual !== undefined) return usual;
  }
  return undefined;
}
