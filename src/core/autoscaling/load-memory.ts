/**
 * What autoscaling remembers of a ModelDeployment: its load of three weeks, what a forecast expects, and how long replicas took
 * to start. It lies in a ControllerRevision of its own, whose data never changes: each time another one is made, and the
 * former is removed. Pure.
 *
 * The status does not have it, for every router reads that. It is saved once in five minutes at most, and what is lost by a
 * restart between is a gap in the history and nothing else.
 */
import Type from "typebox";
import { childName } from "../../api/child-name.ts";
import { contentHash } from "../../api/content-hash.ts";
import type { ObservedPod } from "../observation.ts";
import { coldStartMilliseconds, REMEMBERED_STARTS, withStarts } from "./cold-start.ts";
import { type ForecastMemory, NO_FORECAST, nextForecast } from "./forecast/forecast-memory.ts";
import { historyOf, SLOT_MILLISECONDS, slotAt, storedHistory, withRate } from "./forecast/load-history.ts";
import { type LoadSample, sumsOf, usualServiceSeconds } from "./load-sample.ts";
import { LATENESS_MILLISECONDS } from "./recent-needs.ts";

/** JSON Schema of what is kept. */
export const loadMemoryDataSchema = Type.Object({
  history: Type.Object({ lastSlot: Type.Integer(), rates: Type.String() }),
  forecast: Type.Object({
    slot: Type.Integer(),
    skills: Type.Array(
      Type.Object({
        name: Type.String(),
        skill: Type.Number(),
        days: Type.Number(),
        isShown: Type.Boolean(),
      }),
      { maxItems: 16 },
    ),
    used: Type.Optional(Type.String()),
    expected: Type.Array(Type.Number(), { maxItems: 64 }),
  }),
  starts: Type.Array(
    Type.Object({ pod: Type.String(), revision: Type.String(), milliseconds: Type.Number() }),
    { maxItems: REMEMBERED_STARTS },
  ),
  serviceSeconds: Type.Optional(Type.Number()),
});

/** What is kept. */
export type LoadMemoryData = Type.Static<typeof loadMemoryDataSchema>;

/** The ControllerRevision that keeps it. */
export interface ObservedLoadMemory {
  readonly name: string;
  /** The last slot of the history, of five minutes, that was over when it was saved: one more with each. */
  readonly number: number;
  readonly data: LoadMemoryData;
}

/** What is known by it, and by what came since. */
export interface LoadMemory {
  readonly coldStartMilliseconds: number;
  readonly serviceSeconds: number | undefined;
  readonly forecast: ForecastMemory;
  /** What is to be saved now; undefined where nothing is. */
  readonly toSave: ObservedLoadMemory | undefined;
}

const NOTHING: LoadMemoryData = {
  history: { lastSlot: -1, rates: "" },
  forecast: stored(NO_FORECAST),
  starts: [],
};
/** An idle one is saved once in so many slots: before what is known of them is forgotten. */
const IDLE_SLOTS = 10;
const SAMPLES_A_MINUTE = 4;
const SIGNIFICANT_DIGITS = 5;

/** What the planner knows beside. */
export interface LoadMemoryInput {
  readonly deployment: string;
  readonly nowMilliseconds: number;
  readonly samples: readonly LoadSample[];
  /** Of the pool. */
  readonly pods: readonly ObservedPod[];
  /** The model revision that new replicas load. */
  readonly revision: string;
  readonly isForecast: boolean;
}

/** What is known, and whether it is to be saved. */
export function loadMemory(saved: ObservedLoadMemory | undefined, input: LoadMemoryInput): LoadMemory {
  const { nowMilliseconds, samples, pods, revision } = input;
  const data = saved?.data ?? NOTHING;
  const starts = withStarts(data.starts, pods, nowMilliseconds);
  const coldStart = coldStartMilliseconds(starts, revision);
  const serviceSeconds = usualServiceSeconds(samples, data.serviceSeconds);
  const known = { coldStartMilliseconds: coldStart, serviceSeconds };
  const former = forecastOf(data);
  const over = slotAt(nowMilliseconds - LATENESS_MILLISECONDS) - 1;
  const rates = ratesOf(samples, saved?.number ?? over - 1, over);
  const isQuiet = rates.every(({ rate }) => rate === 0) && former.expected.every((rate) => rate === 0);
  const waits = over - (saved?.number ?? over - 1);
  const hasNews = starts !== data.starts || (rates.length > 0 && (!isQuiet || waits >= IDLE_SLOTS));
  if (waits < 1 || !hasNews) return { ...known, forecast: former, toSave: undefined };
  const history = rates.reduce(
    (before, { slot, rate }) => withRate(before, slot, rate),
    historyOf(data.history),
  );
  const forecast = input.isForecast
    ? nextForecast(former, history, nowMilliseconds - LATENESS_MILLISECONDS, coldStart)
    : former;
  const next: LoadMemoryData = {
    history: storedHistory(history),
    forecast: stored(forecast),
    starts: starts.map((start) => ({ ...start })),
    ...(serviceSeconds === undefined ? {} : { serviceSeconds: rounded(serviceSeconds) }),
  };
  return { ...known, forecast, toSave: { name: nameOf(input.deployment, over), number: over, data: next } };
}

function nameOf(deployment: string, slot: number): string {
  return childName(deployment, "load", contentHash(["load", deployment, String(slot)]));
}

/** The highest whole minute of each slot that is over and not saved; slots of which none is known are missing. */
function ratesOf(samples: readonly LoadSample[], savedSlot: number, over: number) {
  const rates: { readonly slot: number; readonly rate: number }[] = [];
  for (let slot = Math.max(savedSlot + 1, over - 12); slot <= over; slot++) {
    const begin = slot * SLOT_MILLISECONDS;
    const inSlot = samples.filter(
      ({ atMilliseconds }) => atMilliseconds > begin && atMilliseconds <= begin + SLOT_MILLISECONDS,
    );
    const minutes = Map.groupBy(inSlot, ({ atMilliseconds }) => Math.ceil(atMilliseconds / 60_000)).values();
    const whole = [...minutes].filter((minute) => minute.length === SAMPLES_A_MINUTE).map(sumsOf);
    if (whole.length === 0) continue;
    rates.push({ slot, rate: Math.max(...whole.map(({ arrived, seconds }) => arrived / seconds)) });
  }
  return rates;
}

function stored({ slot, skills, used, expected }: ForecastMemory): LoadMemoryData["forecast"] {
  return {
    slot,
    skills: skills.map(({ name, skill, days, isShown }) => ({
      ...{ name, isShown },
      skill: rounded(skill),
      days: rounded(days),
    })),
    ...(used === undefined ? {} : { used }),
    expected: expected.map(rounded),
  };
}

function forecastOf({ forecast: { slot, skills, used, expected } }: LoadMemoryData): ForecastMemory {
  return { slot, skills, used, expected };
}

function rounded(value: number): number {
  return Number(value.toPrecision(SIGNIFICANT_DIGITS));
}
