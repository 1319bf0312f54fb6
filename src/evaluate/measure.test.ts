import { describe, expect, test } from "@jest/globals";
import { type GroupEstimate, isEstimate } from "../stats/group-jackknife.ts";
import { Chance } from "../stats/testdata/chance.ts";
import { parseEvaluateSettings } from "./evaluate-settings.ts";
import { judge } from "./judge.ts";
import { type MetricMeasure, measure } from "./measure.ts";
import { ScoredSet } from "./scored-set.ts";

const SETTINGS = parseEvaluateSettings(
  JSON.stringify({
    inputs: [{ name: "x" }],
    labels: [{ name: "order" }],
    metrics: [
      { name: "auc", type: "AreaUnderCurve" },
      { name: "log-loss", type: "LogLoss" },
      { name: "ndcg", type: "NDCG" },
    ],
  }),
);

interface Row {
  readonly label: number;
  readonly scores: readonly number[];
}

function setOf(
  requests: readonly { readonly user?: string; readonly rows: readonly Row[] }[],
  models = 2,
): ScoredSet {
  const set = new ScoredSet(1, models);
  for (const { user, rows } of requests) {
    set.add({
      user,
      labels: [rows.map(({ label }) => label)],
      scores: Array.from({ length: models }, (_, model) =>
        rows.map(({ scores }) => scores[model] ?? Number.NaN),
      ),
    });
  }
  return set;
}

/** Rows of a world in which the second model sees less. */
function drawn(count: number, seed: number, spread = 1): Row[] {
  const chance = new Chance(seed);
  const share = (logit: number) => 1 / (1 + Math.exp(-logit * spread));
  return Array.from({ length: count }, () => {
    const truth = chance.normal() - 1.5;
    return {
      label: chance.uniform() < share(truth) ? 1 : 0,
      scores: [share(truth), share(truth + chance.normal())],
    };
  });
}

/** By counting pairs; equal scores count one half. */
function pairs(rows: readonly Row[], model: number): number {
  let [wins, all] = [0, 0];
  for (const one of rows) {
    if (one.label !== 1) continue;
    for (const other of rows) {
      if (other.label !== 0) continue;
      const [ours = 0, theirs = 0] = [one.scores[model], other.scores[model]];
      all++;
      wins += ours > theirs ? 1 : ours === theirs ? 0.5 : 0;
    }
  }
  return wins / all;
}

/** DeLong's standard error of the difference of two areas. */
function deLong(rows: readonly Row[]): number {
  const placements = (model: number, label: number) =>
    rows
      .filter((row) => row.label === label)
      .map((row) => {
        const against = rows.filter((other) => other.label !== label);
        const below = against.filter((other) => (other.scores[model] ?? 0) < (row.scores[model] ?? 0)).length;
        return below / against.length;
      });
  const variance = [1, 0].map((label) => {
    const [ours, theirs] = [placements(0, label), placements(1, label)];
    const differences = ours.map((one, at) => one - (theirs[at] ?? 0));
    const mean = differences.reduce((sum, one) => sum + one, 0) / differences.length;
    const squares = differences.reduce((sum, one) => sum + (one - mean) ** 2, 0);
    return squares / (differences.length - 1) / differences.length;
  });
  return Math.sqrt((variance[0] ?? 0) + (variance[1] ?? 0));
}

function named(metrics: readonly MetricMeasure[], name: string): MetricMeasure {
  const found = metrics.find((one) => one.name === name);
  if (found === undefined) throw new Error(`expected ${name}`);
  return found;
}

function estimateOf(bounds: unknown): GroupEstimate {
  const estimate = bounds as GroupEstimate;
  if (!isEstimate(estimate)) throw new Error(JSON.stringify(estimate));
  return estimate;
}

describe("of independent rows", () => {
  const rows = drawn(1_500, 7);
  const { metrics } = measure(setOf(rows.map((row) => ({ rows: [row] }))), SETTINGS, true);

  test("the area is that of counting pairs, and log-loss that of the definition", () => {
    const auc = named(metrics, "auc");
    expect(auc.candidate.value).toBeCloseTo(pairs(rows, 0), 4);
    expect(auc.baseline?.value).toBeCloseTo(pairs(rows, 1), 4);
    const loss = rows.reduce(
      (sum, { label, scores: [score = 0] }) => sum - Math.log(label === 1 ? score : 1 - score),
      0,
    );
    expect(named(metrics, "log-loss").candidate.value).toBeCloseTo(loss / rows.length, 12);
  });

  test("the standard error of the change is about DeLong's", () => {
    const { baseline, change } = named(metrics, "auc");
    const error = estimateOf(change).standardError * (baseline?.value ?? Number.NaN);
    expect(error / deLong(rows)).toBeGreaterThan(0.8);
    expect(error / deLong(rows)).toBeLessThan(1.25);
  });

  test("the change is told more finely than the values, for the rows are the same", () => {
    const { candidate, baseline, change } = named(metrics, "log-loss");
    const apart = Math.hypot(
      estimateOf(candidate.bounds).standardError,
      estimateOf(baseline?.bounds).standardError,
    );
    expect(estimateOf(change).standardError * (baseline?.value ?? 0)).toBeLessThan(0.8 * apart);
  });
});

test("scores that lie close together are told apart as finely as any", () => {
  const rows = drawn(400, 8, 0.001);
  const { metrics } = measure(setOf(rows.map((row) => ({ rows: [row] }))), SETTINGS, true);
  expect(named(metrics, "auc").candidate.value).toBeCloseTo(pairs(rows, 0), 6);
});

