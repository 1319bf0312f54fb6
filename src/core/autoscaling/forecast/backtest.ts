/**
 * Which forecaster, if any, would have helped on the days that lie behind: the only ground on which one is used. Pure.
 *
 * Each is shown the history slot by slot, and asked at every one for the most that is expected until a replica comes. What it
 * is worth is not how near it is, for a floor under a reactive scaler need not be near: it is what the replicas that came of
 * both would have been worth beside those of the reactive one alone, which follows the last value. Too few cost more than too
 * many, by a fixed ratio, and what the usual headroom carries is not lacked. Few days must show more than many.
 */
import type { Forecaster, ForecastRun, Season } from "./forecaster.ts";

/** How many times as much it costs to lack a replica as to have one too many. */
const COST_OF_LACK = 20;
/** Free beside what replicas are sized for, as a usual target of 80 % leaves it: load within it lacks nothing. */
const HEADROOM = 0.25;
/** Days that count. */
const TESTED_DAYS = 7;
/** Less than a quarter of a day shows nothing. */
const LEAST_DAYS = 0.25;
/** Skill that is worth a forecast, and what one tested day may show by chance: more days less, by the root of their number. */
const WORTHWHILE_SKILL = 0.1;
const CHANCE_SKILL = 0.1;

/** What a test of one forecaster showed. */
export interface Skill {
  readonly name: string;
  /** Share of the reactive scaler's cost that it would have saved; below 0 where it would have cost more. */
  readonly skill: number;
  /** Days that it could be tested on, at most seven. */
  readonly days: number;
  /** Whether that is more than chance. */
  readonly isShown: boolean;
}

/** Cost of replicas that are sized for one load when there is another, in the unit of the load. */
function costOf(sizedFor: number, load: number): number {
  const provided = sizedFor * (1 + HEADROOM);
  return provided < load ? COST_OF_LACK * (load - provided) : provided - load;
}

/** The most that a run expects of the slots up to one. */
export function mostExpected(run: ForecastRun, ahead: number): number | undefined {
  let most: number | undefined;
  for (let slot = 1; slot <= ahead; slot++) {
    const expected = run.forecast(slot);
    if (expected !== undefined && !(most !== undefined && most >= expected)) most = expected;
  }
  return most;
}

/**
 * Tests one forecaster.
 *
 * @param rates as a history has them.
 * @param ahead slots until a replica that is asked for now serves, at least 1.
 */
export function tested(forecaster: Forecaster, rates: Float64Array, ahead: number, season: Season): Skill {
  const run = forecaster.start(season);
  const from = rates.length - TESTED_DAYS * season.slotsPerDay;
  const first = Math.max(0, from - forecaster.memoryDays * season.slotsPerDay);
  let [alone, both, slots] = [0, 0, 0];
  for (let at = first; at + ahead < rates.length; at++) {
    const rate = rates[at] ?? Number.NaN;
    run.add(rate);
    if (at < from) continue;
    let load = 0;
    for (let next = at + 1; next <= at + ahead; next++) load = Math.max(load, rates[next] ?? Number.NaN);
    if (Number.isNaN(load) || Number.isNaN(rate)) continue;
    const expected = mostExpected(run, ahead);
    if (expected === undefined) continue;
    alone += costOf(rate, load);
    both += costOf(Math.max(rate, expected), load);
    slots++;
  }
  const days = slots / season.slotsPerDay;
  const skill = alone > 0 ? 1 - both / alone : 0;
  const isShown = days >= LEAST_DAYS && skill > WORTHWHILE_SKILL + CHANCE_SKILL / Math.sqrt(days);
  return { name: forecaster.name, skill, days, isShown };
}

/** The best of those whose skill is shown; undefined where there is none, and then no forecast is used. */
export function chosen(skills: readonly Skill[]): Skill | undefined {
  return skills
    .filter(({ isShown }) => isShown)
    .reduce<Skill | undefined>(
      (best, skill) => (best === undefined || skill.skill > best.skill ? skill : best),
      undefined,
    );
}
