/**
 * What a forecast expects of the next two hours, made anew with each slot that is over and remembered until the next. Pure.
 *
 * With each slot one forecaster is tested again, so that no decision costs much; each has its turn within half an hour. What
 * was expected serves for two hours without news of the load, and then there is no forecast any more.
 */
import { chosen, type Skill, tested } from "./backtest.ts";
import type { Season } from "./forecaster.ts";
import { type LoadHistory, overBy, SLOT_MILLISECONDS, SLOTS_PER_DAY, slotAt } from "./load-history.ts";
import { FORECASTERS, forecasterNamed } from "./register.ts";

const SEASON: Season = { slotsPerDay: SLOTS_PER_DAY };
/** Slots that are expected: two hours, more than any replica takes. */
const EXPECTED_SLOTS = 24;

/** What is remembered of forecasts. */
export interface ForecastMemory {
  /** The last slot that was over. */
  readonly slot: number;
  /** Of each forecaster that was tested. */
  readonly skills: readonly Skill[];
  /** The one that is used; undefined where none has shown skill. */
  readonly used: string | undefined;
  /** Requests a second, of the slots from `slot + 1` on; none without a forecaster. */
  readonly expected: readonly number[];
}

/** Nothing yet. */
export const NO_FORECAST: ForecastMemory = { slot: -1, skills: [], used: undefined, expected: [] };

/** Slots from the first that is not over to the end of a cold start: all that a replica must be there for. */
export function slotsAhead(coldStartMilliseconds: number): number {
  return Math.min(EXPECTED_SLOTS, Math.ceil(coldStartMilliseconds / SLOT_MILLISECONDS) + 1);
}

/** The memory after the slots that are over by now; the same one where no other slot is. */
export function nextForecast(
  memory: ForecastMemory,
  history: LoadHistory,
  nowMilliseconds: number,
  coldStartMilliseconds: number,
): ForecastMemory {
  const { lastSlot, rates } = overBy(history, nowMilliseconds);
  if (lastSlot === memory.slot || rates.length === 0) return memory;
  const turn = FORECASTERS[lastSlot % FORECASTERS.length];
  const known = memory.skills.filter(({ name }) => name !== turn?.name);
  const skills =
    turn === undefined ? known : [...known, tested(turn, rates, slotsAhead(coldStartMilliseconds), SEASON)];
  const used = chosen(skills)?.name;
  return { slot: lastSlot, skills, used, expected: used === undefined ? [] : expectedBy(used, rates) };
}

function expectedBy(name: string, rates: Float64Array): readonly number[] {
  const forecaster = forecasterNamed(name);
  if (forecaster === undefined) return [];
  const run = forecaster.start(SEASON);
  // A day more than it looks back: some begin anew with each day.
  for (const rate of rates.subarray(-(forecaster.memoryDays + 1) * SLOTS_PER_DAY)) run.add(rate);
  return Array.from({ length: EXPECTED_SLOTS }, (_, at) => run.forecast(at + 1) ?? 0);
}

/** The most that is expected until a replica that is asked for now serves; undefined without a forecast. */
export function expectedRate(
  { slot, expected }: ForecastMemory,
  nowMilliseconds: number,
  coldStartMilliseconds: number,
): number | undefined {
  const first = slotAt(nowMilliseconds) - slot - 1;
  const slots = first < 0 ? [] : expected.slice(first, first + slotsAhead(coldStartMilliseconds));
  return slots.length === 0 ? undefined : Math.max(...slots);
}
