/**
 * What is remembered of the load: when it is saved, what is read of it again, and how large it is.
 */
import { expect, test } from "@jest/globals";
import { BY_RATE, loaded, scaledWorld } from "../../../test/fixtures/loaded-world.ts";
import type { World } from "../../../test/fixtures/world.ts";
import { NO_FORECAST } from "./forecast/forecast-memory.ts";
import { HISTORY_DAYS, historyOf, SLOTS_PER_DAY, storedHistory } from "./forecast/load-history.ts";
import type { LoadMemoryData } from "./load-memory.ts";

const SLOT = 300_000;

/** Minutes pass with a load, with a look in each; how often something was saved. */
function minutes(world: World, count: number, rate: number): number {
  const before = new Set(world.loadMemories.map(({ name }) => name));
  let saved = 0;
  for (let minute = 0; minute < count; minute++) {
    world.passTime(59_000);
    loaded(world, Array(20).fill(rate)).reconcile();
    for (const { name } of world.loadMemories) {
      if (before.has(name)) continue;
      before.add(name);
      saved += 1;
    }
  }
  // What was saved is seen to stand.
  world.reconcile();
  return saved;
}

test("a load is saved once in five minutes, one object at a time, and the former goes", () => {
  const world = scaledWorld({ forecast: "Auto" });
  minutes(world, 6, 30);
  expect(minutes(world, 30, 30)).toBe(6);
  expect(world.loadMemories).toHaveLength(1);
  const history = historyOf(world.loadMemories[0]?.data.history);
  expect(history.rates.length).toBeGreaterThanOrEqual(7);
  expect(history.rates.every((rate) => Math.abs(rate - 30) < 0.01)).toBe(true);
});

test("what nobody asks for is saved once in an hour at most", () => {
  const world = scaledWorld();
  minutes(world, 60, 0);
  expect(minutes(world, 100, 0)).toBeLessThanOrEqual(2);
});

test("starts are measured, and used as the time that a schedule begins before", () => {
  const schedules = [
    { name: "sale", schedule: "20 0 * * *", timeZone: "UTC", duration: "1h", minReplicas: 7 },
  ];
  const world = scaledWorld({ schedules });
  const now = world.observation().nowMilliseconds;
  for (const pod of world.servers.flatMap(({ pods }) => pods))
    Object.assign(pod, { createdMilliseconds: now - 420_000, readySinceMilliseconds: now - 10_000 });
  world.reconcile();
  expect(world.loadMemories[0]?.data.starts.map(({ milliseconds }) => milliseconds)).toEqual(
    Array(4).fill(410_000),
  );
  // Seven minutes before, where three would be taken without a measurement.
  world.passTime(200_000).reconcile();
  expect(world.status.autoscaling).toMatchObject({ replicas: 7, because: "Schedule" });
});

test("what was learned stays while another owner has the replicas, and goes with autoscaling", () => {
  const world = scaledWorld();
  minutes(world, 6, 30);
  world.edit({ autoscaling: { ...BY_RATE, owner: "None" } }).reconcile();
  expect(world.loadMemories).toHaveLength(1);
  world.edit({ autoscaling: undefined }).reconcile();
  expect(world.loadMemories).toEqual([]);
});

test("all of three weeks is small", () => {
  const slots = HISTORY_DAYS * SLOTS_PER_DAY;
  const rates = Float64Array.from({ length: slots }, (_, at) => 100 + at);
  const start = {
    pod: "ranker-default-abcdefghjk-7c9d8f6b5-x2x4z",
    revision: "ranker-abcdefghjk",
    milliseconds: 181_234,
  };
  const data: LoadMemoryData = {
    history: storedHistory({ lastSlot: Math.floor(Date.UTC(2026, 0, 1) / SLOT), rates }),
    forecast: {
      slot: 5_900_000,
      skills: Array(5).fill({ name: "MedianOfDays", skill: 0.12345, days: 6.9876, isShown: true }),
      used: "MedianOfDays",
      expected: Array(24).fill(1234.5),
    },
    starts: Array(50).fill(start),
    serviceSeconds: 0.012345,
  };
  expect(NO_FORECAST.expected).toEqual([]);
  expect(JSON.stringify(data).length).toBeLessThan(24_000);
});
