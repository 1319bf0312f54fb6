/**
 * CPU of one decision of the planner, with a full history: most decisions, and those after a slot, when a forecaster is tested.
 */

import {
  expectedRate,
  type ForecastMemory,
  NO_FORECAST,
  nextForecast,
} from "../../src/core/autoscaling/forecast/forecast-memory.ts";
import {
  HISTORY_DAYS,
  type LoadHistory,
  SLOT_MILLISECONDS,
  SLOTS_PER_DAY,
} from "../../src/core/autoscaling/forecast/load-history.ts";
import { FORECASTERS } from "../../src/core/autoscaling/forecast/register.ts";
import {
  AUTOSCALING_DEFAULTS,
  type AutoscalingSettings,
  recommend,
} from "../../src/core/autoscaling/recommend.ts";
import { readSchedule } from "../../src/core/autoscaling/schedules.ts";

const COLD_START = 180_000;
const WARM_UP = 200;
const ROUNDS = 200;
/** As long as scaling in waits where people say nothing, and a minute. */
const SAMPLES = 24;
const SLOTS = HISTORY_DAYS * SLOTS_PER_DAY;

/** A sale each day, so that a forecast is used; two schedules, so that they are looked at. */
const HISTORY: LoadHistory = {
  lastSlot: SLOTS - 1,
  rates: Float64Array.from(
    { length: SLOTS },
    (_, slot) => 100 + (slot % SLOTS_PER_DAY < 12 ? 200 : (slot * 7_919) % 13),
  ),
};
const SETTINGS: AutoscalingSettings = {
  ...{
    ...AUTOSCALING_DEFAULTS,
    minReplicas: 1,
    maxReplicas: 100,
    targets: [{ type: "Concurrency", perReplica: 3 }],
  },
  schedules: ["0 20 10 11 *", "0 18 * * 1-5"].map((schedule, at) =>
    readSchedule({
      ...{ name: `sale-${at}`, schedule, timeZone: "Asia/Shanghai" },
      ...{ durationMilliseconds: 3_600_000, minReplicas: 9 },
    }),
  ),
};

function decision(forecast: ForecastMemory, history: LoadHistory, nowMilliseconds: number): ForecastMemory {
  const next = nextForecast(forecast, history, nowMilliseconds, COLD_START);
  const samples = Array.from({ length: SAMPLES }, (_, at) => ({
    atMilliseconds: nowMilliseconds - 15_000 * (SAMPLES - 1 - at),
    ...{ seconds: 15, arrived: 1_500, answered: 1_500, busySeconds: 300 },
  }));
  const pool = { ready: 8, coming: 0, asked: 8, askedSinceMilliseconds: 0, serviceSeconds: undefined };
  recommend(SETTINGS, {
    ...{ ...pool, nowMilliseconds, samples, coldStartMilliseconds: COLD_START },
    expectedRate: expectedRate(next, nowMilliseconds, COLD_START),
  });
  return next;
}

/** Milliseconds of CPU of this thread that a call takes, in the mean. */
function costOf(call: (round: number) => void): number {
  for (let round = 0; round < WARM_UP; round++) call(round);
  const before = process.threadCpuUsage();
  for (let round = 0; round < ROUNDS; round++) call(round);
  const { user, system } = process.threadCpuUsage(before);
  return (user + system) / 1_000 / ROUNDS;
}

/** Means in milliseconds: of a decision within a slot, and of the first one after a slot, by the forecaster whose turn it is. */
export function decisionCosts(): Readonly<Record<string, number>> {
  const warm = decision(NO_FORECAST, HISTORY, SLOTS * SLOT_MILLISECONDS);
  const within = costOf((round) =>
    decision(warm, HISTORY, SLOTS * SLOT_MILLISECONDS + 1_000 * (round % 300)),
  );
  const turns = FORECASTERS.map((forecaster, turn) => {
    // So many slots are over that it is its turn.
    const lastSlot =
      SLOTS - 1 + ((turn - ((SLOTS - 1) % FORECASTERS.length) + FORECASTERS.length) % FORECASTERS.length);
    const cost = costOf(() =>
      decision(NO_FORECAST, { ...HISTORY, lastSlot }, (lastSlot + 1) * SLOT_MILLISECONDS),
    );
    return [`after a slot, ${forecaster.name}`, cost] as const;
  });
  return { "within a slot": within, ...Object.fromEntries(turns) };
}
