/**
 * What every registered metric does alike. A new metric adds one row to `CASES`; a type without a row fails the first
 * test.
 */
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import {
  addSums,
  type Metric,
  type MetricSettings,
  type MetricTypeName,
  type ScoreMeaning,
} from "./metric.ts";
import { createMetric, METRIC_TYPES } from "./register.ts";
import { type RequestLabel, type SettledRequest, settledRequest } from "./settled-request.ts";

/** Three rows, displayed in another order than the model's. */
function shown(...labels: RequestLabel[]): SettledRequest {
  return settledRequest(
    [
      { row: 0, position: 2, score: 0.2, item: "a" },
      { row: 1, position: 1, score: 0.7, item: "b" },
      { row: 2, position: 3, score: 0.4, item: "c" },
    ],
    labels,
  );
}

const click = (row: number): RequestLabel => ({ label: "click", row, value: 1 });
const order = (row: number, value: number): RequestLabel => ({ label: "order", row, value });

/** Four requests: a click on row 0, orders of 30 and 100 after a click on row 2, nothing, clicks on rows 1 and 2. */
const REQUESTS = [
  shown(click(0)),
  shown(click(2), order(2, 30), order(2, 100)),
  shown(),
  shown(click(1), click(2)),
];
const LOG2 = Math.log2;

interface Case {
  readonly settings?: Partial<MetricSettings>;
  /** Of the four requests. */
  readonly value: number;
  readonly digits?: number;
  readonly gate: "ZeroOrOne" | "Outcome" | "Descriptive";
}

const CASES: Readonly<Record<MetricTypeName, readonly Case[]>> = {
  ClickThroughRate: [{ value: 3 / 4, gate: "ZeroOrOne" }],
  ConversionRate: [{ value: 1 / 4, gate: "ZeroOrOne" }],
  RevenuePerRequest: [
    { settings: { cap: 50 }, value: 50 / 4, gate: "Outcome" },
    { value: 130 / 4, gate: "Descriptive" },
  ],
  LabelRatio: [
    { settings: { label: "click", cap: 10 }, value: 4 / 4, gate: "Outcome" },
    { settings: { label: "click" }, value: 4 / 4, gate: "Descriptive" },
    { settings: { label: "order", denominator: "click", cap: 100 }, value: 100 / 4, gate: "Descriptive" },
  ],
  ItemClickThroughRate: [{ value: 4 / 12, gate: "Descriptive" }],
  DCG: [
    {
      settings: { cap: 5 },
      value: (1 / LOG2(3) + 1 / LOG2(4) + (1 / LOG2(2) + 1 / LOG2(4))) / 4,
      gate: "Outcome",
    },
    { settings: { cap: 1 }, value: (1 / LOG2(3) + 1 / LOG2(4) + 1) / 4, gate: "Outcome" },
    {
      settings: { label: "order" },
      value: 130 / LOG2(4) / 4,
      gate: "Descriptive",
    },
    { settings: { order: "Model", k: 1 }, value: 1 / 4, gate: "Descriptive" },
  ],
  NDCG: [
    { value: (1 / LOG2(4) + 1 / LOG2(3) + 1) / 4, gate: "Descriptive" },
    {
      settings: { order: "Displayed" },
      value: (1 / LOG2(3) + 1 / LOG2(4) + (1 + 1 / LOG2(4)) / (1 + 1 / LOG2(3))) / 4,
      gate: "Descriptive",
    },
  ],
  MAP: [
    { value: (1 / 3 + 1 / 2 + 1) / 4, gate: "Descriptive" },
    { settings: { order: "Displayed" }, value: (1 / 2 + 1 / 3 + (1 + 2 / 3) / 2) / 4, gate: "Descriptive" },
  ],
  MRR: [{ settings: { k: 2 }, value: (0 + 1 / 2 + 1) / 4, gate: "Descriptive" }],
  HitRate: [{ settings: { k: 2 }, value: 2 / 4, gate: "Descriptive" }],
  CatalogueCoverage: [{ settings: { catalogueSize: 12 }, value: 3 / 12, digits: 3, gate: "Descriptive" }],
  AreaUnderCurve: [
    // Scores .2, .7, .4 of the positives .2, .4, .7, .4 and the other eight rows.
    { value: (0 + 3 / 2 + 2 * (3 + 2 / 2) + (5 + 3 / 2)) / 32, gate: "Descriptive" },
  ],
  LogLoss: [
    {
      value:
        -(
          Math.log(0.2) +
          2 * Math.log(0.4) +
          Math.log(0.7) +
          3 * Math.log(0.8) +
          2 * Math.log(0.6) +
          3 * Math.log(0.3)
        ) / 12,
      gate: "Descriptive",
    },
  ],
  BrierScore: [
    {
      value: (0.8 ** 2 + 2 * 0.6 ** 2 + 0.3 ** 2 + 3 * 0.2 ** 2 + 2 * 0.4 ** 2 + 3 * 0.7 ** 2) / 12,
      gate: "Descriptive",
    },
  ],
  // One bin for each of the three scores: four rows each, with 1, 2 and 1 positives.
  CalibrationError: [
    { value: (Math.abs(0.8 - 1) + Math.abs(1.6 - 2) + Math.abs(2.8 - 1)) / 12, gate: "Descriptive" },
  ],
  Accuracy: [{ settings: { threshold: 0.4 }, value: (3 + 3) / 12, gate: "Descriptive" }],
  Precision: [{ settings: { threshold: 0.4 }, value: 3 / 8, gate: "Descriptive" }],
  Recall: [{ settings: { threshold: 0.4 }, value: 3 / 4, gate: "Descriptive" }],
  F1: [{ settings: { threshold: 0.4 }, value: 6 / (6 + 5 + 1), gate: "Descriptive" }],
};

