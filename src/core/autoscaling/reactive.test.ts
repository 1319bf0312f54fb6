import { describe, expect, test } from "@jest/globals";
import type { LoadSample } from "./load-sample.ts";
import { type LoadTarget, neededReplicas, observedLoad } from "./reactive.ts";

const NOW = 1_800_000_000_000;

/** Samples of 15 s, the last one ending now, of so many requests each. */
function samplesOf(arrived: readonly number[], rest: Partial<LoadSample> = {}): readonly LoadSample[] {
  return arrived.map((count, at) => ({
    atMilliseconds: NOW - 15_000 * (arrived.length - 1 - at),
    ...{ seconds: 15, arrived: count, answered: count, busySeconds: 0.2 * count, waiting: 0, ...rest },
  }));
}

const rateOf = (samples: readonly LoadSample[], coldStartSeconds = 180) =>
  observedLoad(samples, NOW, coldStartSeconds, undefined)?.rate;

describe("the rate", () => {
  test.each([
    ["is the mean of the last minute", [9_000, 1_500, 1_500, 1_500, 1_500], 100],
    [
      "is that of a shorter window which is higher for sure",
      [1_500, 1_500, 1_500, 3_000],
      (3_000 - 3 * Math.sqrt(3_000)) / 15,
    ],
    ["is not that of a shorter window which is higher by chance", [1_500, 1_500, 1_500, 1_560], 101],
    ["stays for a minute when the last window is lower", [1_500, 1_500, 1_500, 0], 75],
    ["is 0 when nobody asks", [0, 0, 0, 0], 0],
  ])("%s", (_, arrived, rate) => {
    expect(rateOf(samplesOf(arrived))).toBeCloseTo(rate, 9);
  });

  test("is not known without samples of the last minute", () => {
    expect(rateOf([])).toBeUndefined();
    expect(
      rateOf(samplesOf([1_500]).map((one) => ({ ...one, atMilliseconds: NOW - 60_000 }))),
    ).toBeUndefined();
    expect(rateOf(samplesOf([1_500]).map((one) => ({ ...one, atMilliseconds: NOW + 1 })))).toBeUndefined();
  });
});

describe("a queue", () => {
  const steady = [1_500, 1_500, 1_500, 1_500];

  test("is to be gone in a minute", () => {
    expect(rateOf(samplesOf(steady, { waiting: 600 }))).toBeCloseTo(110, 9);
  });

  test("counts with what it grows to until then", () => {
    const growing = samplesOf(steady, { waiting: 900, answered: 1_425 });
    expect(rateOf(growing)).toBeCloseTo(100 + (900 + 5 * 180) / 60, 9);
  });

  test("never asks for more than what arrives does", () => {
    expect(rateOf(samplesOf(steady, { waiting: 1e9 }))).toBeCloseTo(200, 9);
    expect(rateOf(samplesOf(steady, { waiting: 10, answered: 0 }))).toBeLessThanOrEqual(200);
  });
});

describe("replicas", () => {
  const concurrency: LoadTarget = { type: "Concurrency", perReplica: 2.5 };
  const requests: LoadTarget = { type: "RequestRate", perReplica: 12 };

  test.each([
    ["by requests a second", [requests], { rate: 60, serviceSeconds: undefined }, 5],
    ["by concurrency, with Little's law", [concurrency], { rate: 60, serviceSeconds: 0.25 }, 6],
    ["by the target that asks for more", [requests, concurrency], { rate: 60, serviceSeconds: 0.25 }, 6],
    ["none without load", [requests, concurrency], { rate: 0, serviceSeconds: 0.25 }, 0],
    [
      "not known where no request was ever answered",
      [requests, concurrency],
      { rate: 60, serviceSeconds: undefined },
      undefined,
    ],
  ] as const)("%s", (_, targets, load, replicas) => {
    expect(neededReplicas(load, targets)).toEqual(replicas);
  });

  test("a server that answers nothing is taken to be as fast as before", () => {
    const silent = samplesOf([1_500, 1_500, 1_500, 1_500], { answered: 0, busySeconds: 0 });
    expect(observedLoad(silent, NOW, 180, 0.2)?.serviceSeconds).toBe(0.2);
    expect(observedLoad(samplesOf([1_500]), NOW, 180, 9)?.serviceSeconds).toBeCloseTo(0.2, 9);
  });
});
