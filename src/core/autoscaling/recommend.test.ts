import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import type { LoadSample } from "./load-sample.ts";
import {
  type AutoscalingMemory,
  type AutoscalingSettings,
  type ObservedPoolLoad,
  recommend,
} from "./recommend.ts";
import type { Recommended } from "./stabilisation.ts";

const NOW = Date.parse("2026-11-10T12:00:00Z");
const SETTINGS: AutoscalingSettings = {
  ...{ minReplicas: 2, maxReplicas: 20, tolerance: 0.1, scaleInAfterMilliseconds: 300_000 },
  targets: [{ type: "RequestRate", perReplica: 10 }],
  schedules: [],
};
const SALE = {
  ...{
    name: "sale",
    schedule: "0 12 * * *",
    timeZone: "UTC",
    durationMilliseconds: 3_600_000,
    minReplicas: 9,
  },
};

function samplesOf(rate: number, waiting = 0): readonly LoadSample[] {
  return [45, 30, 15, 0].map((secondsAgo) => ({
    atMilliseconds: NOW - 1_000 * secondsAgo,
    ...{ seconds: 15, arrived: 15 * rate, answered: 15 * rate, busySeconds: 3 * rate, waiting },
  }));
}

function pool(
  rate: number | undefined,
  replicas: number,
  rest: Partial<ObservedPoolLoad> = {},
): ObservedPoolLoad {
  return {
    ...{
      nowMilliseconds: NOW,
      samples: rate === undefined ? [] : samplesOf(rate),
      coldStartMilliseconds: 180_000,
    },
    ...{ ready: replicas, coming: 0, asked: replicas, expectedRate: undefined, ...rest },
  };
}

const NOTHING: AutoscalingMemory = { recommended: [] };

test.each([
  ["what the load needs", {}, pool(78, 5), 8, "Load"],
  ["no fewer than asked for at least", {}, pool(3, 2), 2, "Minimum"],
  ["no more than asked for at most", {}, pool(780, 5), 20, "Maximum"],
  ["what a forecast expects", {}, pool(78, 8, { expectedRate: 121 }), 13, "Forecast"],
  ["nothing less for a forecast of less", {}, pool(78, 8, { expectedRate: 20 }), 8, "Load"],
  ["what a schedule declares", { schedules: [SALE] }, pool(50, 5), 9, "Schedule"],
  ["what was there, without news", {}, pool(undefined, 7), 7, "NoData"],
  [
    "what was asked for, without news, while pods come",
    {},
    pool(undefined, 7, { ready: 3, coming: 2 }),
    7,
    "NoData",
  ],
  [
    "more than was there, without news, for a schedule",
    { schedules: [SALE] },
    pool(undefined, 7),
    9,
    "Schedule",
  ],
  [
    "more than was there, without news, for a forecast",
    {},
    pool(undefined, 7, { expectedRate: 121 }),
    13,
    "Forecast",
  ],
  [
    "what was there where a target cannot be told",
    { targets: [{ type: "Concurrency", perReplica: 1 }] },
    pool(9, 7, { samples: samplesOf(9).map((sample) => ({ ...sample, answered: 0, busySeconds: 0 })) }),
    7,
    "NoData",
  ],
  [
    "none where nothing comes, however long a request would take",
    { minReplicas: 1, targets: [{ type: "Concurrency", perReplica: 1 }] },
    pool(0, 2),
    1,
    "Minimum",
  ],
  ["nothing more while as many are coming", {}, pool(78, 4, { coming: 4, asked: 8 }), 8, "Load"],
] as const)("has %s", (_, settings, observed, replicas, because) => {
  expect(recommend({ ...SETTINGS, ...settings }, observed, NOTHING)).toMatchObject({ replicas, because });
});

test("remembers how long requests take, for when none is answered", () => {
  const settings: AutoscalingSettings = { ...SETTINGS, targets: [{ type: "Concurrency", perReplica: 2 }] };
  const { memory } = recommend(settings, pool(50, 5), NOTHING);
  expect(memory.serviceSeconds).toBeCloseTo(0.2, 9);
  const silent = samplesOf(80).map((sample) => ({ ...sample, answered: 0, busySeconds: 0 }));
  expect(recommend(settings, pool(0, 5, { samples: silent }), memory).replicas).toBe(8);
});

