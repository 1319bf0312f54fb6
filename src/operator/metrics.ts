/**
 * The operator's metrics, under the names of controller-runtime, so that existing dashboards and alerts work.
 *
 * No label ever holds a name of an object.
 */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { ReconcilerObserver } from "../kube/reconciler.ts";
import type { RequestObserver } from "../kube/transport.ts";

/** All metrics of the operator. */
export interface OperatorMetrics {
  readonly registry: Registry;
  /** Watches one controller. */
  observe(controller: string): ReconcilerObserver;
  /** Counts requests to the API server. */
  readonly observeRequest: RequestObserver;
  /** Tells whether this instance leads. */
  setLeader(leads: boolean): void;
}

const RECONCILE_SECONDS_BUCKETS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const QUEUE_SECONDS_BUCKETS = [0.001, 0.01, 0.1, 0.5, 1, 5, 10, 60, 300];

/** Makes the metrics, in a registry of their own. `host` is the API server's. */
export function createOperatorMetrics(host: string): OperatorMetrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const reconciles = new Counter({
    name: "controller_runtime_reconcile_total",
    help: "Reconciles by outcome.",
    labelNames: ["controller", "result"],
    registers,
  });
  const errors = new Counter({
    name: "controller_runtime_reconcile_errors_total",
    help: "Reconciles that failed.",
    labelNames: ["controller"],
    registers,
  });
  const terminalErrors = new Counter({
    name: "controller_runtime_terminal_reconcile_errors_total",
    help: "Reconciles that failed until the spec changes.",
    labelNames: ["controller"],
    registers,
  });
  const durations = new Histogram({
    name: "controller_runtime_reconcile_time_seconds",
    help: "Time of a reconcile.",
    labelNames: ["controller"],
    buckets: RECONCILE_SECONDS_BUCKETS,
    registers,
  });
  const queue = ["name", "controller"] as const;
  const depth = new Gauge({ name: "workqueue_depth", help: "Keys that wait.", labelNames: queue, registers });
  const adds = new Counter({
    name: "workqueue_adds_total",
    help: "Keys added.",
    labelNames: queue,
    registers,
  });
  const retries = new Counter({
    name: "workqueue_retries_total",
    help: "Keys put off after a failure.",
    labelNames: queue,
    registers,
  });
  const waited = new Histogram({
    name: "workqueue_queue_duration_seconds",
    help: "Time that a key waited.",
    labelNames: queue,
    buckets: QUEUE_SECONDS_BUCKETS,
    registers,
  });
  const worked = new Histogram({
    name: "workqueue_work_duration_seconds",
    help: "Time of the work on a key.",
    labelNames: queue,
    buckets: QUEUE_SECONDS_BUCKETS,
    registers,
  });
  const leader = new Gauge({
    name: "leader_election_master_status",
    help: "1 while this instance leads.",
    labelNames: ["name"],
    registers,
  });
  const requests = new Counter({
    name: "rest_client_requests_total",
    help: "Requests to the API server.",
    labelNames: ["code", "method", "host"],
    registers,
  });
  leader.set({ name: "petrel" }, 0);

  return {
    registry,
    observe(controller) {
      const labels = { name: controller, controller };
      return {
        queue: {
          added(size) {
            adds.inc(labels);
            depth.set(labels, size);
          },
          started(size, waitedMilliseconds) {
            depth.set(labels, size);
            waited.observe(labels, waitedMilliseconds / 1000);
          },
          finished: (workedMilliseconds) => worked.observe(labels, workedMilliseconds / 1000),
          retried: () => retries.inc(labels),
        },
        reconciled(outcome, durationMilliseconds) {
          const result = outcome === "terminal_error" ? "error" : outcome;
          reconciles.inc({ controller, result });
          if (result === "error") errors.inc({ controller });
          if (outcome === "terminal_error") terminalErrors.inc({ controller });
          durations.observe({ controller }, durationMilliseconds / 1000);
        },
      };
    },
    observeRequest: ({ method, status }) =>
      requests.inc({ method, host, code: status === 0 ? "<error>" : String(status) }),
    setLeader: (leads) => leader.set({ name: "petrel" }, leads ? 1 : 0),
  };
}
