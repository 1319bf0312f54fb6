import { describe, expect, test } from "@jest/globals";
import {
  GATING_METRIC_TYPES,
  isAmountMetric,
  LABEL_METRIC_TYPES,
  QUALITY_METRIC_TYPES,
  SCORE_METRIC_TYPES,
} from "../api/quality-metrics.ts";
import { METRIC_TYPES } from "../metrics/register.ts";
import { settledRequest } from "../metrics/settled-request.ts";
import { parseSettings, SettingsError } from "./settings.ts";
import { LISTS_TEXT, SETTINGS_TEXT } from "./testdata/collecting.ts";

test("reads what it is told", () => {
  const [ranker] = parseSettings(SETTINGS_TEXT).deployments;
  expect(ranker?.labels).toEqual([
    { name: "click", maturesSeconds: 1_800 },
    { name: "order", maturesSeconds: 259_200 },
  ]);
  expect(ranker?.metrics.map(({ definition }) => definition.type)).toEqual([
    "ClickThroughRate",
    "ConversionRate",
    "RevenuePerRequest",
  ]);
  const [lists] = parseSettings(LISTS_TEXT).deployments;
  expect(new Set(lists?.metrics.map(({ definition }) => definition.type))).toEqual(
    new Set(LABEL_METRIC_TYPES),
  );
  expect(lists?.scores).toEqual([]);
});

test("reads metrics of scores, and a threshold as a number or a text of one", () => {
  const metrics = SCORE_METRIC_TYPES.map((type) => ({ name: type, type, label: "click" }));
  const thresholds = [0.25, "0.25"].map((threshold, at) => ({
    ...{ name: `t${at}`, type: "F1", label: "click", threshold },
  }));
  const [ranker] = parseSettings(
    SETTINGS_TEXT.replace(
      `"metrics":[`,
      `"metrics":${JSON.stringify([...metrics, ...thresholds]).slice(0, -1)},`,
    ),
  ).deployments;
  expect(ranker?.metrics).toHaveLength(3);
  expect(ranker?.scores.map(({ definition }) => definition)).toEqual([
    ...metrics,
    ...thresholds.map((one) => ({ ...one, threshold: 0.25 })),
  ]);
});

test("reads how its series are watched, if they are", () => {
  const text = SETTINGS_TEXT.replace(`"labels"`, `"anomalies":{"falseAlarmEvery":"720h"},"labels"`);
  expect(parseSettings(text).deployments[0]?.falseAlarmDays).toBe(30);
  expect(parseSettings(SETTINGS_TEXT).deployments[0]?.falseAlarmDays).toBeUndefined();
});

const changed = (from: string, to: string) => {
  expect(SETTINGS_TEXT).toContain(from);
  return SETTINGS_TEXT.replace(from, to);
};

