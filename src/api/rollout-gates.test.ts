/**
 * What the schema of gates takes, what it refuses, and by which words; the rules in CEL are judged without an API server.
 */
import { describe, expect, test } from "@jest/globals";
import Type from "typebox";
import { Compile } from "typebox/compile";
import { brokenRules, ruleObstacle } from "../cli/validate/cel-rules.ts";
import type { KindDefinition } from "./kind.ts";
import { GATING_METRIC_TYPES } from "./quality-metrics.ts";
import { rolloutRules } from "./rollout.ts";
import { gateRules, gatesSchema } from "./rollout-gates.ts";

const rules = gateRules("self.rollout.gates", "has(self.rollout) && has(self.rollout.gates)");
const kind: KindDefinition = {
  kind: "Gated",
  plural: "gateds",
  singular: "gated",
  shortNames: [],
  categories: [],
  description: "Something with gates.",
  schema: Type.Object({}),
  rules: [],
  specRules: rules,
  columns: [],
};
const all = Compile(gatesSchema);

const QUALITY = { name: "ctr", type: "Quality", quality: { metric: "ctr", nonInferiorityMargin: "10%" } };
const LATENCY = { name: "latency", type: "Latency", latency: { quantile: "p99", max: "40ms" } };
const ERRORS = { name: "errors", type: "Errors", errors: { maxAboveStable: "0.1%" } };
const QUERY = {
  name: "stock",
  type: "PrometheusQuery",
  prometheusQuery: { url: "https://prometheus.example/tenant", query: "stock", min: "0.5", max: "-0.25" },
};
const HOOK = { name: "judge", type: "WebHook", webHook: { url: "http://judge:8080" } };

/** The messages of the rules that these gates break. */
function broken(...gates: object[]): string[] {
  const object = { spec: { rollout: { gates } } };
  return rules
    .filter((rule) => brokenRules({ ...kind, specRules: [rule] }, object).length > 0)
    .map(({ message }) => message);
}

test.each(rules.map(({ rule }) => [rule]))("the rule %s is understood", (rule) => {
  expect(ruleObstacle({ rule, message: "" })).toBeUndefined();
});

test.each<[what: string, gate: object]>([
  ["quality", { ...QUALITY, onNoData: "Fail", deadline: "1h30m" }],
  ["latency", LATENCY],
  ["latency beside stable", { ...LATENCY, latency: { quantile: "p99.9", maxAboveStable: "250%" } }],
  ["errors", ERRORS],
  ["a query", { ...QUERY, prometheusQuery: { ...QUERY.prometheusQuery, min: "-1" } }],
  ["a web hook", { ...HOOK, onNoData: "Proceed" }],
])("takes %s", (_what, gate) => {
  expect(all.Check([gate])).toBe(true);
  expect(broken(gate)).toEqual([]);
});

test("a spec without a rollout, or a rollout without gates, breaks no rule", () => {
  expect(brokenRules(kind, { spec: {} })).toEqual([]);
  expect(brokenRules(kind, { spec: { rollout: {} } })).toEqual([]);
  expect(broken()).toEqual([]);
});

test.each<[what: string, gate: object]>([
  ["a type that is none", { ...QUALITY, type: "quality" }],
  ["no name", { ...QUALITY, name: "" }],
  ["a name with capitals", { ...QUALITY, name: "CTR" }],
  ["no metric", { ...QUALITY, quality: { nonInferiorityMargin: "10%" } }],
  ["no margin", { ...QUALITY, quality: { metric: "ctr" } }],
  ["a margin without its sign", { ...QUALITY, quality: { metric: "ctr", nonInferiorityMargin: "0.1" } }],
  ["a quantile that is none", { ...LATENCY, latency: { quantile: "p42", max: "1s" } }],
  ["a limit without its unit", { ...LATENCY, latency: { quantile: "p99", max: "40" } }],
  ["a bound that is a number", { ...QUERY, prometheusQuery: { ...QUERY.prometheusQuery, max: 0.5 } }],
  ["a bound that is no number", { ...QUERY, prometheusQuery: { ...QUERY.prometheusQuery, max: "1e3" } }],
  ["no query", { ...QUERY, prometheusQuery: { url: "http://p", max: "1" } }],
  ["an address of another protocol", { ...HOOK, webHook: { url: "file:///etc/passwd" } }],
  ["credentials in an address", { ...HOOK, webHook: { url: "http://user:secret@judge/" } }],
  ["a fragment in an address", { ...HOOK, webHook: { url: "http://judge/#x" } }],
  ["an answer to no data that is none", { ...HOOK, onNoData: "Ignore" }],
])("the schema refuses %s", (_what, gate) => {
  expect(all.Check([gate])).toBe(false);
});

test("there are at most 16", () => {
  expect(all.Check(Array(16).fill(QUALITY))).toBe(true);
  expect(all.Check(Array(17).fill(QUALITY))).toBe(false);
});

