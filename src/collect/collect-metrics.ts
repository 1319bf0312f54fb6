/**
 * What the collector shows to Prometheus. No label holds anything that a client sent: deployments, labels and metrics
 * are those of the settings.
 */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import { EVENT_RESULTS, type EventResult } from "../api/event-result.ts";
import { armName } from "../tap/tap-event.ts";
import type { RefusalReason } from "./collect-error.ts";
import type { StoredLabel } from "./feedback.ts";

/** What is asked at each scrape. */
export interface CollectGauges {
  readonly requests: () => number;
  readonly waiting: () => number;
  readonly storeBytes: () => number;
  readonly silentRouters: () => number;
  readonly configurationIsValid: () => boolean;
  /** Reports of mirrored requests by what became of them, since the beginning. */
  readonly mirrored: () => Readonly<Record<string, number>>;
  /** Metrics of which less is better. */
  readonly lowerIsBetter: () => Iterable<{ readonly deployment: string; readonly metric: string }>;
}

/** The metrics of one collector. */
export class CollectMetrics {
  readonly registry = new Registry();
  readonly #events: Counter<"result">;
  readonly #matched: Counter<"model_deployment">;
  readonly #expired: Counter;
  readonly #orphans: Counter<"model_deployment">;
  readonly #delays: Histogram<"model_deployment" | "label">;
  readonly #quality: Counter<"model_deployment" | "metric" | "arm">;
  readonly #taken: Counter<"model_deployment" | "metric" | "arm">;
  readonly #unordered: Counter<"model_deployment" | "metric" | "arm">;
  readonly #qualityRequests: Counter<"model_deployment" | "arm">;
  readonly #impressions: Counter<"result">;
  readonly #batches: Counter<"result">;
  readonly #refused: Counter<"reason">;
  readonly #commits: Histogram;

