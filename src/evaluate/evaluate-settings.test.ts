import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { parse } from "yaml";
import { OFFLINE_METRIC_TYPES } from "../api/validation.ts";
import { METRIC_TYPES } from "../metrics/register.ts";
import { validationSettings } from "../render/validation/validation-settings.ts";
import { parseEvaluateSettings } from "./evaluate-settings.ts";

const GOOD = {
  inputs: [{ name: "features", columns: ["a", "b"] }],
  labels: [{ name: "order", column: "bought" }],
  metrics: [{ name: "auc", type: "AreaUnderCurve", label: "order" }],
};

function parsed(more: object = {}) {
  return parseEvaluateSettings(JSON.stringify({ ...GOOD, ...more }));
}

test("reads what is there, and knows what is not", () => {
  expect(parsed({ checks: [{ metric: "auc", atLeast: 0.7 }] })).toEqual({
    ...GOOD,
    score: { output: undefined, index: 0, meaning: { probability: true, higherIsBetter: true } },
    user: undefined,
    request: undefined,
    alpha: 0.05,
    checks: [{ metric: "auc", by: "Bound", rule: { type: "AtLeast", value: 0.7 } }],
  });
  expect(
    parsed({
      inputs: [{ name: "x" }],
      labels: [{ name: "order" }],
      metrics: [{ name: "ndcg", type: "NDCG", k: 5 }],
      checks: [{ metric: "ndcg", nonInferiorityMargin: "2.5%", by: "Estimate" }],
    }),
  ).toMatchObject({
    inputs: [{ name: "x", columns: ["x"] }],
    labels: [{ name: "order", column: "order" }],
    metrics: [{ name: "ndcg", type: "NDCG", label: "order", order: "Model", k: 5 }],
    checks: [{ metric: "ndcg", by: "Estimate", rule: { type: "NotWorse", margin: 0.025 } }],
  });
});

test("takes what follows from a validation of the spec, with a baseline and without", () => {
  const { validation } = parse(
    readFileSync(join(import.meta.dirname, "../../test/apiserver/manifests/valid/full.yaml"), "utf8"),
  ).spec;
  const { checks, metrics, inputs, labels } = parseEvaluateSettings(validationSettings(validation, true));
  expect(checks).toEqual([
    { metric: "auc", by: "Bound", rule: { type: "AtLeast", value: 0.7 } },
    { metric: "auc", by: "Bound", rule: { type: "NotWorse", margin: 0.02 } },
    { metric: "log-loss", by: "Bound", rule: { type: "AtMost", value: 0.4 } },
    { metric: "ndcg", by: "Bound", rule: { type: "AtLeast", value: 0.1 } },
    { metric: "ndcg", by: "Bound", rule: { type: "NotWorse", margin: 0.015 } },
  ]);
  expect(metrics).toHaveLength(4);
  expect([inputs[0]?.columns, labels[1]]).toEqual([
    ["age_days", "price"],
    { name: "click", column: "clicked" },
  ]);
  const alone = parseEvaluateSettings(validationSettings(validation, false));
  expect(alone.checks.map(({ rule }) => rule.type)).toEqual(["AtLeast", "AtMost", "AtLeast"]);
});

test("the page about it has settings that are right, and names each metric and no other", () => {
  const page = readFileSync(join(import.meta.dirname, "../../docs/evaluation.md"), "utf8");
  const [, example = ""] = /```json\n([\s\S]*?)```/.exec(page) ?? [];
  expect(parseEvaluateSettings(example).checks).toHaveLength(2);
  const [, named = ""] = /metrics that depend on the model are taken: ([\s\S]*?)\./.exec(page) ?? [];
  expect(named.split(/,\s+/)).toEqual(OFFLINE_METRIC_TYPES);
  expect(parsed().alpha).toBe(0.05);
});

test.each([
  ["a member that is not known", { metric: [] }, "the file: expected only inputs"],
  ["no metric", { metrics: [] }, "metrics: expected at least one"],
  [
    "two metrics of one name",
    { metrics: [GOOD.metrics[0], GOOD.metrics[0]] },
    "metrics: expected names that differ",
  ],
  [
    "a label that is not there",
    { metrics: [{ name: "a", type: "F1", label: "click" }] },
    "metrics[0].label: expected one of order",
  ],
  [
    "a metric that says nothing of a model",
    { metrics: [{ name: "a", type: "ClickThroughRate" }] },
    "metrics[0].type: expected one of DCG",
  ],
  [
    "the displayed order",
    { metrics: [{ name: "a", type: "NDCG", order: "Displayed" }] },
    "metrics[0].order: expected Model",
  ],
  [
    "a setting that the type does not read",
    { metrics: [{ name: "a", type: "LogLoss", k: 3 }] },
    'metrics[0]: metric "a": expected of LogLoss only label',
  ],
  [
    "a probability that is none",
    { score: { probability: false }, metrics: [{ name: "a", type: "LogLoss" }] },
    "scores that are probabilities",
  ],
  [
    "a check of nothing",
    { checks: [{ metric: "auc" }] },
    "checks[0]: expected one of atLeast, atMost and nonInferiorityMargin",
  ],
  ["a check of two things", { checks: [{ metric: "auc", atLeast: 1, atMost: 2 }] }, "2 of them"],
  [
    "a check of no metric",
    { checks: [{ metric: "au", atLeast: 1 }] },
    "checks[0].metric: expected one of auc",
  ],
  [
    "a margin of nothing",
    { checks: [{ metric: "auc", nonInferiorityMargin: "0%" }] },
    "a percentage between 0 and 100",
  ],
  [
    "a margin that is no percentage",
    { checks: [{ metric: "auc", nonInferiorityMargin: 0.02 }] },
    "a percentage between 0 and 100",
  ],
  ["an alpha that is none", { alpha: 0.5 }, "alpha: expected a number between 0 and 0.5"],
  ["a name that is none", { user: "" }, "user: expected text of 1 to 256 characters"],
])("refuses %s", (_, more, message) => {
  expect(() => parsed(more)).toThrow(message);
});

test("refuses what is no JSON", () => {
  expect(() => parseEvaluateSettings("{")).toThrow("expected settings in JSON");
});

test("takes each metric that can be made of scores and labels of rows, and no other", () => {
  const ofScores = Object.values(METRIC_TYPES).filter(({ create, settings, type, needsProbability }) => {
    if (settings.some(({ field }) => field === "catalogueSize")) return false;
    const isRanking = settings.some(({ field }) => field === "order");
    const made = create(
      { name: "m", type, label: "l", cap: 1, ...(isRanking ? { order: "Model" } : {}) },
      { probability: needsProbability, higherIsBetter: true, scoreEdges: [0.5] },
    );
    // The same rows and labels with the scores the other way round.
    const values = [
      [0.9, 0.2],
      [0.2, 0.9],
    ].map((scores) => {
      const sums = new Float64Array(made.sums.length);
      const rows = scores.map((score, row) => ({ row, score, position: row + 1 }));
      made.add({ rows, labels: [{ label: "l", row: 0, value: 1 }], refusedRows: 0, refusedLabels: 0 }, sums);
      return made.value(sums);
    });
    const hitsBoth = type === "HitRate";
    return values[0] !== values[1] || hitsBoth;
  });
  expect([...OFFLINE_METRIC_TYPES].toSorted()).toEqual(ofScores.map(({ type }) => type).toSorted());
});
