/**
 * Gates in a holdback: which of them it decides, which go on, and what becomes of each finding there and in the steps
 * before.
 */
import { describe, expect, test } from "@jest/globals";
import { CLICKS_AND_REVENUE } from "../../../../test/fixtures/spec.ts";
import type { GateStatus } from "../../../api/gate-status.ts";
import type { ModelRolloutSpec } from "../../../api/model-rollout.ts";
import type { GateSpec } from "../../../api/rollout-gates.ts";
import { deferredGates } from "./deferred-gates.ts";
import type { MetricEvidence, StepView } from "./gate-evidence.ts";
import { judgeGates } from "./judge-gates.ts";
import { letsEnd } from "./judged-step.ts";
import { NO_DATA_PATIENCE_MILLISECONDS } from "./settle-gate.ts";
import {
  cell,
  clicks,
  collected,
  HOUR,
  LAST,
  metricOf,
  NOTHING,
  NOW,
  STEP,
  whole,
} from "./testdata/gate-world.ts";

const quality = (name: string, metric: string): GateSpec => ({
  name,
  type: "Quality",
  quality: { metric, nonInferiorityMargin: "10%" },
});
const CTR = quality("clicks", "ctr");
const REVENUE = quality("orders", "revenue");
const HOOK: GateSpec = { name: "hook", type: "WebHook", webHook: { url: "http://h" } };

describe("decided in the holdback", () => {
  const release = (
    steps: readonly object[],
    holdback?: ModelRolloutSpec["holdback"],
  ): Pick<ModelRolloutSpec, "strategy" | "gates" | "holdback"> => ({
    strategy: { type: "Canary", canary: { steps: steps.map((step) => ({ weight: "10%", ...step })) } },
    gates: [CTR, REVENUE, HOOK],
    ...(holdback === undefined ? {} : { holdback }),
  });
  const LONG = { weight: "5%", for: "96h" };

  test.each<[what: string, release: ReturnType<typeof release>, names: readonly string[]]>([
    ["whose label takes longer than a step", release([{ minDuration: "1h" }], LONG), ["orders"]],
    ["as long as the holdback", release([{ minDuration: "1h" }], { ...LONG, for: "72h" }), ["orders"]],
    [
      "longer than one of the steps",
      release([{ minDuration: "72h" }, { minDuration: "10m" }], LONG),
      ["clicks", "orders"],
    ],
    ["none whose label a step can wait for", release([{ minDuration: "72h" }], LONG), []],
    ["none where a person ends the step", release([{ minDuration: "1h", pause: true }], LONG), []],
    [
      "none that takes longer than the holdback",
      release([{ minDuration: "1h" }], { ...LONG, for: "71h" }),
      [],
    ],
    ["none without a holdback", release([{ minDuration: "1h" }]), []],
  ])("%s", (_what, spec, names) => {
    expect([...deferredGates(spec, CLICKS_AND_REVENUE)]).toEqual(names);
  });

  test("none where nobody knows how long labels take: then it holds its step", () => {
    const spec = release([{ minDuration: "1h" }], LONG);
    expect([...deferredGates(spec, undefined)]).toEqual([]);
    expect([...deferredGates(spec, { ...CLICKS_AND_REVENUE, metrics: [] })]).toEqual([]);
    expect([...deferredGates(spec, { ...CLICKS_AND_REVENUE, labels: [] })]).toEqual([]);
  });
});

const DAY = 24 * HOUR;
const NONE = [cell(3, "Candidate", 9, -1), cell(3, "Stable", 81, -1)];
const HELD: StepView = { ...LAST, isLast: false, isHoldback: true, dueAtMilliseconds: NOW + DAY };