  constructor(gauges: CollectGauges) {
    const registers = [this.registry];
    collectDefaultMetrics({ register: this.registry });
    this.#events = new Counter({
      name: "petrel_collect_feedback_events_total",
      help: "Events of feedback, by what became of them.",
      labelNames: ["result"],
      registers,
    });
    for (const result of EVENT_RESULTS) this.#events.inc({ result }, 0);
    this.#matched = new Counter({
      name: "petrel_label_join_matched_total",
      help: "Labels that were joined with the impressions of their slot and group.",
      labelNames: ["model_deployment"],
      registers,
    });
    this.#expired = new Counter({
      name: "petrel_label_join_expired_total",
      help: "Labels that came when their request had been forgotten.",
      registers,
    });
    this.#orphans = new Counter({
      name: "petrel_label_join_orphan_total",
      help: "Labels whose impressions had not come when their request was forgotten.",
      labelNames: ["model_deployment"],
      registers,
    });
    this.#delays = new Histogram({
      name: "petrel_label_delay_seconds",
      help: "Time from a prediction to its label.",
      labelNames: ["model_deployment", "label"],
      buckets: [1, 10, 60, 300, 1_800, 7_200, 21_600, 86_400, 259_200, 604_800],
      registers,
    });
    this.#quality = new Counter({
      name: "petrel_quality_sum_total",
      help: "What labels have added to each quality metric, by the arm that their requests belong to. Less what they have taken, and divided by the requests of a time longer than labels take, it is the metric's mean.",
      labelNames: ["model_deployment", "metric", "arm"],
      registers,
    });
    this.#taken = new Counter({
      name: "petrel_quality_taken_total",
      help: "What labels have taken from each quality metric: a second click makes the NDCG of a list smaller, and a request that turns out not to count takes all that it had added.",
      labelNames: ["model_deployment", "metric", "arm"],
      registers,
    });
    this.#unordered = new Counter({
      name: "petrel_quality_unordered_requests_total",
      help: "Requests with a label that add nothing to a metric of lists: where their rows were displayed is not known.",
      labelNames: ["model_deployment", "metric", "arm"],
      registers,
    });
    this.#qualityRequests = new Counter({
      name: "petrel_quality_requests_total",
      help: "Requests that quality metrics are means over, by arm.",
      labelNames: ["model_deployment", "arm"],
      registers,
    });
    new Gauge({
      name: "petrel_quality_lower_is_better",
      help: "1 for each quality metric of which less is better; absent for all others.",
      labelNames: ["model_deployment", "metric"],
      registers,
      collect() {
        this.reset();
        for (const { deployment, metric } of gauges.lowerIsBetter())
          this.set({ model_deployment: deployment, metric }, 1);
      },
    });
    this.#impressions = new Counter({
      name: "petrel_collect_impressions_total",
      help: "Requests of the access log, by whether they were counted.",
      labelNames: ["result"],
      registers,
    });
    this.#batches = new Counter({
      name: "petrel_collect_batches_total",
      help: "Pieces of the access log, by whether they were new.",
      labelNames: ["result"],
      registers,
    });
    new Counter({
      name: "petrel_collect_mirrored_total",
      help: "Reports of mirrored requests, by what became of them; a request and its copy that were found together count once.",
      labelNames: ["result"],
      registers,
      collect() {
        this.reset();
        for (const [result, count] of Object.entries(gauges.mirrored())) this.inc({ result }, count);
      },
    });
    this.#refused = new Counter({
      name: "petrel_collect_refused_total",
      help: "Requests that were refused as a whole.",
      labelNames: ["reason"],
      registers,
    });
    this.#commits = new Histogram({
      name: "petrel_collect_commit_seconds",
      help: "Time of one transaction, until the disk had it.",
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5],
      registers,
    });
    this.#gauge("petrel_collect_requests", "Requests that are kept with their labels.", gauges.requests);
    this.#gauge("petrel_collect_queue_events", "Events that wait to be stored.", gauges.waiting);
    this.#gauge("petrel_collect_store_bytes", "Size of the file, without its log.", gauges.storeBytes);
    this.#gauge(
      "petrel_collect_silent_routers",
      "Routers that say nothing and are not known to have ended.",
      gauges.silentRouters,
    );
    this.#gauge(
      "petrel_collect_configuration_valid",
      "1 while the settings and keys in effect are those of the files.",
      () => (gauges.configurationIsValid() ? 1 : 0),
    );
  }

  /** Events were answered. */
  answered(results: readonly EventResult[]): void {
    for (const result of results) {
      this.#events.inc({ result });
      if (result === "expired") this.#expired.inc();
    }
  }

  /** Labels were stored. */
  stored(labels: readonly StoredLabel[]): void {
    for (const { deployment, label, event } of labels) {
      this.#delays.observe({ model_deployment: deployment, label }, event.delaySeconds);
    }
  }

  /** Labels found their impressions; fewer than none when their requests turned out not to count. */
  matched(deployment: string, labels: number): void {
    this.#matched.inc({ model_deployment: deployment }, Math.max(0, labels));
  }

  /** Requests of an arm were counted. */
  impressed(deployment: string, arm: number, requests: number): void {
    this.#qualityRequests.inc({ model_deployment: deployment, arm: armName(arm) }, requests);
  }

  /** Labels added to a metric, or took from it. */
  measured(deployment: string, metric: string, arm: number, value: number): void {
    const labels = { model_deployment: deployment, metric, arm: armName(arm) };
    // Both are there from the first label on: who takes one from the other must find both.
    this.#quality.inc(labels, Math.max(0, value));
    this.#taken.inc(labels, Math.max(0, -value));
  }

  /** Requests came whose order is not known. An order that comes later counts for the evidence, and is not taken off here. */
  unordered(deployment: string, metric: string, arm: number, requests: number): void {
    this.#unordered.inc({ model_deployment: deployment, metric, arm: armName(arm) }, Math.max(0, requests));
  }

  /** Labels were forgotten without impressions. */
  orphaned(deployment: string, labels: number): void {
    this.#orphans.inc({ model_deployment: deployment }, labels);
  }

  /** A batch was stored. */
  batch(duplicate: boolean, results: Readonly<Record<string, number>>): void {
    this.#batches.inc({ result: duplicate ? "duplicate" : "stored" });
    for (const [result, count] of Object.entries(results)) this.#impressions.inc({ result }, count);
  }

  /** A request was refused. */
  refused(reason: RefusalReason): void {
    this.#refused.inc({ reason });
  }

  /** A transaction was committed. */
  committed(milliseconds: number): void {
    this.#commits.observe(milliseconds / 1_000);
  }

  #gauge(name: string, help: string, read: () => number): void {
    new Gauge({
      name,
      help,
      registers: [this.registry],
      collect() {
        this.set(read());
      },
    });
  }
}
