import { expect, test } from "@jest/globals";
import type { Scaler, ScalerView } from "../../src/cli/simulate/replay.ts";
import { hpaCpu, hpaRate, kpa, seasonalFloor } from "./comparators.ts";

const REPLICA = { concurrency: 4, perSecond: 20 };

interface Seen {
  readonly second?: number;
  readonly ready: number;
  readonly coming?: number;
  readonly rate?: number;
  readonly busy?: number;
  readonly inFlight?: readonly [panic: number, stable: number];
}

function view({ second = 15, ready, coming = 0, rate = 0, busy = 0, inFlight = [0, 0] }: Seen): ScalerView {
  return {
    ...{ second, ready, coming, isBlind: false },
    ...{ arrivalRate: () => rate, answerRate: () => rate, busy: () => busy, underWay: () => busy },
    inFlight: (seconds) => inFlight[seconds === 6 ? 0 : 1],
  };
}

const after = (scaler: Scaler, seen: readonly Seen[]) => seen.map((one) => scaler.replicas(view(one)));

test.each([
  ["to what is needed", [{ ready: 10, rate: 168 }], [12]],
  ["nowhere within the tolerance", [{ ready: 10, rate: 153 }], [10]],
  ["to the double at most, of many", [{ ready: 10, rate: 9_999 }], [20]],
  ["to four more at most, of few", [{ ready: 1, rate: 9_999 }], [5]],
  ["with those that come counted", [{ ready: 5, coming: 7, rate: 168 }], [12]],
  [
    "in after five minutes",
    [15, 300, 315].map((second) => ({ second, ready: 10, rate: second === 15 ? 140 : 70 })),
    [10, 10, 5],
  ],
] as const)("HPA on requests scales %s", (_, seen, replicas) => {
  expect(after(hpaRate(0.7, REPLICA), seen)).toEqual(replicas);
});

test.each([
  ["by the share of ready replicas", { ready: 10, busy: 36 }, 13],
  ["to no more than full replicas tell", { ready: 10, busy: 40 }, 15],
  ["nowhere while as many as needed are coming", { ready: 10, coming: 5, busy: 40 }, 15],
  ["out of what is ready and coming, which counts as idle", { ready: 10, coming: 2, busy: 40 }, 15],
  ["nowhere with nothing ready", { ready: 0, coming: 3 }, 3],
])("HPA on CPU scales %s", (_, seen, replicas) => {
  expect(hpaCpu(0.7, REPLICA).replicas(view(seen))).toBe(replicas);
});

test("the floor is of what the day before needed, and HPA adds to it", () => {
  const scaler = seasonalFloor(0.7, REPLICA, (second) => (second > 100 ? 280 : 0));
  const seen = [
    { ready: 10, rate: 140 },
    { second: 105, ready: 10, rate: 140 },
    { second: 120, ready: 20, rate: 350 },
  ];
  expect(after(scaler, seen)).toEqual([10, 20, 25]);
});

test("KPA panics at twice what is ready, and holds the most for a minute", () => {
  const seen: readonly Seen[] = [
    { second: 2, ready: 5, inFlight: [14, 14] },
    { second: 4, ready: 5, inFlight: [28, 15] },
    { second: 6, ready: 5, inFlight: [14, 16] },
    { second: 64, ready: 10, inFlight: [14, 14] },
  ];
  expect(after(kpa(0.7, REPLICA), seen)).toEqual([5, 10, 10, 5]);
});
