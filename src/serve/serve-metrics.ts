/**
 * The numbers that the model server shows to Prometheus: its own under `petrel_serve_`, and those of Triton
 * (`nv_inference_*`) that mean the same here, so that existing dashboards and autoscalers work.
 *
 * Every request counts into plain numbers; prom-client sees them when somebody asks, for its own counting costs
 * more than reading a small request. No label may hold anything that a client sent: labels are the protocol,
 * the class of the status, and the model's own name and version.
 */
import { Counter, collectDefaultMetrics, Gauge, type Registry as PromRegistry, Registry } from "prom-client";
import { DurationHistogram } from "./duration-histogram.ts";
import type { RunResult } from "./executor.ts";
import type { FailureReason } from "./serve-error.ts";

/** How a request came. */
export type Protocol = "rest" | "grpc";

const PROTOCOLS: readonly Protocol[] = ["rest", "grpc"];
/** Classes of a status that an inference request is answered with. */
const STATUS_CLASSES = [2, 4, 5] as const;

/** What the metrics read when they are asked for. */
export interface ServeGauges {
  readonly pendingRuns: () => number;
  readonly isReady: () => boolean;
}

/** What the tap has done so far. */
export interface TapCounts {
  readonly isConnected: boolean;
  readonly sent: number;
  readonly dropped: number;
}

/** All metrics of one server, in a registry of its own. */
export class ServeMetrics {
  readonly registry: PromRegistry = new Registry();
  readonly #modelName: string;
  readonly #answered: Readonly<Record<Protocol, Record<number, number>>>;
  readonly #durations: DurationHistogram;
  readonly #queueDurations: DurationHistogram;
  readonly #loadSeconds: Gauge<"version">;
  readonly #triton: TritonMetrics;

  constructor(modelName: string, gauges: ServeGauges) {
    const registers = [this.registry];
    this.#modelName = modelName;
    collectDefaultMetrics({ register: this.registry });
    const answered = { rest: { 2: 0, 4: 0, 5: 0 }, grpc: { 2: 0, 4: 0, 5: 0 } };
    this.#answered = answered;
    new Counter({
      name: "petrel_serve_requests_total",
      help: "Answered inference requests by protocol and class of the HTTP status (of a gRPC code: the status that REST would give).",
      labelNames: ["protocol", "code"],
      registers,
      collect() {
        this.reset();
        for (const protocol of PROTOCOLS) {
          for (const statusClass of STATUS_CLASSES) {
            this.inc({ protocol, code: `${statusClass}xx` }, answered[protocol][statusClass]);
          }
        }
      },
    });
    this.#durations = new DurationHistogram(
      "petrel_serve_request_duration_seconds",
      "Time from the first byte of an inference request to its answer.",
      PROTOCOLS.map((protocol) => ({ protocol })),
      this.registry,
    );
    this.#queueDurations = new DurationHistogram(
      "petrel_serve_queue_duration_seconds",
      "Time that an inference request waited for the model.",
      [{}],
      this.registry,
    );
    this.#loadSeconds = new Gauge({
      name: "petrel_serve_model_load_seconds",
      help: "Time that loading and warming up a version of the model took.",
      labelNames: ["version"],
      registers,
    });
    new Gauge({
      name: "petrel_serve_queue_requests",
      help: "Inference requests that wait for the model or are under way in it.",
      registers,
      collect() {
        this.set(gauges.pendingRuns());
      },
    });
    new Gauge({
      name: "petrel_serve_ready",
      help: "1 while the server is ready, else 0.",
      registers,
      collect() {
        this.set(gauges.isReady() ? 1 : 0);
      },
    });
    this.#triton = new TritonMetrics(this.registry);
  }

  /** Shows what became of the requests that the sidecar is told of. */
  showTap(tap: TapCounts): void {
    const registers = [this.registry];
    new Counter({
      name: "petrel_serve_tap_events_total",
      help: "Inference requests of which the sidecar was told, and those of which nobody is.",
      labelNames: ["result"],
      registers,
      collect() {
        this.reset();
        this.inc({ result: "sent" }, tap.sent);
        this.inc({ result: "dropped" }, tap.dropped);
      },
    });
    new Gauge({
      name: "petrel_serve_tap_connected",
      help: "1 while the sidecar listens, else 0.",
      registers,
      collect() {
        this.set(tap.isConnected ? 1 : 0);
      },
    });
  }

  /** A version of the model is loaded. */
  loaded(version: string, loadMilliseconds: number): void {
    this.#loadSeconds.set({ version }, loadMilliseconds / 1_000);
  }

  /** An inference request was answered. */
  answered(protocol: Protocol, httpStatus: number, durationMilliseconds: number): void {
    const classes = this.#answered[protocol];
    const statusClass = Math.floor(httpStatus / 100);
    classes[statusClass] = (classes[statusClass] ?? 0) + 1;
    this.#durations.count(protocol === "rest" ? 0 : 1, durationMilliseconds / 1_000);
  }

  /** The numbers of one version of the model. */
  version(version: string, pendingRuns: () => number): VersionMetrics {
    return new VersionMetrics(
      this.#triton.add({ model: this.#modelName, version }, pendingRuns),
      this.#queueDurations,
    );
  }
}