test.each([
  ["no JSON", "{", "expected settings in JSON"],
  ["a list", "[]", "expected the file to be an object"],
  ["no deployments", "{}", "expected deployments to be a list of at most 5000"],
  [
    "a misspelt member",
    changed(`"labels"`, `"lables"`),
    "to have only name, uid, labels, metrics, anomalies, log, got lables",
  ],
  ["a name that is none", changed(`"ranker"`, `"-"`), "deployments[0].name to be 1 to 63"],
  ["a duration that is none", changed("30m", "soon"), `deployments[0].labels[0].matures to be a duration`],
  ["a maturity of a year", changed("30m", "8760h"), "at most 2160h"],
  [
    "an unknown type",
    changed("ClickThroughRate", "Clicks"),
    "to be one of ClickThroughRate, ConversionRate, RevenuePerRequest",
  ],
  [
    "an unknown label",
    changed(`"label":"click"`, `"label":"view"`),
    `expected deployments[0].metrics[0].label to be one of click, order`,
  ],
  ["revenue without a cap", changed(`,"cap":100`, ""), "metrics[2].cap to be a number above 0"],
  [
    "a direction that is none",
    changed(`"label":"click"}`, `"label":"click","better":"Less"}`),
    `deployments[0].metrics[0].better to be one of Higher, Lower, got "Less"`,
  ],
  [
    "a cap of clicks",
    changed(`"label":"click"}`, `"label":"click","cap":1}`),
    `deployments[0].metrics[0]: metric "ctr": expected of ClickThroughRate only label, found cap`,
  ],
  [
    "a metric that needs what no token tells",
    changed("ClickThroughRate", "CatalogueCoverage"),
    `metrics[0].type to be one of ${QUALITY_METRIC_TYPES.join(", ")}, got "CatalogueCoverage"`,
  ],
  [
    "a threshold of no score",
    changed(`"ClickThroughRate"`, `"Accuracy","threshold":"half"`),
    `metrics[0].threshold to be a number from 0 to 1, got "half"`,
  ],
  [
    "a threshold of a loss",
    changed(`"ClickThroughRate"`, `"LogLoss","threshold":0.5`),
    `deployments[0].metrics[0]: metric "ctr": expected of LogLoss only label, found threshold`,
  ],
  ["half a place", LISTS_TEXT.replace(`"k":5`, `"k":1.5`), "expected k to be a whole number from 1 to 1000"],
  ["places in words", LISTS_TEXT.replace(`"k":5`, `"k":"five"`), `metrics[1].k to be a number, got "five"`],
  ["gains without a cap", LISTS_TEXT.replace(`,"cap":5`, ""), "metrics[0].cap to be a number above 0"],
  [
    "a false alarm an hour",
    changed(`"labels"`, `"anomalies":{"falseAlarmEvery":"1h"},"labels"`),
    `deployments[0].anomalies.falseAlarmEvery to be a duration from 24h to 8760h, got "1h"`,
  ],
  [
    "anomalies with a misspelt member",
    changed(`"labels"`, `"anomalies":{"falseAlarms":"720h"},"labels"`),
    "deployments[0].anomalies to have only falseAlarmEvery",
  ],
  [
    "anomalies without labels",
    JSON.stringify({
      deployments: [{ name: "a", uid: "b", labels: [], anomalies: { falseAlarmEvery: "720h" } }],
    }),
    "expected deployments[0].labels not to be empty where there are deployments[0].anomalies",
  ],
  ["a metric twice", changed(`"conversion"`, `"ctr"`), "to differ, got ctr twice"],
])("refuses %s", (_, text, message) => {
  expect(() => parseSettings(text)).toThrow(SettingsError);
  expect(() => parseSettings(text)).toThrow(message);
});

describe.each(LABEL_METRIC_TYPES)("a metric of the type %s", (type) => {
  const { create, settings, higherIsBetter } = METRIC_TYPES[type];
  const isOfLists = settings.some(({ field }) => field === "order");
  const metric = create(
    {
      ...{ name: "m", type, label: "click" },
      ...(isAmountMetric(type) ? { cap: 1 } : {}),
      ...(isOfLists ? { order: "Displayed" } : {}),
    },
    { probability: false, higherIsBetter: true },
  );

  test("gets nothing from a request without a label, of which no more is known than that it was answered", () => {
    expect(metric.outcome?.(settledRequest([], []))).toBe(0);
  });

  test("gates where arms can be compared by it", () => {
    expect(GATING_METRIC_TYPES.some((one) => one === type)).toBe(metric.gate.type === "Outcome");
  });

  test("is better when it is higher, as alerts and dashboards take it to be", () => {
    expect(higherIsBetter).toBe(true);
  });
});

test("no metric of scores gates: each arm shows other rows", () => {
  for (const type of SCORE_METRIC_TYPES) {
    const metric = METRIC_TYPES[type].create(
      { name: "m", type },
      { probability: true, higherIsBetter: true },
    );
    expect(metric.gate.type).toBe("Descriptive");
    expect(GATING_METRIC_TYPES.some((one) => one === String(type))).toBe(false);
  }
});
