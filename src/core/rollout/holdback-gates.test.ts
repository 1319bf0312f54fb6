/**
 * A release whose orders come days after its steps, in the whole decision: its steps do not wait for them, harm in the
 * holdback undoes it, and at the end nothing is claimed that was not shown.
 */
import { expect, test } from "@jest/globals";
import { HELD_BACK, whereIs } from "../../../test/fixtures/held-back-world.ts";
import { HOUR } from "../../../test/fixtures/release.ts";
import { condition, follow, inStepOne, shares } from "../../../test/fixtures/released-world.ts";
import { CLICKS_AND_REVENUE } from "../../../test/fixtures/spec.ts";
import { model, type World } from "../../../test/fixtures/world.ts";
import type { QualitySpec } from "../../api/quality.ts";
import { readyReplicas } from "../readiness.ts";
import type { MetricEvidence } from "./gates/gate-evidence.ts";
import { cell } from "./gates/testdata/gate-world.ts";

const QUALITY: QualitySpec = {
  ...CLICKS_AND_REVENUE,
  metrics: [
    { name: "ctr", type: "ClickThroughRate" },
    { name: "sold", type: "ConversionRate" },
  ],
};
const gate = (metric: string) =>
  ({ name: metric, type: "Quality", quality: { metric, nonInferiorityMargin: "10%" } }) as const;

/** By how many successes the candidate differs; `null` where the metric is not counted. */
interface Counts {
  readonly ctr?: number;
  readonly sold?: number | null;
  /** Of answers to orders that have matured. */
  readonly matured?: number;
}

/** What was counted now: in the present share, of both revisions alike but for these successes. */
function counted(world: World, { ctr = 0, sold = 0, matured = sold ?? 0 }: Counts): World {
  const { nowMilliseconds } = world.observation();
  const epoch = world.rollout.status.shares?.at(-1)?.lastEpoch ?? 0;
  const cells = (more: number) => [cell(epoch, "Candidate", 400, 20 + more), cell(epoch, "Stable", 400, 20)];
  const metric = (arrived: number, mature: number, maturesMilliseconds: number): MetricEvidence => ({
    metric: { values: "ZeroOne", better: "Higher" },
    maturesMilliseconds,
    arrived: cells(arrived),
    matured: cells(mature),
  });
  const metrics: [string, MetricEvidence][] = [["ctr", metric(ctr, ctr, HOUR / 2)]];
  if (sold !== null) metrics.push(["sold", metric(sold, matured, 72 * HOUR)]);
  const requests = (["Candidate", "Stable"] as const).map((arm) => ({ epoch, arm, requests: 5_000 }));
  world.gateEvidence = {
    queries: new Map(),
    hooks: new Map(),
    counts: {
      kind: "Whole",
      atMilliseconds: nowMilliseconds,
      value: {
        metrics: new Map(metrics),
        unusable: new Map(),
        requests: [],
        recentRequests: requests,
        armChecks: [],
        newUsers: [],
        requestsPerSecond: 100,
      },
    },
  };
  return world;
}

/** Both gates; orders are slower than any step. `sample-ratio` is content with no requests where all say so. */
function inStep(step: number): World {
  const gates = [gate("ctr"), gate("sold")].map((one) => ({ ...one, onNoData: "Proceed" as const }));
  const world = inStepOne({ replicas: 4, quality: QUALITY, rollout: { ...HELD_BACK, gates } });
  for (let present = 1; present < step; present++) {
    // What is not known of the shares of users is passed over after the longest deadline, a week.
    world.passTime(HOUR + 168 * HOUR);
    for (let look = 0; look < 5; look++) follow(counted(world, { matured: -2 }), 1);
  }
  return world;
}

const gates = (world: World) =>
  Object.fromEntries(
    (world.rollout.status.gates ?? []).map(({ name, outcome, reason, deferred }) => [
      name,
      `${outcome} ${reason}${deferred === true ? ", deferred" : ""}`,
    ]),
  );

test("steps do not wait for what is decided in the holdback", () => {
  const world = inStep(1);
  follow(counted(world.passTime(HOUR), {}), 1);
  expect(gates(world)).toMatchObject({ ctr: "Pass NoHarm", sold: "Wait DecidedInHoldback, deferred" });
  expect(whereIs(inStep(3))).toBe("HoldingBack 3 of 4 95%");
});

test("nor do they end before it was read whether it has shown harm, where an operator was away", () => {
  const world = inStepOne({
    replicas: 4,
    quality: QUALITY,
    rollout: { ...HELD_BACK, gates: [{ ...gate("sold"), onNoData: "Proceed" }] },
  });
  for (const hours of [0, 168]) follow(counted(world.passTime(hours * HOUR), { matured: -2 }), 1);
  const { step } = world.rollout.status;
  world.gateEvidence = undefined;
  follow(world.passTime(HOUR), 2);
  expect(world.rollout.status.step).toBe(step);
  counted(world, { sold: -10 }).reconcile();
  expect(world.rollout.status.verdict).toMatchObject({ outcome: "Aborted", reason: "GateFailed" });
});

