/**
 * Gates on latency and errors: what fails, what passes, what is not comparable.
 */
import { describe, expect, test } from "@jest/globals";
import { judgeErrors } from "./errors.ts";
import { dispersionOf, findShareAbove } from "./failing-share.ts";
import type { ServiceFigures, StepView } from "./gate-evidence.ts";
import { judgeLatency } from "./latency.ts";
import { latencyQuantile, slowerThan } from "./latency-quantile.ts";
import { EDGES, figures, hourOf, LAST, NOTHING, STEP, whole } from "./testdata/gate-world.ts";

function input<Settings>(settings: Settings, service: ServiceFigures, step: StepView = STEP) {
  return { name: "gate", settings, step, evidence: { ...NOTHING, service: whole(service) }, harmGates: 0 };
}

const minutes = (count: number, tries: number, failing: number) =>
  Array.from({ length: count }, () => ({ tries, atLeast: failing, atMost: failing }));

describe("a share", () => {
  test.each<[tries: number, failing: number, limit: number, verdict: string]>([
    [0, 0, 0.01, "TooFew"],
    [999, 0, 0.01, "TooFew"],
    [1_000, 0, 0.01, "NotAbove"],
    [1_000, 10, 0.01, "NotAbove"],
    [1_000, 15, 0.01, "NotAbove"],
    [1_000, 60, 0.01, "NotAbove"],
    [1_000, 100, 0.01, "Above"],
    [100, 100, 0.01, "Above"],
    [20, 20, 0.01, "TooFew"],
    [1e6, 12_000, 0.01, "Above"],
    [1e6, 9_000, 0.01, "NotAbove"],
    [9, 9, 1, "TooFew"],
    [10, 10, 1, "NotAbove"],
    [1_000, 600, 0.5, "NotAbove"],
    [10_000, 6_000, 0.5, "Above"],
  ])(
    "of %d first tries of which %d fail, beside %d, in one minute, is %s",
    (tries, failing, limit, verdict) => {
      expect(findShareAbove(minutes(1, tries, failing), limit).verdict).toBe(verdict);
    },
  );

  test("is as uncertain as it differs between minutes", () => {
    expect(dispersionOf(minutes(1, 1_000, 10))).toBe(10);
    expect(dispersionOf(minutes(600, 1_000, 10))).toBe(1);
    const burst = [...minutes(59, 1_000, 5), ...minutes(1, 1_000, 905)];
    expect(dispersionOf(burst)).toBeGreaterThan(500);
    // Two in a hundred failed, nearly all of them in one minute.
    expect(findShareAbove(burst, 0.01).verdict).toBe("NotAbove");
    expect(findShareAbove(minutes(60, 1_000, 20), 0.01).verdict).toBe("Above");
  });

  test("of none is of a usual dispersion", () => {
    expect(dispersionOf([])).toBe(10);
    expect(dispersionOf(minutes(1_000, 100, 0))).toBeLessThan(1.05);
  });

  test("that is no number neither fails nor passes", () => {
    expect(findShareAbove(minutes(3, Number.NaN, 1), 0.01).verdict).toBe("TooFew");
  });
});

