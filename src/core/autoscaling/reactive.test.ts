import { describe, expect, test } from "@jest/globals";
import type { LoadSample } from "./load-sample.ts";
import { type LoadTarget, neededReplicas, observedLoad } from "./reactive.ts";

const NOW = 1_800_000_000_000;

/** Samples of 15 s, the last one ending now, of so many requests each. */
function samplesOf(arrived: readonly number[], rest: Partial<LoadSample> = {}): readonly LoadSample[] {
  return arrived.map((count, at) => ({
    atMilliseconds: NOW - 15_000 * (arrived.length - 1 - at),
    ...{ seconds: 15, arrived: count, answered: count, busySeconds: 0.2 * count, ...rest },
  }));
}

const rateOf = (samples: readonly LoadSample[]) => observedLoad(samples, NOW, undefined)?.rate;

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

  test("requests that take longer than usual count up to twice of it", () => {
    const slow = (busySeconds: number) => samplesOf([1_500, 1_500, 1_500, 1_500], { busySeconds });
    expect(observedLoad(slow(450), NOW, 0.2)?.serviceSeconds).toBeCloseTo(0.3, 9);
    expect(observedLoad(slow(9_000), NOW, 0.2)?.serviceSeconds).toBeCloseTo(0.4, 9);
    expect(observedLoad(slow(9_000), NOW, undefined)?.serviceSeconds).toBeCloseTo(6, 9);
    expect(observedLoad(slow(150), NOW, 0.2)?.serviceSeconds).toBeCloseTo(0.1, 9);
  });

  test("a server that answers nothing is taken to be as fast as before", () => {
    const silent = samplesOf([1_500, 1_500, 1_500, 1_500], { answered: 0, busySeconds: 0 });
    expect(observedLoad(silent, NOW, 0.2)?.serviceSeconds).toBe(0.2);
    expect(observedLoad(samplesOf([1_500]), NOW, 9)?.serviceSeconds).toBeCloseTo(0.2, 9);
  });
});