const MEANING: ScoreMeaning = { probability: true, higherIsBetter: true };

function countAll(metric: Metric, requests: readonly SettledRequest[]): Float64Array {
  const sums = new Float64Array(metric.sums.length);
  for (const request of requests) metric.add(request, sums);
  return sums;
}

/** Anything that may come, what cannot be meant included. */
const number = fc.oneof(fc.double(), fc.constantFrom(0, 1, 0.5, -1, 2, Number.NaN));
const place = fc.option(fc.oneof(fc.integer({ min: 1, max: 30 }), fc.constantFrom(0, 1.5, Number.NaN)), {
  nil: undefined,
});
const anyRequest = fc
  .tuple(
    fc.array(
      fc.record({
        row: fc.integer({ min: -1, max: 20 }),
        position: place,
        rank: place,
        score: fc.option(number, { nil: undefined }),
        item: fc.option(fc.string({ maxLength: 5 }), { nil: undefined }),
      }),
      { maxLength: 12 },
    ),
    fc.array(
      fc.record({
        label: fc.constantFrom("click", "order", "other"),
        row: fc.option(fc.integer({ min: -1, max: 25 }), { nil: undefined }),
        position: place,
        value: fc.oneof({ weight: 5, arbitrary: fc.constantFrom(1, 1, 1, 0, 3, 19.9) }, number),
      }),
      { maxLength: 12 },
    ),
  )
  .map(([rows, labels]) => {
    const known = <T extends object>(record: T): T =>
      Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)) as T;
    type Row = Parameters<typeof settledRequest>[0][number];
    return settledRequest(rows.map(known) as Row[], labels.map(known) as RequestLabel[]);
  });

test("every registered type has a row, and stands under its own name", () => {
  expect(Object.keys(CASES).sort()).toEqual(Object.keys(METRIC_TYPES).sort());
  for (const [type, entry] of Object.entries(METRIC_TYPES)) expect(entry.type).toBe(type);
});

const rows = Object.entries(CASES).flatMap(([type, cases]) =>
  cases.map((one) => ({ ...one, type: type as MetricTypeName, settings: { ...one.settings } })),
);

