import { expect, test } from "@jest/globals";
import type { PlannedPool, TrafficPlan } from "../../api/traffic-plan.ts";
import { findObstacle, PREFLIGHT_CHECKS, type PreflightView } from "./preflight.ts";

const gpu: PlannedPool = { pool: "gpu", revision: "r1", replicas: 2 };
const cpu: PlannedPool = { pool: "cpu", revision: "r1", replicas: 3 };
const plan = (...arms: TrafficPlan["arms"]): TrafficPlan => ({
  port: 10_000,
  epoch: 1,
  timeout: "600ms",
  perTryTimeout: "200ms",
  arms,
});
const stable = (...pools: PlannedPool[]) => ({ name: "Stable" as const, weight: 10_000, pools });

const WELL: PreflightView = {
  pool: "gpu",
  traffic: plan(stable(gpu, cpu)),
  readyReplicas: (_revision, pool) => (pool === "gpu" ? 2 : 3),
  routers: 2,
  alarms: [],
};
const { traffic: _traffic, ...withoutPlan } = WELL;

test("nothing is in the way where everything is well", () => {
  expect(findObstacle(WELL)).toBeUndefined();
});

test.each<[string, PreflightView]>([
  ["SomethingUnderWay", { ...WELL, underWay: "release ranker-3" }],
  ["AlarmOn", { ...WELL, alarms: ["ctr"] }],
  ["TrafficIsSplit", withoutPlan],
  ["TrafficIsSplit", { ...WELL, traffic: plan() }],
  [
    "TrafficIsSplit",
    {
      ...WELL,
      traffic: plan(
        { name: "Candidate", weight: 1, pools: [gpu, cpu] },
        { name: "Stable", weight: 9_999, pools: [gpu, cpu] },
      ),
    },
  ],
  ["NoRouter", { ...WELL, routers: 0 }],
  ["TargetDoesNotServe", { ...WELL, pool: "cpu" }],
  ["NoFallback", { ...WELL, traffic: plan(stable(gpu)) }],
  ["DelayTooLong", { ...WELL, delay: "600ms" }],
  ["DelayTooLong", { ...WELL, delay: "1s" }],
  ["CapacityMissing", { ...WELL, readyReplicas: () => 1 }],
  ["CapacityMissing", { ...WELL, readyReplicas: (_revision, pool) => (pool === "gpu" ? 1 : 3) }],
  ["CapacityMissing", { ...WELL, readyReplicas: (_revision, pool) => (pool === "gpu" ? 2 : 2) }],
  ["CapacityMissing", { ...WELL, traffic: plan(stable(gpu, { ...cpu, replicas: 0 })) }],
])("%s keeps a drill from beginning", (reason, seen) => {
  expect(findObstacle(seen)?.reason).toBe(reason);
});

test("a delay that ends before requests do can be proven, also where it is longer than a try", () => {
  expect(findObstacle({ ...WELL, delay: "599ms" })).toBeUndefined();
});

const BEGUN_WITH = [
  { name: "gpu", replicas: 2 },
  { name: "cpu", replicas: 3 },
];
const ASKED_MORE = plan(stable({ ...gpu, replicas: 9 }, { ...cpu, replicas: 9 }));
const ASKED_LESS = plan(stable({ ...gpu, replicas: 1 }, { ...cpu, replicas: 1 }));
const ready = (gpus: number, cpus: number) => (_revision: string, pool: string) =>
  pool === "gpu" ? gpus : cpus;

test.each<[string, Partial<PreflightView>, string | undefined]>([
  ["more are asked for", { traffic: ASKED_MORE }, undefined],
  [
    "a pool behind is new, and not there",
    { traffic: plan(stable(gpu, { ...cpu, pool: "new", replicas: 9 })) },
    "CapacityMissing",
  ],
  ["less are asked for, and there", { traffic: ASKED_LESS, readyReplicas: ready(1, 1) }, undefined],
  ["the pool behind has lost one", { traffic: ASKED_MORE, readyReplicas: ready(2, 2) }, "CapacityMissing"],
  ["the target has lost one before the fault", { readyReplicas: ready(1, 3) }, "CapacityMissing"],
  ["the target has lost one under the fault", { readyReplicas: ready(1, 3), isFaulted: true }, undefined],
  ["the target is really gone", { readyReplicas: ready(0, 3), isFaulted: true }, "CapacityMissing"],
])("once it has begun: %s", (_what, seen, reason) => {
  expect(findObstacle({ ...WELL, begunWith: BEGUN_WITH, ...seen })?.reason).toBe(reason);
});

test("every check finds something in a world in which nothing is well", () => {
  const broken: PreflightView = {
    ...withoutPlan,
    routers: 0,
    underWay: "an undo",
    alarms: ["a"],
    delay: "1ms",
  };
  expect(PREFLIGHT_CHECKS.map((check) => check(broken) !== undefined)).toEqual(
    PREFLIGHT_CHECKS.map(() => true),
  );
});