describe("errors", () => {
  const judge = (settings: object, service: ServiceFigures, step = STEP) =>
    judgeErrors(input(settings, service, step));

  test.each<[settings: object, candidate: number, stable: number, found: string]>([
    [{ max: 0.01 }, 2, 2, "Pass Within"],
    [{ max: 0.01 }, 10, 2, "Pass Within"],
    [{ max: 0.01 }, 11, 2, "Undecided NotWithin"],
    [{ max: 0.01 }, 20, 2, "Fail TooManyErrors"],
    [{ maxAboveStable: 0.005 }, 6, 2, "Pass Within"],
    [{ maxAboveStable: 0.005 }, 8, 2, "Undecided NotWithin"],
    [{ maxAboveStable: 0.005 }, 20, 2, "Fail TooManyErrors"],
    [{ maxAboveStable: 0.005 }, 20, 18, "Pass Within"],
    [{ max: 0.01, maxAboveStable: 0.005 }, 20, 18, "Fail TooManyErrors"],
    [{ maxAboveStable: 0.005 }, 1_000, 999, "Pass Within"],
  ])("by %j: %d in 1,000 beside %d of stable's is %s", (settings, candidate, stable, found) => {
    const { verdict, reason } = judge(
      settings,
      figures(hourOf(1_000, candidate, 0), hourOf(1_000, stable, 0)),
    );
    expect(`${verdict} ${reason}`).toBe(found);
  });

  test("say all numbers side by side", () => {
    expect(judge({ max: 0.01 }, figures(hourOf(1_000, 4, 0)))).toMatchObject({
      message: "0.4 % of 60,000 first tries failed, and 0.1 % of stable's; at most 1 % may",
      figures: [
        {
          name: "errors",
          estimate: "0.004",
          threshold: "0.01",
          stable: "0.001",
          candidateCount: 60_000,
          stableCount: 60_000,
        },
      ],
    });
  });

  test("of a stable revision without traffic are no comparison", () => {
    const idle = { warmPods: 4, minutes: [] };
    expect(judge({ maxAboveStable: 0.01 }, figures(hourOf(1_000, 1, 0), idle))).toMatchObject({
      verdict: "TooLittle",
    });
    expect(judge({ max: 0.01 }, figures(hourOf(1_000, 1, 0), idle)).verdict).toBe("Pass");
  });
});

describe("latency", () => {
  const judge = (settings: object, service: ServiceFigures, step = STEP) =>
    judgeLatency(input({ quantile: 0.99, ...settings }, service, step));

  test.each<[settings: object, candidate: number, stable: number, found: string]>([
    [{ maxMilliseconds: 40 }, 2, 2, "Pass Within"],
    [{ maxMilliseconds: 40 }, 11, 2, "Undecided NotWithin"],
    [{ maxMilliseconds: 40 }, 30, 2, "Fail TooSlow"],
    [{ maxMilliseconds: 50 }, 30, 2, "Undecided NotWithin"],
    [{ maxMilliseconds: 70 }, 30, 2, "Pass Within"],
    [{ maxAboveStable: 0.2 }, 2, 2, "Pass Within"],
    [{ maxAboveStable: 0.2 }, 30, 30, "Pass Within"],
    [{ maxAboveStable: 0.2 }, 30, 2, "Fail TooSlow"],
    [{ maxMilliseconds: 40, maxAboveStable: 0.2 }, 30, 30, "Fail TooSlow"],
  ])("by %j: %d slow in 1,000 beside %d of stable's is %s", (settings, candidate, stable, found) => {
    const { verdict, reason } = judge(
      settings,
      figures(hourOf(1_000, 0, candidate), hourOf(1_000, 0, stable)),
    );
    expect(`${verdict} ${reason}`).toBe(found);
  });

  test("says all numbers side by side", () => {
    const { message, figures: said } = judge({ maxMilliseconds: 40 }, figures(hourOf(1_000, 0, 30)));
    expect(message).toBe(
      "p99 of 60,000 first tries is 66.67 ms (40 ms to 80 ms), and 19.84 ms of stable's; it may be at most 40 ms",
    );
    expect(said).toEqual([
      {
        name: "p99",
        unit: "ms",
        estimate: "66.6667",
        lower: "40",
        upper: "80",
        threshold: "40",
        stable: "19.8397",
        dispersion: expect.any(String),
        candidateCount: 60_000,
        stableCount: 60_000,
      },
    ]);
  });

  test("counts what lies in the bucket of the limit as slow only where that passes", () => {
    const service = hourOf(1_000, 0, 30);
    expect(slowerThan(40, EDGES, service)[0]).toEqual({ tries: 1_000, atLeast: 30, atMost: 30 });
    expect(slowerThan(50, EDGES, service)[0]).toEqual({ tries: 1_000, atLeast: 0, atMost: 30 });
    expect(slowerThan(80, EDGES, service)[0]).toEqual({ tries: 1_000, atLeast: 0, atMost: 0 });
  });

  test.each([
    [0.5, 10.1],
    [0.99, 66.67],
    [0.999, 78.67],
  ])("has the quantile %d at %d ms", (quantile, milliseconds) => {
    expect(latencyQuantile(quantile, EDGES, hourOf(1_000, 0, 30)).estimate).toBeCloseTo(milliseconds, 0);
  });

  test("beyond the last edge is without an estimate, and never within", () => {
    const slow = { ...hourOf(1_000, 0, 0) };
    const beyond = {
      ...slow,
      minutes: slow.minutes.map((one) => ({ ...one, latencies: [0, 0, 0, 0, 0, 1_000] })),
    };
    expect(judge({ maxMilliseconds: 600_000 }, figures(beyond)).verdict).toBe("Undecided");
    expect(judge({ maxAboveStable: 0.2 }, figures(beyond, beyond)).verdict).toBe("Undecided");
  });
});