test("rows of one user make bounds no narrower", () => {
  const rows = drawn(200, 9);
  const [apart, users] = [1, 20].map((times) => {
    const requests = rows.flatMap((row, at) =>
      Array.from({ length: times }, () => ({ user: `user-${at}`, rows: [row] })),
    );
    const set = setOf(requests);
    expect(set.units).toBe(200);
    return estimateOf(named(measure(set, SETTINGS, true).metrics, "log-loss").candidate.bounds).standardError;
  });
  expect(users).toBeCloseTo(apart ?? Number.NaN, 10);
});

test("rows of one request are one list", () => {
  const list = { rows: [0, 0, 1].map((label, row) => ({ label, scores: [3 - row, row] })) };
  const score = { score: { probability: false } };
  const settings = parseEvaluateSettings(
    JSON.stringify({
      inputs: [{ name: "x" }],
      labels: [{ name: "order" }],
      metrics: [{ name: "mrr", type: "MRR" }],
      ...score,
    }),
  );
  const { metrics } = measure(setOf(Array.from({ length: 12 }, () => list)), settings, true);
  expect(named(metrics, "mrr")).toMatchObject({
    candidate: { value: 1 / 3, bounds: { reason: "the groups do not differ at all" } },
    baseline: { value: 1 },
  });
});

test("of two models that answer alike the change is none, and not unknown", () => {
  const rows = drawn(40, 10).map(({ label, scores: [score = 0] }) => ({ label, scores: [score, score] }));
  const { metrics, answersAlike } = measure(setOf(rows.map((row) => ({ rows: [row] }))), SETTINGS, true);
  expect(answersAlike).toBe(true);
  expect(named(metrics, "auc").change).toEqual({ value: 0, standardError: 0, lower: 0, upper: 0 });
});

test("of two models that answer alike nothing is known about a metric without a value", () => {
  const rows = Array.from({ length: 40 }, () => ({ label: 1, scores: [0.5, 0.5] }));
  const auc = named(measure(setOf(rows.map((row) => ({ rows: [row] }))), SETTINGS, true).metrics, "auc");
  expect(auc.candidate.value).toBeUndefined();
  const check = { metric: "auc", by: "Bound", rule: { type: "NotWorse", margin: 0.02 } } as const;
  expect(judge(check, auc)).toMatchObject({ verdict: "TooLittle", reason: "it has no value on this set" });
});

test("a score that is no probability is counted, and lets no check pass", () => {
  const rows = drawn(60, 11).map((row, at) => (at === 5 ? { ...row, scores: [1.5, 0.5] } : row));
  const measured = named(
    measure(setOf(rows.map((row) => ({ rows: [row] }))), SETTINGS, true).metrics,
    "log-loss",
  );
  expect(measured.candidate.refusedScores).toBe(1);
  expect(
    judge({ metric: "log-loss", by: "Bound", rule: { type: "AtMost", value: 100 } }, measured),
  ).toMatchObject({
    verdict: "TooLittle",
    reason: "scores that are no probabilities were left out",
  });
});

describe("a check", () => {
  const bounds = (lower: number, upper: number) => ({
    value: (lower + upper) / 2,
    standardError: 0.1,
    lower,
    upper,
  });
  const none = { reason: "3 groups of the 10 needed" };
  const measured = (higherIsBetter: boolean, more: object = {}): MetricMeasure => ({
    name: "m",
    type: higherIsBetter ? "AreaUnderCurve" : "LogLoss",
    label: "order",
    higherIsBetter,
    candidate: { value: 0.8, bounds: bounds(0.7, 0.9), refusedScores: 0 },
    baseline: { value: 0.8, bounds: bounds(0.7, 0.9), refusedScores: 0 },
    change: bounds(-0.02, 0.02),
    ...more,
  });
  const bare = measured(true, { candidate: { value: 0.8, bounds: none, refusedScores: 0 }, change: none });

  test.each([
    ["AtLeast", 0.7, measured(true), "Passed"],
    ["AtLeast", 0.8, measured(true), "NotShown"],
    ["AtLeast", 0.91, measured(true), "Failed"],
    ["AtMost", 0.9, measured(false), "Passed"],
    ["AtMost", 0.8, measured(false), "NotShown"],
    ["AtMost", 0.69, measured(false), "Failed"],
    ["AtLeast", 0.1, bare, "TooLittle"],
    ["NotWorse", 0.03, measured(true), "Passed"],
    ["NotWorse", 0.02, measured(true), "NotShown"],
    ["NotWorse", 0.01, measured(true, { change: bounds(-0.05, -0.02) }), "Failed"],
    ["NotWorse", 0.03, measured(false), "Passed"],
    ["NotWorse", 0.02, measured(false), "NotShown"],
    ["NotWorse", 0.01, measured(false, { change: bounds(0.02, 0.05) }), "Failed"],
    ["NotWorse", 0.5, bare, "TooLittle"],
  ] as const)("%s %p", (type, value, found, verdict) => {
    const rule = type === "NotWorse" ? { type, margin: value } : { type, value };
    expect(judge({ metric: "m", by: "Bound", rule }, found).verdict).toBe(verdict);
  });

  test("looks at the estimate alone where it is told to", () => {
    const by = "Estimate";
    const atLeast = (value: number) => ({ metric: "m", by, rule: { type: "AtLeast", value } }) as const;
    expect(judge(atLeast(0.8), bare)).toMatchObject({ verdict: "Passed", value: 0.8 });
    expect(judge(atLeast(0.81), bare).verdict).toBe("Failed");
    expect(judge({ metric: "m", by, rule: { type: "NotWorse", margin: 0.01 } }, bare)).toMatchObject({
      verdict: "Passed",
      value: 0,
    });
    const empty = measured(true, { candidate: { value: undefined, bounds: none, refusedScores: 0 } });
    expect(judge(atLeast(0), empty).verdict).toBe("TooLittle");
  });
});
