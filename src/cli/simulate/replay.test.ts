import { describe, expect, test } from "@jest/globals";
import { Chance } from "../../stats/chance.ts";
import { arrivalsOf } from "./arrivals.ts";
import { peakOf, scaledTo, withAdded } from "./load-trace.ts";
import { type ReplaySettings, replay, type Scaler, type ScalerView } from "./replay.ts";
import { ReplicaFleet } from "./replica-fleet.ts";

/** A replica answers 10 requests in a second. */
const SERVICE = { serviceSeconds: 0.5, concurrency: 5, allowedWaitSeconds: 1 };

function settings(arrivals: readonly number[], rest: Partial<ReplaySettings> = {}): ReplaySettings {
  return {
    ...{ arrivals: Float64Array.from(arrivals), service: SERVICE, firstReplicas: 1, maximumReplicas: 9 },
    fleet: { loadSeconds: () => 3, nodeSeconds: 0 },
    ...rest,
  };
}

const fixed = (replicas: number): Scaler => ({ everySeconds: 1, replicas: () => replicas });
const constant = (seconds: number, count: number) => Array.from({ length: seconds }, () => count);

describe("a queue", () => {
  test("is none where replicas suffice", () => {
    expect(replay(settings(constant(60, 10)), fixed(1))).toMatchObject({
      ...{
        requests: 600,
        violations: 0,
        replicaSeconds: 60,
        changes: 0,
        timeUnder: 0,
        timeOver: 0,
        mostReplicas: 1,
      },
    });
  });

  test("grows where they do not, and is a violation once the wait is longer than allowed", () => {
    // 2 more wait after each second: 10, which take one second, after the fifth.
    expect(replay(settings(constant(20, 12)), fixed(1)).violations).toBe(15 * 12);
  });

  test("is worked off once replicas have come, which are paid for meanwhile", () => {
    const result = replay(settings([...constant(10, 20), ...constant(20, 0)]), fixed(2));
    // Asked for in second 1, ready in second 4: 40 wait by then, and stay, for 20 come each second.
    expect(result).toMatchObject({ changes: 1, replicaSeconds: 1 + 2 * 29, requests: 200, mostReplicas: 2 });
    expect(result.timeUnder).toBeCloseTo(4 / 30, 9);
    expect(result.violations).toBe(9 * 20);
  });

  test("without a replica everybody waits", () => {
    expect(replay(settings(constant(5, 1), { firstReplicas: 0 }), fixed(0)).violations).toBe(5);
  });
});

test("a scaler sees means of the last seconds, and is asked as often as it wants", () => {
  const seen: number[][] = [];
  const scaler: Scaler = {
    everySeconds: 2,
    replicas(view: ScalerView) {
      seen.push([
        view.second,
        view.arrivalRate(2),
        view.busy(2),
        view.inFlight(2),
        view.answerRate(2),
        view.underWay(2),
      ]);
      return 1;
    },
  };
  replay(settings([4, 8, 20, 20, 0]), scaler);
  expect(seen).toEqual([
    [2, 6, 3, 3, 6, 3],
    [4, 20, 5, 20, 10, 15],
  ]);
});

test("no scaler gets more than the most", () => {
  expect(replay(settings(constant(10, 1)), fixed(99)).mostReplicas).toBe(9);
});

describe("faults", () => {
  test("replicas that break come again after their time", () => {
    const ready: number[] = [];
    const onSecond = (state: { readonly ready: number }) => ready.push(state.ready);
    const faults = [{ type: "ReplicaLoss", atSecond: 2, replicas: 2 }] as const;
    const result = replay(settings(constant(7, 1), { firstReplicas: 3, faults, onSecond }), fixed(3));
    expect(ready).toEqual([3, 3, 1, 1, 1, 3, 3]);
    expect(result.replicaSeconds).toBe(21);
  });

  test("a scaler is told that it is blind", () => {
    const blind: boolean[] = [];
    const faults = [{ type: "SignalLoss", atSecond: 2, lastsSeconds: 2 }] as const;
    const scaler: Scaler = {
      everySeconds: 1,
      replicas: ({ isBlind }) => {
        blind.push(isBlind);
        return 1;
      },
    };
    replay(settings(constant(6, 1), { faults }), scaler);
    expect(blind).toEqual([false, true, true, false, false]);
  });
});

describe("a fleet on nodes of two", () => {
  const make = () => new ReplicaFleet({ loadSeconds: () => 3, replicasPerNode: 2, nodeSeconds: 10 }, 1);

  test("has room for one, and waits for a node for the others", () => {
    const fleet = make();
    fleet.scaleTo(4, 0);
    expect([fleet.ready, fleet.coming, fleet.nodes]).toEqual([1, 3, 2]);
    const readyAt = [2, 3, 12, 13].map((second) => {
      fleet.advance(second);
      return fleet.ready;
    });
    expect(readyAt).toEqual([1, 2, 2, 4]);
  });

  test("gives a node back when nobody is on it, and who is coming goes first", () => {
    const fleet = make();
    fleet.scaleTo(4, 0);
    fleet.scaleTo(2, 1);
    expect([fleet.ready, fleet.coming, fleet.nodes]).toEqual([1, 1, 1]);
    fleet.scaleTo(0, 2);
    expect([fleet.ready, fleet.coming, fleet.nodes]).toEqual([0, 0, 0]);
  });
});

test.each([0.5, 30, 400])("arrivals of a rate of %d are as many, and vary as independent ones do", (rate) => {
  const seconds = 20_000;
  const trace = { startMilliseconds: 0, stepSeconds: seconds, rates: Float64Array.of(rate) };
  const counts = arrivalsOf(trace, new Chance(1));
  const mean = counts.reduce((sum, count) => sum + count, 0) / seconds;
  const variance = counts.reduce((sum, count) => sum + (count - mean) ** 2, 0) / seconds;
  // Four deviations of the mean, and five of the variance of a Poisson count.
  expect(Math.abs(mean - rate)).toBeLessThan(4 * Math.sqrt(rate / seconds));
  expect(Math.abs(variance / rate - 1)).toBeLessThan(5 * Math.sqrt((2 + 1 / rate) / seconds));
});

test("a trace is scaled to a peak, and load comes on top for whole steps", () => {
  const trace = { startMilliseconds: 0, stepSeconds: 60, rates: Float64Array.of(1, 4, 2, 1) };
  expect(peakOf(scaledTo(trace, 100))).toBe(100);
  const added = withAdded(trace, [{ fromSecond: 60, lastsSeconds: 120, rate: 10 }]);
  expect([...added.rates]).toEqual([1, 14, 12, 1]);
  expect([...withAdded(trace, [{ fromSecond: 180, lastsSeconds: 999, rate: 1 }]).rates]).toEqual([
    1, 4, 2, 2,
  ]);
  const ramped = withAdded(trace, [{ fromSecond: 0, lastsSeconds: 240, rate: 10, rampSeconds: 120 }]);
  expect([...ramped.rates]).toEqual([6, 14, 12, 6]);
  expect([...trace.rates]).toEqual([1, 4, 2, 1]);
});
