/**
 * The numbers that the model server shows to Prometheus: its own under `petrel_serve_`, and those of Triton
 * (`nv_inference_*`) that mean the same here, so that existing dashboards and autoscalers work.
 *
 * No label may hold anything that a client sent: labels are the protocol, the class of the status, and the
 * model's own name and version.
 */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { RunResult } from "./executor.ts";

/** How a request came. */
export type Protocol = "rest" | "grpc";

/** Seconds, from a tenth of a millisecond to ten seconds: models of this field answer within milliseconds. */
const DURATION_BUCKETS = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];

/** What the metrics read when they are asked for. */
export interface ServeGauges {
  readonly pendingRuns: () => number;
  readonly isReady: () => boolean;
}

/** All metrics of one server, in a registry of its own. */
export class ServeMetrics {
  readonly registry = new Registry();
  readonly #requests: Counter<"protocol" | "code">;
  readonly #durations: Histogram<"protocol">;
  readonly #queueDurations: Histogram;
  readonly #loadSeconds: Gauge;
  readonly #triton: TritonMetrics;

  constructor(model: { readonly name: string; readonly version: string }, gauges: ServeGauges) {
    const registers = [this.registry];
    collectDefaultMetrics({ register: this.registry });
    this.#requests = new Counter({
      name: "petrel_serve_requests_total",
      help: "Answered inference requests by protocol and class of the HTTP status (of a gRPC code: the status that REST would give).",
      labelNames: ["protocol", "code"],
      registers,
    });
    this.#durations = new Histogram({
      name: "petrel_serve_request_duration_seconds",
      help: "Time from the first byte of an inference request to its answer.",
      labelNames: ["protocol"],
      buckets: DURATION_BUCKETS,
      registers,
    });
    this.#queueDurations = new Histogram({
      name: "petrel_serve_queue_duration_seconds",
      help: "Time that an inference request waited for the model.",
      buckets: DURATION_BUCKETS,
      registers,
    });
    this.#loadSeconds = new Gauge({
      name: "petrel_serve_model_load_seconds",
      help: "Time that loading and warming up the model took; 0 until then.",
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
    this.#triton = new TritonMetrics(this.registry, model, gauges);
  }

  /** The model is loaded. */
  loaded(loadMilliseconds: number): void {
    this.#loadSeconds.set(loadMilliseconds / 1_000);
  }

  /** An inference request was answered. */
  answered(protocol: Protocol, httpStatus: number, durationMilliseconds: number): void {
    this.#requests.inc({ protocol, code: `${Math.floor(httpStatus / 100)}xx` });
    this.#durations.observe({ protocol }, durationMilliseconds / 1_000);
  }

  /** The model ran for a request with `inferences` rows. */
  ran(result: RunResult, inferences: number, durationMilliseconds: number): void {
    this.#queueDurations.observe(result.queueMilliseconds / 1_000);
    this.#triton.succeeded(result, inferences, durationMilliseconds);
  }

  /** The model gave no answer to a checked request. */
  failed(): void {
    this.#triton.failed();
  }
}

/** Metrics by the names of Triton. Its durations are counters of microseconds. */
class TritonMetrics {
  readonly #add: (name: string, value: number) => void;

  constructor(
    registry: Registry,
    model: { readonly name: string; readonly version: string },
    gauges: Pick<ServeGauges, "pendingRuns">,
  ) {
    const labels = { model: model.name, version: model.version };
    const counters = new Map(
      Object.entries(TRITON_COUNTERS).map(([name, help]) => {
        const counter = new Counter({ name, help, labelNames: ["model", "version"], registers: [registry] });
        counter.inc(labels, 0);
        return [name, counter.labels(labels)];
      }),
    );
    this.#add = (name, value) => counters.get(name)?.inc(value);
    new Gauge({
      name: "nv_inference_pending_request_count",
      help: "Inference requests that wait for the model.",
      labelNames: ["model", "version"],
      registers: [registry],
      collect() {
        this.set(labels, gauges.pendingRuns());
      },
    });
  }

  succeeded(result: RunResult, inferences: number, durationMilliseconds: number): void {
    this.#add("nv_inference_request_success", 1);
    this.#add("nv_inference_count", inferences);
    this.#add("nv_inference_exec_count", 1);
    this.#add("nv_inference_request_duration_us", durationMilliseconds * 1_000);
    this.#add("nv_inference_queue_duration_us", result.queueMilliseconds * 1_000);
    this.#add("nv_inference_compute_infer_duration_us", result.computeMilliseconds * 1_000);
  }

  failed(): void {
    this.#add("nv_inference_request_failure", 1);
  }
}

const TRITON_COUNTERS = {
  nv_inference_request_success: "Inference requests that the model answered.",
  nv_inference_request_failure: "Inference requests that the model did not answer.",
  nv_inference_count: "Inferences: a request with a batch of n rows counts n.",
  nv_inference_exec_count: "Runs of the model.",
  nv_inference_request_duration_us: "Time of the answered requests, in microseconds.",
  nv_inference_queue_duration_us: "Time that answered requests waited for the model, in microseconds.",
  nv_inference_compute_infer_duration_us: "Time that the model took for answered requests, in microseconds.",
} as const;