test("harm that slow labels show in a step ends the release there", () => {
  const world = counted(inStep(2), { sold: -10 });
  world.reconcile();
  expect(world.rollout.status.verdict).toMatchObject({ outcome: "Aborted", reason: "GateFailed" });
  expect(shares(world)).toBe("v1 100%");
});

test.each<[what: string, change: Counts, gate: string]>([
  ["slow labels", { sold: -10 }, "sold"],
  ["labels that the steps have found harmless", { ctr: -10 }, "ctr"],
])("harm in the holdback undoes it, by %s", (_what, change, name) => {
  const world = counted(inStep(3).passTime(48 * HOUR), change);
  world.reconcile();
  expect(whereIs(world)).toBe("Returning 3 of 4 75%");
  expect(world.rollout.status.returning).toMatchObject({ outcome: "Aborted", reason: "GateFailed" });
  expect(gates(world)[name]).toContain("Fail Harm");
  // The gate has nothing to say any more: the verdict is kept.
  world.gateEvidence = undefined;
  follow(world, 8);
  expect(shares(world)).toBe("v1 100%");
  expect(world.rollout.status.verdict).toMatchObject({ outcome: "Aborted", reason: "GateFailed" });
  expect(gates(world)[name]).toContain("Fail Harm");
  expect(condition(world, "Promoted")).toBe("False RolloutAborted");
  expect(condition(world, "Stalled")).toBe("True RolloutAborted");
  expect(condition(world, "Ready")).toBe("True Serving");
});

test("an operator that was away at its end reads what was counted meanwhile before it ends it", () => {
  const world = inStep(3);
  world.gateEvidence = undefined;
  follow(world.passTime(96 * HOUR), 3);
  expect(whereIs(world)).toBe("HoldingBack 3 of 4 95%");
  counted(world, { sold: -10 }).reconcile();
  expect(whereIs(world)).toBe("Returning 3 of 4 75%");
});

test("nor does it end it for a third revision before that", () => {
  const world = inStep(3).edit({ model: model("v3") });
  world.gateEvidence = undefined;
  follow(world, 4);
  expect(readyReplicas(world.observation(), world.revisionName("v3"), "default")).toBe(2);
  expect(whereIs(world)).toBe("HoldingBack 3 of 4 95%");
  follow(counted(world, {}), 1);
  expect(whereIs(world)).toBe("Promoting 4 of 4 100%");
});

test("what cannot be read for five minutes does not keep it from its end", () => {
  const world = inStep(3);
  world.gateEvidence = undefined;
  follow(world.passTime(96 * HOUR), 1);
  const { wakeAtMilliseconds = 0 } = world.reconcile();
  world.passTime(wakeAtMilliseconds - world.observation().nowMilliseconds);
  follow(world, 6);
  expect(world.rollout.status.verdict?.message).toMatch(/not shown in its holdback: gate .*\(NoData\)/);
});

test("nothing is asked but what gates of the holdback judge by, and nothing at all once it is given up", () => {
  const world = inStep(3);
  const [question, ...more] = world.reconcile().gateQuestions ?? [];
  expect(more).toEqual([]);
  expect(question).toMatchObject({ type: "Collector", metrics: [{ name: "ctr" }, { name: "sold" }] });
  counted(world.guide({ decision: "Abort" }), {});
  expect(world.reconcile().gateQuestions).toBeUndefined();
});

test("at its end a gate that has passed is no longer mentioned", () => {
  const world = inStep(3);
  follow(counted(world.passTime(96 * HOUR), {}), 1);
  follow(world, 6);
  expect(world.rollout.status.verdict).toMatchObject({
    outcome: "Promoted",
    reason: "StepsPassed",
    message: "it has all the traffic",
  });
});

test.each<[what: string, counts: Counts, reason: string]>([
  ["of which nothing is counted", { sold: null }, "MetricUnknown"],
  ["that is not known to be within its margin", { matured: -2 }, "NotShown"],
])("at its end a gate %s is told, and the model serves on", (_what, counts, reason) => {
  const world = inStep(3);
  follow(counted(world.passTime(96 * HOUR), counts), 1);
  // For so long what is not known is waited for.
  follow(counted(world.passTime(300_000), counts), 6);
  expect(shares(world)).toBe("v2 100%");
  expect(world.rollout.status.verdict).toMatchObject({
    outcome: "Promoted",
    message: `it has all the traffic; not shown in its holdback: gate sold (${reason})`,
  });
});
