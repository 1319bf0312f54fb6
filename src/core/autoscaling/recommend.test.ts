import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import type { LoadSample } from "./load-sample.ts";
import { type AutoscalingSettings, type ObservedPoolLoad, recommend } from "./recommend.ts";
import { readSchedule } from "./schedules.ts";

const NOW = Date.parse("2026-11-10T12:00:00Z");
const SETTINGS: AutoscalingSettings = {
  ...{ minReplicas: 2, maxReplicas: 20, tolerance: 0.1, scaleInAfterMilliseconds: 300_000 },
  targets: [{ type: "RequestRate", perReplica: 10 }],
  schedules: [],
};
const SALE = readSchedule({
  ...{ name: "sale", schedule: "0 12 * * *", timeZone: "UTC" },
  ...{ durationMilliseconds: 3_600_000, minReplicas: 9 },
});
/** Of the time in which scaling in waits, and a minute before it. */
const SLOTS = 24;

function samplesOf(rate: number): readonly LoadSample[] {
  return Array.from({ length: SLOTS }, (_, at) => ({
    atMilliseconds: NOW - 15_000 * (SLOTS - 1 - at),
    ...{ seconds: 15, arrived: 15 * rate, answered: 15 * rate, busySeconds: 3 * rate },
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
    ...{ ready: replicas, coming: 0, asked: replicas, askedSinceMilliseconds: NOW - 3_600_000 },
    ...{ serviceSeconds: undefined, expectedRate: undefined, ...rest },
  };
}

const LATELY = { askedSinceMilliseconds: NOW - 60_000 };
const PENDING = { ...LATELY, asked: 9 };

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
  ["half at once of what the load does not need any more", {}, pool(11, 9), 5, "Load"],
  ["all of them while it has not been so for long enough", {}, pool(11, 9, LATELY), 9, "Load"],
  ["those that find no node, too, until it has been so for long enough", {}, pool(41, 4, PENDING), 9, "Load"],
] as const)("has %s", (_, settings, observed, replicas, because) => {
  expect(recommend({ ...SETTINGS, ...settings }, observed)).toMatchObject({ replicas, because });
});

test("takes requests to take as long as before where none is answered", () => {
  const settings: AutoscalingSettings = { ...SETTINGS, targets: [{ type: "Concurrency", perReplica: 2 }] };
  const silent = samplesOf(80).map((sample) => ({ ...sample, answered: 0, busySeconds: 0 }));
  expect(recommend(settings, pool(0, 5, { samples: silent, serviceSeconds: 0.2 })).replicas).toBe(8);
});

describe("whatever comes", () => {
  const bounds = fc.tuple(fc.nat({ max: 5 }), fc.nat({ max: 40 })).map(([minReplicas, more]) => ({
    ...{ minReplicas, maxReplicas: minReplicas + more },
    targets: fc.sample(fc.constant(SETTINGS.targets), 1)[0] ?? [],
  }));
  const observed = fc
    .record({
      rate: fc.option(fc.double({ min: 0, max: 1_000, noNaN: true }), { nil: undefined }),
      ready: fc.nat({ max: 30 }),
      coming: fc.nat({ max: 20 }),
      unplaced: fc.nat({ max: 5 }),
      expectedRate: fc.option(fc.double({ min: 0, max: 500, noNaN: true }), { nil: undefined }),
      /** Slots of which nobody told; the last two may still come. */
      gaps: fc.uniqueArray(fc.nat({ max: SLOTS - 3 })),
      sinceSeconds: fc.integer({ min: -600, max: 600 }),
    })
    .map(({ rate, ready, coming, unplaced, expectedRate, gaps, sinceSeconds }) =>
      pool(rate, 0, {
        ...{ ready, coming, asked: ready + coming + unplaced, expectedRate },
        askedSinceMilliseconds: NOW - 1_000 * sinceSeconds,
        samples: rate === undefined ? [] : samplesOf(rate).filter((_, at) => !gaps.includes(at)),
      }),
    );

  test("there are at least the fewest and at most the most, and whole ones", () => {
    fc.assert(
      fc.property(bounds, observed, (wanted, one) => {
        const { replicas } = recommend({ ...SETTINGS, ...wanted }, one);
        expect(Number.isInteger(replicas)).toBe(true);
        expect(replicas).toBeGreaterThanOrEqual(wanted.minReplicas);
        expect(replicas).toBeLessThanOrEqual(wanted.maxReplicas);
      }),
    );
  });

  test("more load never has fewer replicas", () => {
    fc.assert(
      fc.property(observed, fc.double({ min: 1, max: 5, noNaN: true }), (one, factor) => {
        const more = one.samples.map((sample) => ({
          ...{ ...sample, arrived: sample.arrived * factor, answered: sample.answered * factor },
          busySeconds: sample.busySeconds * factor,
        }));
        const settings = { ...SETTINGS, maxReplicas: 10_000 };
        const { replicas } = recommend(settings, one);
        expect(recommend(settings, { ...one, samples: more }).replicas).toBeGreaterThanOrEqual(replicas);
      }),
    );
  });

  test("without news nothing goes, unless people ask for fewer at most", () => {
    fc.assert(
      fc.property(observed, (one) => {
        const { replicas } = recommend(SETTINGS, { ...one, samples: [] });
        expect(replicas).toBeGreaterThanOrEqual(Math.min(one.asked, SETTINGS.maxReplicas));
      }),
    );
  });

  test("nothing goes unless all of the time is known, and then at most half", () => {
    fc.assert(
      fc.property(observed, (one) => {
        const settings = { ...SETTINGS, minReplicas: 0, maxReplicas: 10_000 };
        const { replicas } = recommend(settings, one);
        const current = one.ready + one.coming;
        expect(replicas).toBeGreaterThanOrEqual(Math.ceil(current / 2));
        const told = one.samples.filter(({ atMilliseconds }) => atMilliseconds > NOW - 300_000);
        const isKnown = told.length === 20 && Math.abs(NOW - one.askedSinceMilliseconds) >= 300_000;
        if (!isKnown) expect(replicas).toBeGreaterThanOrEqual(one.asked);
      }),
    );
  });
});