describe.each(rows)("$type $settings", ({ type, settings, value, digits, gate }) => {
  const metric = createMetric({ name: "metric", type, ...settings }, MEANING);

  test("has the value that its definition says", () => {
    expect(metric.value(countAll(metric, REQUESTS))).toBeCloseTo(value, digits ?? 9);
  });

  test("says what a gate may do with it, and an outcome of a request agrees with its value", () => {
    if (gate === "Descriptive") {
      expect(metric.gate).toEqual({ type: "Descriptive", reason: expect.stringMatching(/./) });
    } else {
      expect(metric.gate).toEqual({ type: "Outcome", zeroOrOne: gate === "ZeroOrOne" });
      expect(metric.outcome).toBeDefined();
    }
    if (metric.outcome === undefined) return;
    const total = REQUESTS.reduce((sum, request) => sum + Number(metric.outcome?.(request)), 0);
    expect(total / REQUESTS.length).toBeCloseTo(value, 9);
  });

  test("has no value where nothing was counted", () => {
    expect(metric.value(new Float64Array(metric.sums.length))).toBeUndefined();
  });

  test("tells its sums apart, and keeps no more than 10,000", () => {
    const names = metric.sums.map(({ name, labels }) => JSON.stringify([name, labels]));
    expect(new Set(names).size).toBe(names.length);
    expect(names.length).toBeLessThanOrEqual(10_000);
    for (const { name } of metric.sums) expect(name).toMatch(/^[a-z][a-z0-9_]*$/);
  });

  test("sums add over replicas, in any order, and what was added can be taken away", () => {
    fc.assert(
      fc.property(fc.array(anyRequest, { maxLength: 6 }), fc.nat(6), (requests, cut) => {
        const whole = countAll(metric, requests);
        const parts = countAll(metric, requests.slice(cut));
        addSums(parts, countAll(metric, requests.slice(0, cut)));
        expect(closeTo(parts, whole)).toBe(true);
        addSums(parts, countAll(metric, requests), -1);
        expect(closeTo(parts, new Float64Array(metric.sums.length), largest(whole))).toBe(true);
      }),
      { numRuns: 30 },
    );
  });

  test("stays a number, and within its range, whatever comes", () => {
    fc.assert(
      fc.property(fc.array(anyRequest, { minLength: 1, maxLength: 6 }), (requests) => {
        const sums = countAll(metric, requests);
        expect(sums.every((sum) => sum >= 0)).toBe(true);
        const result = metric.value(sums);
        if (result === undefined) return;
        expect(result).toBeGreaterThanOrEqual(0);
        if (METRIC_TYPES[type].unit === "ratio" && type !== "LabelRatio") {
          expect(result).toBeLessThanOrEqual(1 + 1e-9);
        }
        for (const request of requests) {
          const outcome = metric.outcome?.(request) ?? 0;
          if (outcome === "Unordered") continue;
          expect(outcome).toBeGreaterThanOrEqual(0);
          if (gate === "ZeroOrOne") expect([0, 1]).toContain(outcome);
        }
      }),
      { numRuns: 50 },
    );
  });

  test("reads only the labels that it names", () => {
    const others = shown({ label: "unrelated", row: 0, value: 5 });
    expect(countAll(metric, [others])).toEqual(countAll(metric, [shown()]));
    expect(metric.labels).not.toContain("unrelated");
  });

  test("refuses a setting that it does not read", () => {
    const foreign = ["k", "cap", "catalogueSize"].find(
      (field) => !METRIC_TYPES[type].settings.some((rule) => rule.field === field),
    );
    expect(() => createMetric({ name: "metric", type, ...settings, [foreign ?? "x"]: 1 }, MEANING)).toThrow(
      /expected of \w+ only/,
    );
  });
});

function largest(sums: Float64Array): number {
  return sums.reduce((most, sum) => Math.max(most, Math.abs(sum)), 0);
}

function closeTo(a: Float64Array, b: Float64Array, scale = 0): boolean {
  return a.every((sum, index) => {
    const other = b[index] ?? Number.NaN;
    return Math.abs(sum - other) <= 1e-9 * Math.max(1, scale, Math.abs(other)) || sum === other;
  });
}