/** One gate at one look. */
function judged(
  metric: Partial<MetricEvidence> | undefined,
  step: StepView,
  isDeferred: boolean,
  before: readonly GateStatus[] = [],
  settings: Partial<GateSpec> = {},
): GateStatus {
  const found = metric && new Map([["ctr", { ...metricOf(clicks(0)), ...metric }]]);
  const evidence = {
    ...NOTHING,
    collected: found === undefined ? undefined : whole(collected([], { metrics: found })),
  };
  const { collected: known, ...rest } = evidence;
  const statuses = judgeGates({
    declared: [{ ...CTR, ...settings }, HOOK],
    before,
    step,
    evidence: known === undefined ? rest : { ...rest, collected: known },
    deferred: new Set(isDeferred ? [CTR.name] : []),
  }).map(({ status }) => status);
  const status = statuses.find(({ name }) => name === CTR.name);
  if (status === undefined) throw new Error("it was not judged");
  return status;
}

const text = ({ outcome, reason }: GateStatus) => `${outcome} ${reason}`;

describe("a gate that the holdback decides", () => {
  test.each<[what: string, metric: Partial<MetricEvidence> | undefined, step: string, holdback: string]>([
    ["good", {}, "Wait DecidedInHoldback", "Pass NotWorse"],
    ["harmful", { arrived: clicks(-10) }, "Fail Harm", "Fail Harm"],
    ["not known to be within the margin", { matured: clicks(-2) }, "Wait DecidedInHoldback", "Wait NotShown"],
    ["too little to tell", { arrived: NONE, matured: NONE }, "Wait TooLittle", "Wait TooLittle"],
    ["without a matured answer", { matured: NONE }, "Wait DecidedInHoldback", "Wait TooLittle"],
    ["not counted", undefined, "Wait NoData", "Wait NoData"],
  ])("%s", (_what, metric, inStep, inHoldback) => {
    for (const step of [STEP, LAST]) {
      const found = judged(metric, step, true);
      expect(text(found)).toBe(inStep);
      expect(found.deferred).toBe(true);
      // What has only just nothing to judge by is waited for, for as long as any gate has patience with that.
      expect(letsEnd(found, NOW)).toBe(found.outcome !== "Fail" && found.reason !== "NoData");
      expect(letsEnd(found, NOW + NO_DATA_PATIENCE_MILLISECONDS)).toBe(found.outcome !== "Fail");
    }
    expect(text(judged(metric, HELD, true))).toBe(inHoldback);
  });

  test("passes once, and fails all the same when harm is shown later", () => {
    const passed = judged({}, HELD, true);
    expect(passed.latched).toBe(true);
    expect(text(judged({ matured: clicks(-2) }, HELD, true, [passed]))).toBe("Pass NotWorse");
    expect(text(judged({ arrived: clicks(-10) }, HELD, true, [passed]))).toBe("Fail Harm");
  });

  test.each(["Wait", "Fail", "Proceed"] as const)(
    "gives nothing up for want of data, nor passes for it, with onNoData: %s",
    (onNoData) => {
      for (const step of [STEP, HELD]) {
        const long = { ...step, dueAtMilliseconds: NOW - 30 * DAY };
        const first = judged(undefined, { ...long, nowMilliseconds: NOW - HOUR }, true, [], { onNoData });
        const found = judged(undefined, long, true, [first], { onNoData, deadline: "1m" });
        expect(text(found)).toBe("Wait NoData");
      }
    },
  );
});

describe("a gate that the steps have decided", () => {
  test.each<[what: string, metric: Partial<MetricEvidence> | undefined, holdback: string]>([
    ["good", {}, "Pass NoHarm"],
    ["harmful", { arrived: clicks(-10) }, "Fail Harm"],
    ["not known to be within the margin", { matured: clicks(-2) }, "Pass NoHarm"],
    ["too little to tell", { arrived: NONE, matured: NONE }, "Wait TooLittle"],
    ["not counted", undefined, "Wait NoData"],
  ])("looks for harm alone: %s", (_what, metric, expected) => {
    expect(text(judged(metric, HELD, false))).toBe(expected);
  });
});

test("of other gates a holdback asks nothing", () => {
  const found = judgeGates({ declared: [HOOK, CTR], before: [], step: HELD, evidence: NOTHING });
  expect(found.map(({ status }) => status.name)).toEqual([CTR.name]);
});
