import { expect, test } from "@jest/globals";
import { LOAD_SLOT_MILLISECONDS, LOAD_SLOT_SECONDS } from "../../stats/load-slots.ts";
import type { LoadSample } from "./load-sample.ts";
import { mostNeeded, type NeedsInput } from "./recent-needs.ts";

/** A moment in which a slot ends. */
const NOW = 1_800_000_000_000;
const WINDOW = 300_000;

/** Samples whose last one ended so many slots ago, each of a rate. */
function samplesOf(rates: readonly number[], slotsAgo = 0): readonly LoadSample[] {
  return rates.map((rate, at) => ({
    atMilliseconds: NOW - LOAD_SLOT_MILLISECONDS * (slotsAgo + rates.length - 1 - at),
    ...{ seconds: LOAD_SLOT_SECONDS, arrived: 15 * rate, answered: 15 * rate, busySeconds: 3 * rate },
  }));
}

const steady = (slots: number, rate: number) => Array.from({ length: slots }, () => rate);

const most = (samples: readonly LoadSample[], rest: Partial<NeedsInput> = {}) =>
  mostNeeded(
    {
      ...{ nowMilliseconds: NOW, samples, tolerance: 0.1, serviceSeconds: undefined },
      ...{
        asked: 10,
        askedSinceMilliseconds: NOW - 2 * WINDOW,
        targets: [{ type: "RequestRate", perReplica: 10 }],
      },
      ...rest,
    },
    WINDOW,
  );

test.each([
  ["what all of the time needed", steady(24, 41), 5],
  ["the most of it, in minutes", [...steady(12, 41), ...steady(4, 63), ...steady(8, 41)], 7],
  ["a need of before no more", [...steady(4, 99), ...steady(24, 41)], 5],
  ["what is asked for, within the tolerance", [...steady(12, 41), ...steady(4, 95), ...steady(8, 41)], 10],
])("is %s", (_, rates, replicas) => {
  expect(most(samplesOf(rates))).toBe(replicas);
});

test("a slot of which nothing is known needed what is asked for, also the one that is due", () => {
  expect(most([])).toBe(10);
  expect(most(samplesOf(steady(10, 41)))).toBe(10);
  expect(most([...samplesOf(steady(12, 41), 13), ...samplesOf(steady(12, 41))])).toBe(10);
  expect(most(samplesOf(steady(24, 41), 3))).toBe(10);
  // It may still come.
  expect(most(samplesOf(steady(24, 41), 1))).toBe(5);
});

test("an hour is looked through whole", () => {
  const rates = [...steady(4, 41), ...steady(4, 88), ...steady(236, 41)];
  const long = {
    asked: 12,
    askedSinceMilliseconds: 0,
    targets: [{ type: "RequestRate", perReplica: 10 }],
  } as const;
  const input = {
    nowMilliseconds: NOW,
    samples: samplesOf(rates),
    tolerance: 0.1,
    serviceSeconds: undefined,
    ...long,
  };
  expect(mostNeeded(input, 3_600_000)).toBe(9);
});

test("what was asked for lately stays, also by a clock that was set back", () => {
  const samples = samplesOf(steady(24, 41));
  expect(most(samples, { askedSinceMilliseconds: NOW - WINDOW + 1 })).toBe(10);
  expect(most(samples, { askedSinceMilliseconds: NOW - WINDOW })).toBe(5);
  expect(most(samples, { askedSinceMilliseconds: NOW + 1 })).toBe(10);
});