describe("loads and pods", () => {
  const relative = { maxAboveStable: 0.005 };
  const judge = (service: ServiceFigures, step: StepView, settings: object = relative) => {
    const { verdict, reason } = judgeErrors(input(settings, service, step));
    return `${verdict} ${reason}`;
  };

  test.each([
    [0, "TooLittle TooFewPods"],
    [1, "TooLittle TooFewPods"],
    [2, "Fail TooManyErrors"],
  ])("%d warm pods of the candidate: %s", (pods, found) => {
    expect(judge(figures(hourOf(1_000, 100, 0, pods)), STEP, { max: 0.01 })).toBe(found);
  });

  test("with more load than stable's it is not worse for being worse", () => {
    const loaded = figures(hourOf(3_000, 60, 0, 4), hourOf(1_000, 2, 0, 4));
    expect(judge(loaded, STEP)).toBe("Undecided NotWithin");
    // What it may be by itself is for any load.
    expect(judge(loaded, STEP, { max: 0.01 })).toBe("Fail TooManyErrors");
  });

  test("what is not compared is load of stable all the same", () => {
    const stable = hourOf(1_000, 2, 0, 4);
    const others = (uncompared: number) => ({
      ...stable,
      minutes: stable.minutes.map((minute) => ({ ...minute, uncompared })),
    });
    expect(judge(figures(hourOf(1_000, 1, 0, 4), others(1_000)), LAST)).toBe("Pass Within");
    expect(judge(figures(hourOf(1_000, 1, 0, 4), others(1_001)), LAST)).toBe("Undecided LoadNotComparable");
    expect(judge(figures(hourOf(3_000, 60, 0, 4), others(500)), STEP)).toBe("Fail TooManyErrors");
    const faulty = figures(hourOf(1_000, 1, 0, 4), others(0.5));
    expect(judge(faulty, STEP)).toBe("NoData FiguresFaulty");
  });

  test("with much less load it proves nothing for all the traffic", () => {
    const idle = figures(hourOf(1_000, 1, 0, 4), hourOf(9_000, 9, 0, 4));
    expect(judge(idle, STEP)).toBe("Pass Within");
    expect(judge(idle, LAST)).toBe("Undecided LoadNotComparable");
    expect(judge(idle, LAST, { max: 0.01 })).toBe("Pass Within");
    expect(judge(figures(hourOf(1_000, 1, 0, 4), hourOf(2_000, 2, 0, 4)), LAST)).toBe("Pass Within");
  });
});

test.each<[what: string, service: ServiceFigures, message: RegExp]>([
  ["edges that fall", { ...figures(hourOf(9, 0, 0)), latencyEdgesMilliseconds: [5, 5] }, /edge 1 .* is 5/],
  ["pods that are no number", figures(hourOf(9, 0, 0, Number.NaN)), /candidate has NaN warm pods/],
  ["half a try", figures(hourOf(9, 0, 0), hourOf(0.5, 0, 0)), /stable has 0.5 first tries/],
  ["negative errors", figures(hourOf(9, -1, 0)), /-1 errors of 9/],
  [
    "more latencies than tries",
    figures({ warmPods: 2, minutes: [{ firstTries: 1, errors: 0, latencies: [2, 0, 0, 0, 0, 0] }] }),
    /2 latencies of 1/,
  ],
  [
    "buckets without a count",
    figures({ warmPods: 2, minutes: [{ firstTries: 1, errors: 0, latencies: [1] }] }),
    /each bucket/,
  ],
])("figures with %s are no data", (_what, service, message) => {
  const judgement = judgeErrors(input({ max: 0.01 }, service));
  expect(judgement).toMatchObject({ verdict: "NoData", reason: "FiguresFaulty" });
  expect(judgement.message).toMatch(message);
});