describe("a quality gate of a spec", () => {
  const quality = {
    labels: [
      { name: "click", matures: "30m" },
      { name: "order", matures: "72h" },
    ],
    metrics: [
      { name: "ctr", type: "ClickThroughRate" },
      { name: "sold", type: "ConversionRate" },
      { name: "early-sold", type: "ConversionRate", label: "click" },
      { name: "dcg", type: "DCG", cap: 5 },
      { name: "ndcg", type: "NDCG" },
    ],
  };
  const gateOn = (metric: string) => ({ ...QUALITY, quality: { ...QUALITY.quality, metric } });
  const said = (spec: object) =>
    rolloutRules
      .filter((rule) => brokenRules({ ...kind, specRules: [rule] }, { spec }).length > 0)
      .map(({ message }) => message.split(";")[0]);
  const canary = (...steps: object[]) => ({ type: "Canary", canary: { steps } });
  const HALF_HOUR = { weight: "10%", minDuration: "30m" };

  test.each(rolloutRules.map(({ rule }) => [rule]))("the rule %s is understood", (rule) => {
    expect(ruleObstacle({ rule, message: "" })).toBeUndefined();
  });

  test.each<[what: string, metric: string, steps: object[]]>([
    ["whose label comes within the shortest step", "ctr", [HALF_HOUR]],
    ["whose metric names a faster label than is usual", "early-sold", [HALF_HOUR]],
    ["whose metric compares lists as they were displayed", "dcg", [HALF_HOUR]],
    ["whose label is slow where a person ends the step", "sold", [{ weight: "10%", pause: true }]],
    ["whose label is slow, and so are the steps", "sold", [{ weight: "10%", minDuration: "72h" }]],
  ])("%s is taken", (_what, metric, steps) => {
    expect(said({ quality, rollout: { strategy: canary(...steps), gates: [gateOn(metric), HOOK] } })).toEqual(
      [],
    );
  });

  const UNKNOWN = "spec.rollout.gates[].quality.metric: must be one of spec.quality.metrics";
  const DESCRIBES = `spec.rollout.gates[].quality.metric: must be of a type by which revisions can be compared: ${GATING_METRIC_TYPES.join(", ")}`;
  const SLOW =
    "spec.rollout.gates[].quality.metric: its label takes longer than a step lasts, so the step would wait for the label whatever it says";
  test.each<[what: string, spec: object, metric: string, steps: object[], message: string]>([
    ["where nothing is counted", {}, "ctr", [HALF_HOUR], UNKNOWN],
    ["on a metric that is none", { quality }, "cvr", [HALF_HOUR], UNKNOWN],
    ["on a metric that only describes", { quality }, "ndcg", [HALF_HOUR], DESCRIBES],
    ["that is slower than its step", { quality }, "ctr", [{ weight: "10%", minDuration: "29m" }], SLOW],
    [
      "that is slower than one of its steps",
      { quality },
      "sold",
      [
        { weight: "10%", minDuration: "72h" },
        { weight: "20%", minDuration: "1h" },
      ],
      SLOW,
    ],
  ])("%s is refused", (_what, spec, metric, steps, message) => {
    expect(said({ ...spec, rollout: { strategy: canary(...steps), gates: [gateOn(metric)] } })).toEqual([
      message,
    ]);
  });
});

describe("a rule refuses", () => {
  const { quality: _quality, ...withoutQuality } = QUALITY;
  const { webHook: _hook, ...withoutHook } = HOOK;
  test.each<[what: string, gate: object, message: string]>([
    [
      "a type without its settings",
      withoutQuality,
      "spec.rollout.gates[].quality: belongs to the type Quality, and that type needs it",
    ],
    [
      "settings of another type",
      { ...withoutHook, type: "Errors", errors: { max: "1%" }, webHook: HOOK.webHook },
      "spec.rollout.gates[].webHook: belongs to the type WebHook, and that type needs it",
    ],
    [
      "the name of a gate that is always on",
      { ...HOOK, name: "sample-ratio" },
      "spec.rollout.gates[].name: must be none of the names that gates of Petrel's own have: candidate-replicas, assigned-arms, sample-ratio, shadow-answers, shadow-agreement, shadow-rank-correlation, shadow-latency",
    ],
    [
      "a deadline too soon",
      { ...HOOK, deadline: "59s" },
      "spec.rollout.gates[].deadline: must be from 1m to 2160h",
    ],
    [
      "a deadline too late",
      { ...HOOK, deadline: "2160h1ms" },
      "spec.rollout.gates[].deadline: must be from 1m to 2160h",
    ],
    [
      "a margin of nothing",
      { ...QUALITY, quality: { metric: "ctr", nonInferiorityMargin: "0%" } },
      "spec.rollout.gates[].quality.nonInferiorityMargin: must be more than 0% and less than 100%",
    ],
    [
      "a margin of all",
      { ...QUALITY, quality: { metric: "ctr", nonInferiorityMargin: "100%" } },
      "spec.rollout.gates[].quality.nonInferiorityMargin: must be more than 0% and less than 100%",
    ],
    [
      "a latency without a limit",
      { ...LATENCY, latency: { quantile: "p99" } },
      "spec.rollout.gates[].latency: needs max, maxAboveStable, or both",
    ],
    [
      "a latency of no time",
      { ...LATENCY, latency: { quantile: "p99", max: "0.5ms" } },
      "spec.rollout.gates[].latency.max: must be from 1ms to 10m",
    ],
    [
      "errors without a limit",
      { ...ERRORS, errors: {} },
      "spec.rollout.gates[].errors: needs max, maxAboveStable, or both",
    ],
    [
      "no errors at all",
      { ...ERRORS, errors: { max: "0%" } },
      "spec.rollout.gates[].errors.max: must be more than 0% and less than 100%",
    ],
    [
      "errors that are all that there can be",
      { ...ERRORS, errors: { maxAboveStable: "100%" } },
      "spec.rollout.gates[].errors.maxAboveStable: must be less than 100%, for these are percentage points",
    ],
    [
      "a query without a bound",
      { ...QUERY, prometheusQuery: { url: "http://p", query: "up" } },
      "spec.rollout.gates[].prometheusQuery: needs min, max, or both",
    ],
    ["bounds that leave nothing", QUERY, "spec.rollout.gates[].prometheusQuery: min must be at most max"],
  ])("%s", (_what, gate, message) => {
    expect(all.Check([gate])).toBe(true);
    expect(broken(gate)).toEqual([
      expect.stringMatching(new RegExp(`^${message.replaceAll("[]", "\\[\\]")}(;|$)`)),
    ]);
  });
});