/** What the requests to one version of the model count into. */
export class VersionMetrics {
  readonly #counts: TritonCounts;
  readonly #queueDurations: DurationHistogram;

  constructor(counts: TritonCounts, queueDurations: DurationHistogram) {
    this.#counts = counts;
    this.#queueDurations = queueDurations;
  }

  /** The model ran for a request with `inferences` rows. */
  ran(result: RunResult, inferences: number, durationMilliseconds: number): void {
    this.#queueDurations.count(0, result.queueMilliseconds / 1_000);
    const { totals } = this.#counts;
    totals.nv_inference_request_success++;
    totals.nv_inference_count += inferences;
    totals.nv_inference_exec_count += result.executions;
    totals.nv_inference_request_duration_us += durationMilliseconds * 1_000;
    totals.nv_inference_queue_duration_us += result.queueMilliseconds * 1_000;
    totals.nv_inference_compute_infer_duration_us += result.computeMilliseconds * 1_000;
  }

  /** The model gave no answer to a checked request. */
  failed(reason: FailureReason): void {
    this.#counts.failures[tritonReason(reason)]++;
  }
}

/** Why a request failed, as Triton says it. */
type TritonReason = "REJECTED" | "CANCELED" | "BACKEND" | "OTHER";

interface TritonCounts {
  readonly labels: { readonly model: string; readonly version: string };
  readonly pendingRuns: () => number;
  readonly totals: Record<CounterName, number>;
  readonly failures: Record<TritonReason, number>;
}

const TRITON_COUNTERS = {
  nv_inference_request_success: "Inference requests that the model answered.",
  nv_inference_count: "Inferences: a request with a batch of n rows counts n.",
  nv_inference_exec_count: "Runs of the model; one for all the requests that it ran together.",
  nv_inference_request_duration_us: "Time of the answered requests, in microseconds.",
  nv_inference_queue_duration_us: "Time that answered requests waited for the model, in microseconds.",
  nv_inference_compute_infer_duration_us: "Time that the model took for answered requests, in microseconds.",
} as const;

type CounterName = keyof typeof TRITON_COUNTERS;

function tritonReason(reason: FailureReason): TritonReason {
  switch (reason) {
    case "Overloaded":
      return "REJECTED";
    case "RequestTimeout":
      return "CANCELED";
    case "InvalidArgument":
    case "Internal":
    case "DeadlineExceeded":
      return "BACKEND";
    default:
      return "OTHER";
  }
}

/** Metrics by the names of Triton. Its durations are counters of microseconds. */
class TritonMetrics {
  readonly #versions: TritonCounts[] = [];

  constructor(registry: PromRegistry) {
    const versions = this.#versions;
    const registers = [registry];
    for (const name of Object.keys(TRITON_COUNTERS).filter(isCounterName)) {
      new Counter({
        name,
        help: TRITON_COUNTERS[name],
        labelNames: ["model", "version"],
        registers,
        collect() {
          this.reset();
          for (const { labels, totals } of versions) {
            this.inc(labels, totals[name]);
          }
        },
      });
    }
    new Counter({
      name: "nv_inference_request_failure",
      help: "Inference requests that the model did not answer.",
      labelNames: ["model", "version", "reason"],
      registers,
      collect() {
        this.reset();
        for (const { labels, failures } of versions) {
          for (const [reason, count] of Object.entries(failures)) {
            this.inc({ ...labels, reason }, count);
          }
        }
      },
    });
    new Gauge({
      name: "nv_inference_pending_request_count",
      help: "Inference requests that wait for the model.",
      labelNames: ["model", "version"],
      registers,
      collect() {
        for (const { labels, pendingRuns } of versions) {
          this.set(labels, pendingRuns());
        }
      },
    });
  }

  add(labels: TritonCounts["labels"], pendingRuns: () => number): TritonCounts {
    const counts: TritonCounts = {
      labels,
      pendingRuns,
      totals: {
        nv_inference_request_success: 0,
        nv_inference_count: 0,
        nv_inference_exec_count: 0,
        nv_inference_request_duration_us: 0,
        nv_inference_queue_duration_us: 0,
        nv_inference_compute_infer_duration_us: 0,
      },
      failures: { REJECTED: 0, CANCELED: 0, BACKEND: 0, OTHER: 0 },
    };
    this.#versions.push(counts);
    return counts;
  }
}

function isCounterName(name: string): name is CounterName {
  return Object.hasOwn(TRITON_COUNTERS, name);
}
