/**
 * What one request adds to each sum of its deployment.
 *
 * Sums of one metric come one after the other, and most requests are told of in time: then what was worked out for one sum
 * is that of the next. Nothing may be kept from one request to another.
 */
import type { RequestNumber } from "../metrics/metric.ts";
import type { CollectedSum } from "./collected-metrics.ts";
import { exact } from "./group-vector.ts";
import type { LabelledRequest } from "./labelled-request.ts";
import type { LiveMetric } from "./live-metric.ts";

/** The outcomes of one request, or of one that is not kept. */
export class RequestOutcomes {
  readonly #request: LabelledRequest | undefined;
  /** The longest delay with which anything was told of it. */
  readonly #latestSeconds: number;
  /** What was worked out last, and for what. */
  #metric: LiveMetric | undefined;
  #longestSeconds = Number.NaN;
  #outcome: RequestNumber = 0;

  constructor(request: LabelledRequest | undefined) {
    this.#request = request;
    this.#latestSeconds = request === undefined ? 0 : latestOf(request);
  }

  /**
   * What the request adds to a sum, as sums hold numbers: a difference of two of these is exact, so that labels that come
   * one by one add what they add together.
   */
  of({ metric, counts, labelId, longestDelaySeconds = Number.POSITIVE_INFINITY }: CollectedSum): number {
    if (this.#request === undefined || this.#request.excluded) return 0;
    const longest =
      longestDelaySeconds >= this.#latestSeconds ? Number.POSITIVE_INFINITY : longestDelaySeconds;
    if (metric !== this.#metric || longest !== this.#longestSeconds) {
      this.#outcome = outcomeOf(this.#request, metric, labelId, longest);
      [this.#metric, this.#longestSeconds] = [metric, longest];
    }
    if (counts === "Unordered") return this.#outcome === "Unordered" ? 1 : 0;
    return this.#outcome === "Unordered" ? 0 : exact(this.#outcome);
  }
}

function outcomeOf(
  request: LabelledRequest,
  metric: LiveMetric,
  labelId: number,
  longestDelaySeconds: number,
): RequestNumber {
  const events = request.events.filter(
    ({ label, delaySeconds }) => label === labelId && delaySeconds <= longestDelaySeconds,
  );
  return events.length === 0 ? 0 : metric.outcome(events, request, longestDelaySeconds);
}

function latestOf({ shown, shownDelaySeconds, events }: LabelledRequest): number {
  return events.reduce(
    (latest, { delaySeconds }) => Math.max(latest, delaySeconds),
    shown.length > 0 ? shownDelaySeconds : 0,
  );
}
