/**
 * The metrics that dashboards and alerts made for controller-runtime look for.
 */
import { beforeEach, describe, expect, test } from "@jest/globals";
import { modelDeploymentObject } from "../../test/fixtures/model-deployment-object.ts";
import { silentLogger } from "../../test/fixtures/silent-logger.ts";
import { VirtualClock } from "../../test/memory-cluster/virtual-clock.ts";
import { sleep } from "../core/clock.ts";
import { TerminalError } from "../core/errors.ts";
import { type ReconcileResult, Reconciler } from "../kube/reconciler.ts";
import { conditionSeries } from "./condition-metrics.ts";
import { createOperatorMetrics, type OperatorMetrics } from "./metrics.ts";
import { type ReadModelDeployment, readModelDeployment } from "./projections/model-deployment.ts";

const LABELS = '{name="modeldeployment",controller="modeldeployment"}';

let clock: VirtualClock;
let metrics: OperatorMetrics;

beforeEach(() => {
  clock = new VirtualClock();
  metrics = createOperatorMetrics({ host: "10.96.0.1:443", lease: "petrel-operator", clock });
});

/** The value of one series; undefined when it is not there. */
async function value(series: string): Promise<number | undefined> {
  const lines = (await metrics.registry.metrics()).split("\n");
  const line = lines.find((candidate) => candidate.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
}

function reconcile(work: (key: string) => Promise<ReconcileResult>): Reconciler {
  const reconciler = new Reconciler({
    name: "modeldeployment",
    reconcile: work,
    workers: 2,
    clock,
    random: () => 0,
    log: silentLogger,
    observer: metrics.observe("modeldeployment", 2),
  });
  reconciler.start();
  return reconciler;
}

test.each([
  ["controller_runtime_reconcile_total", "counter", ["controller", "result"]],
  ["controller_runtime_reconcile_errors_total", "counter", ["controller"]],
  ["controller_runtime_terminal_reconcile_errors_total", "counter", ["controller"]],
  ["controller_runtime_reconcile_time_seconds", "histogram", ["controller"]],
  ["controller_runtime_max_concurrent_reconciles", "gauge", ["controller"]],
  ["controller_runtime_active_workers", "gauge", ["controller"]],
  ["workqueue_depth", "gauge", ["controller", "name"]],
  ["workqueue_adds_total", "counter", ["controller", "name"]],
  ["workqueue_queue_duration_seconds", "histogram", ["controller", "name"]],
  ["workqueue_work_duration_seconds", "histogram", ["controller", "name"]],
  ["workqueue_unfinished_work_seconds", "gauge", ["controller", "name"]],
  ["workqueue_longest_running_processor_seconds", "gauge", ["controller", "name"]],
  ["workqueue_retries_total", "counter", ["controller", "name"]],
  ["leader_election_master_status", "gauge", ["name"]],
  ["rest_client_requests_total", "counter", ["code", "host", "method"]],
])("%s is a %s by %j", async (name, type, labels) => {
  metrics.observe("modeldeployment", 10);
  metrics.observeRequest({ method: "PATCH", status: 200 });
  const found = (await metrics.registry.getMetricsAsJSON()).find((metric) => metric.name === name);
  expect(found?.type).toBe(type);
  const names = new Set(found?.values.flatMap((sample) => Object.keys(sample.labels)));
  names.delete("le");
  expect([...names].sort()).toEqual(labels);
});

test.each(["success", "error", "requeue", "requeue_after"])(
  "the result %s is there before it happens",
  async (result) => {
    metrics.observe("router", 1);
    expect(await value(`controller_runtime_reconcile_total{controller="router",result="${result}"}`)).toBe(0);
  },
);

test("each outcome is counted as what it is", async () => {
  const outcomes: Record<string, () => Promise<ReconcileResult>> = {
    "ns/well": async () => ({}),
    "ns/later": async () => ({ wakeAt: clock.now() + 3_600_000 }),
    "ns/fails": () => Promise.reject(new Error("it failed")),
    "ns/gives-up": () => Promise.reject(new TerminalError("Invalid", "never")),
  };
  const reconciler = reconcile((key) => outcomes[key]?.() ?? Promise.resolve({}));
  for (const key of Object.keys(outcomes)) reconciler.add(key);
  await clock.runUntilIdle();
  const total = (result: string) =>
    value(`controller_runtime_reconcile_total{controller="modeldeployment",result="${result}"}`);
  expect([await total("success"), await total("requeue_after"), await total("error")]).toEqual([1, 1, 2]);
  expect(await value('controller_runtime_reconcile_errors_total{controller="modeldeployment"}')).toBe(2);
  expect(
    await value('controller_runtime_terminal_reconcile_errors_total{controller="modeldeployment"}'),
  ).toBe(1);
  expect(await value(`workqueue_retries_total${LABELS}`)).toBe(1);
  expect(await value(`workqueue_adds_total${LABELS}`)).toBe(4);
});

test("a run that hangs shows while it hangs, and what waits behind it", async () => {
  const reconciler = reconcile(async () => {
    await sleep(clock, 90_000);
    return {};
  });
  for (const key of ["ns/a", "ns/b", "ns/c"]) {
    reconciler.add(key);
    await clock.advance(10_000);
  }
  expect(await value('controller_runtime_active_workers{controller="modeldeployment"}')).toBe(2);
  expect(await value('controller_runtime_max_concurrent_reconciles{controller="modeldeployment"}')).toBe(2);
  expect(await value(`workqueue_depth${LABELS}`)).toBe(1);
  expect(await value(`workqueue_unfinished_work_seconds${LABELS}`)).toBe(30 + 20);
  expect(await value(`workqueue_longest_running_processor_seconds${LABELS}`)).toBe(30);
  await clock.advance(300_000);
  expect(await value('controller_runtime_active_workers{controller="modeldeployment"}')).toBe(0);
  expect(await value(`workqueue_longest_running_processor_seconds${LABELS}`)).toBe(0);
  expect(await value(`workqueue_work_duration_seconds_sum${LABELS}`)).toBe(270);
});

test("a queue that is stopped has no depth", async () => {
  const reconciler = reconcile(() => sleep(clock, 1_000).then(() => ({})));
  for (const key of ["ns/a", "ns/b", "ns/c"]) reconciler.add(key);
  const stopped = reconciler.stop();
  await clock.advance(1_000);
  await stopped;
  expect(await value(`workqueue_depth${LABELS}`)).toBe(0);
});

test("requests are counted by code, method and host; one without an answer as an error", async () => {
  metrics.observeRequest({ method: "PATCH", status: 200 });
  metrics.observeRequest({ method: "PATCH", status: 200 });
  metrics.observeRequest({ method: "GET", status: 0 });
  const series = (code: string, method: string) =>
    `rest_client_requests_total{code="${code}",method="${method}",host="10.96.0.1:443"}`;
  expect(await value(series("200", "PATCH"))).toBe(2);
  expect(await value(series("<error>", "GET"))).toBe(1);
});

test("who leads is told by the lease's name", async () => {
  const series = 'leader_election_master_status{name="petrel-operator"}';
  expect(await value(series)).toBe(0);
  metrics.setLeader(true);
  expect(await value(series)).toBe(1);
});

test("what the operator holds, cannot read and could not tell is shown", async () => {
  let dropped = 2;
  metrics.show({
    cachedObjects: () => new Map([["Pod", 7]]),
    unreadableModelDeployments: () => 3,
    conditions: () => [],
    rolloutPhases: () => new Map([["Paused", 2]]),
    experimentPhases: () => new Map([["Running", 3]]),
    experiments: () => [],
    drills: () => [],
    releases: () => [],
    droppedEvents: () => dropped,
  });
  expect(await value('petrel_model_rollouts{phase="Paused"}')).toBeUndefined();
  expect(await value('petrel_failover_drills{phase="Ended"}')).toBeUndefined();
  metrics.setLeader(true);
  expect(await value('petrel_model_rollouts{phase="Paused"}')).toBe(2);
  expect(await value('petrel_model_experiments{phase="Running"}')).toBe(3);
  expect(await value('petrel_failover_drills{phase="Ended"}')).toBe(0);
  expect(await value('petrel_operator_cached_objects{kind="Pod"}')).toBe(7);
  expect(await value("petrel_operator_unreadable_model_deployments")).toBe(3);
  expect(await value("petrel_operator_events_dropped_total")).toBe(2);
  dropped = 5;
  expect(await value("petrel_operator_events_dropped_total")).toBe(5);
});

describe("conditions of ModelDeployments", () => {
  const series = (status: string, reason: string) =>
    `petrel_model_deployment_condition{namespace="shop",name="ranker",condition="Ready",status="${status}",reason="${reason}"}`;
  const stored = (status: string, reason: string) =>
    readModelDeployment({
      ...modelDeploymentObject("ranker", { pools: "not a list" }),
      status: { conditions: [{ type: "Ready", status, reason }] },
    });
  let current: ReadModelDeployment[];

  beforeEach(() => {
    current = [stored("True", "Serving")];
    metrics.show({
      cachedObjects: () => new Map(),
      unreadableModelDeployments: () => 0,
      conditions: () => conditionSeries(current),
      rolloutPhases: () => new Map(),
      experimentPhases: () => new Map(),
      experiments: () => [],
      drills: () => [],
      releases: () => [],
      droppedEvents: () => 0,
    });
  });

  test("are shown as they stand, even of one that cannot be read, and by the leader alone", async () => {
    expect(await value(series("True", "Serving"))).toBeUndefined();
    metrics.setLeader(true);
    expect(await value(series("True", "Serving"))).toBe(1);
    metrics.setLeader(false);
    expect(await value(series("True", "Serving"))).toBeUndefined();
  });

  test("leave nothing behind when they change or go", async () => {
    metrics.setLeader(true);
    await value(series("True", "Serving"));
    current = [stored("False", "Unreadable")];
    expect(await value(series("True", "Serving"))).toBeUndefined();
    expect(await value(series("False", "Unreadable"))).toBe(1);
    current = [];
    expect(await metrics.registry.metrics()).not.toContain("petrel_model_deployment_condition{");
  });
});
