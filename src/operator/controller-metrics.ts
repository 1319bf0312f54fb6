/**
 * Metrics of reconcilers and of their queues under the names of controller-runtime and client-go, so that existing
 * dashboards and alerts work. Every series is there from the start: an alert on what has never happened needs a 0.
 *
 * No label ever holds a name of an object.
 */
import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import type { Clock } from "../core/clock.ts";
import type { ReconcileOutcome, ReconcilerObserver } from "../kube/reconciler.ts";

/** Watches a controller of so many workers. */
export type ObserveController = (controller: string, workers: number) => ReconcilerObserver;

const RECONCILE_SECONDS_BUCKETS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const QUEUE_SECONDS_BUCKETS = [0.001, 0.01, 0.1, 0.5, 1, 5, 10, 60, 300];
/** `requeue`, at once and without an error, is controller-runtime's: nothing here ends in it. */
const RESULTS = ["success", "error", "requeue", "requeue_after"];
const PER_CONTROLLER = ["controller"] as const;
const PER_QUEUE = ["name", "controller"] as const;

/** Keys that run, by controller, each with the monotonic time of its start. */
type Running = Map<string, Map<string, number>>;

/** Adds the metrics to a registry. */
export function createControllerMetrics(registry: Registry, clock: Clock): ObserveController {
  const running: Running = new Map();
  const observeReconciles = reconcileMetrics(registry);
  const observeQueue = queueMetrics(registry, running, clock);
  return (controller, workers) => {
    running.set(controller, new Map());
    return { queue: observeQueue(controller), reconciled: observeReconciles(controller, workers) };
  };
}

function reconcileMetrics(registry: Registry) {
  const of = { labelNames: PER_CONTROLLER, registers: [registry] };
  const reconciles = new Counter({
    name: "controller_runtime_reconcile_total",
    help: "Reconciles by result.",
    labelNames: ["controller", "result"],
    registers: [registry],
  });
  const errors = new Counter({
    ...of,
    name: "controller_runtime_reconcile_errors_total",
    help: "Reconciles that failed.",
  });
  const terminalErrors = new Counter({
    ...of,
    name: "controller_runtime_terminal_reconcile_errors_total",
    help: "Reconciles that failed and are not tried again until something changes.",
  });
  const durations = new Histogram({
    ...of,
    name: "controller_runtime_reconcile_time_seconds",
    help: "Time of a reconcile.",
    buckets: RECONCILE_SECONDS_BUCKETS,
  });
  const maximum = new Gauge({
    ...of,
    name: "controller_runtime_max_concurrent_reconciles",
    help: "Reconciles that may run at the same time.",
  });
  return (controller: string, workers: number) => {
    maximum.set({ controller }, workers);
    for (const result of RESULTS) reconciles.inc({ controller, result }, 0);
    errors.inc({ controller }, 0);
    terminalErrors.inc({ controller }, 0);
    durations.zero({ controller });
    return (outcome: ReconcileOutcome, durationMilliseconds: number): void => {
      const result = outcome === "terminal_error" ? "error" : outcome;
      reconciles.inc({ controller, result });
      if (result === "error") errors.inc({ controller });
      if (outcome === "terminal_error") terminalErrors.inc({ controller });
      durations.observe({ controller }, durationMilliseconds / 1000);
    };
  };
}

function queueMetrics(registry: Registry, running: Running, clock: Clock) {
  const of = { labelNames: PER_QUEUE, registers: [registry] };
  const depth = new Gauge({ ...of, name: "workqueue_depth", help: "Keys that wait." });
  const adds = new Counter({ ...of, name: "workqueue_adds_total", help: "Keys added." });
  const retries = new Counter({
    ...of,
    name: "workqueue_retries_total",
    help: "Keys put off after a failure.",
  });
  const waited = new Histogram({
    ...of,
    name: "workqueue_queue_duration_seconds",
    help: "Time that a key waited.",
    buckets: QUEUE_SECONDS_BUCKETS,
  });
  const worked = new Histogram({
    ...of,
    name: "workqueue_work_duration_seconds",
    help: "Time of the work on a key.",
    buckets: QUEUE_SECONDS_BUCKETS,
  });
  runningGauges(registry, running, clock);
  return (controller: string) => {
    const labels = { name: controller, controller };
    const keys = running.get(controller);
    depth.set(labels, 0);
    adds.inc(labels, 0);
    retries.inc(labels, 0);
    waited.zero(labels);
    worked.zero(labels);
    return {
      added(size: number) {
        adds.inc(labels);
        depth.set(labels, size);
      },
      started(key: string, size: number, waitedMilliseconds: number) {
        keys?.set(key, clock.monotonic());
        depth.set(labels, size);
        waited.observe(labels, waitedMilliseconds / 1000);
      },
      finished(key: string, workedMilliseconds: number) {
        keys?.delete(key);
        worked.observe(labels, workedMilliseconds / 1000);
      },
      retried: () => retries.inc(labels),
      cleared: () => depth.set(labels, 0),
    };
  };
}

/** What is known of the keys that run is asked at each scrape: a run that hangs shows while it hangs. */
function runningGauges(registry: Registry, running: Running, clock: Clock): void {
  const registers = [registry];
  new Gauge({
    name: "controller_runtime_active_workers",
    help: "Reconciles that run.",
    labelNames: PER_CONTROLLER,
    registers,
    collect() {
      for (const [controller, keys] of running) this.set({ controller }, keys.size);
    },
  });
  const gauge = (name: string, help: string, combine: (seconds: readonly number[]) => number) =>
    new Gauge({
      name,
      help,
      labelNames: PER_QUEUE,
      registers,
      collect() {
        for (const [controller, keys] of running) {
          const seconds = [...keys.values()].map((startedAt) => (clock.monotonic() - startedAt) / 1000);
          this.set({ name: controller, controller }, combine(seconds));
        }
      },
    });
  gauge("workqueue_unfinished_work_seconds", "Age of all runs under way, added up.", (seconds) =>
    seconds.reduce((sum, age) => sum + age, 0),
  );
  gauge("workqueue_longest_running_processor_seconds", "Age of the oldest run under way.", (seconds) =>
    Math.max(0, ...seconds),
  );
}