describe("whatever comes", () => {
  const recommended = fc.array(
    fc.record({
      atMilliseconds: fc.integer({ min: NOW - 600_000, max: NOW }),
      replicas: fc.nat({ max: 40 }),
    }) as fc.Arbitrary<Recommended>,
    { maxLength: 10 },
  );
  const memories = fc.record({ recommended, serviceSeconds: fc.constant(0.2) });
  const bounds = fc.tuple(fc.nat({ max: 5 }), fc.nat({ max: 40 })).map(([minReplicas, more]) => ({
    ...{ minReplicas, maxReplicas: minReplicas + more },
    targets: fc.sample(fc.constant(SETTINGS.targets), 1)[0] ?? [],
  }));
  const observed = fc
    .record({
      rate: fc.option(fc.double({ min: 0, max: 1_000, noNaN: true }), { nil: undefined }),
      waiting: fc.nat({ max: 100_000 }),
      ready: fc.nat({ max: 30 }),
      coming: fc.nat({ max: 20 }),
      unplaced: fc.nat({ max: 5 }),
      expectedRate: fc.option(fc.double({ min: 0, max: 500, noNaN: true }), { nil: undefined }),
    })
    .map(({ rate, waiting, ready, coming, unplaced, expectedRate }) =>
      pool(rate, 0, {
        ...{ ready, coming, asked: ready + coming + unplaced, expectedRate },
        samples: rate === undefined ? [] : samplesOf(rate, waiting),
      }),
    );

  test("there are at least the fewest and at most the most, and whole ones", () => {
    fc.assert(
      fc.property(bounds, observed, memories, (wanted, one, memory) => {
        const { replicas } = recommend({ ...SETTINGS, ...wanted }, one, memory);
        expect(Number.isInteger(replicas)).toBe(true);
        expect(replicas).toBeGreaterThanOrEqual(wanted.minReplicas);
        expect(replicas).toBeLessThanOrEqual(wanted.maxReplicas);
      }),
    );
  });

  test("more load never has fewer replicas", () => {
    fc.assert(
      fc.property(observed, memories, fc.double({ min: 1, max: 5, noNaN: true }), (one, memory, factor) => {
        const more = one.samples.map((sample) => ({
          ...{ ...sample, arrived: sample.arrived * factor, answered: sample.answered * factor },
          busySeconds: sample.busySeconds * factor,
        }));
        const settings = { ...SETTINGS, maxReplicas: 10_000 };
        const { replicas } = recommend(settings, one, memory);
        expect(recommend(settings, { ...one, samples: more }, memory).replicas).toBeGreaterThanOrEqual(
          replicas,
        );
      }),
    );
  });

  test("without news nothing goes, unless people ask for fewer at most", () => {
    fc.assert(
      fc.property(observed, memories, (one, memory) => {
        const { replicas } = recommend(SETTINGS, { ...one, samples: [] }, memory);
        expect(replicas).toBeGreaterThanOrEqual(Math.min(one.asked, SETTINGS.maxReplicas));
      }),
    );
  });

  test("at most half goes at once, and the load asks for no more than twice what arrives", () => {
    fc.assert(
      fc.property(observed, memories, (one, memory) => {
        const settings = { ...SETTINGS, maxReplicas: 10_000 };
        const { byLoad } = recommend(settings, one, memory);
        if (byLoad === undefined) return;
        const current = one.ready + one.coming;
        const rate = Math.max(0, ...one.samples.map(({ arrived, seconds }) => arrived / seconds));
        expect(byLoad).toBeGreaterThanOrEqual(Math.ceil(current / 2));
        expect(byLoad).toBeLessThanOrEqual(Math.max(current, Math.ceil((2 * rate) / 10) + 1e-9));
      }),
    );
  });

  test("what is remembered is small", () => {
    fc.assert(
      fc.property(observed, memories, (one, memory) => {
        const { memory: next } = recommend(SETTINGS, one, memory);
        expect(next.recommended.length).toBeLessThanOrEqual(40);
      }),
    );
  });
});
