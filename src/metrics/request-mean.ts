/**
 * Metrics that are a mean over requests: each request has one number. Its sum, the sum of its square and the number of
 * requests are all that is kept.
 */
import {
  type GateUse,
  type Metric,
  type MetricSettings,
  type RequestNumber,
  ratio,
  type Sum,
} from "./metric.ts";
import type { SettledRequest } from "./settled-request.ts";

/** How a mean over requests is made. */
export interface RequestMean {
  readonly labels: readonly string[];
  readonly gate: GateUse;
  /** Whether a number can be `Unordered`. */
  readonly needsOrder?: true;
  /** What a request's number is, for the help of the sums. */
  readonly what: string;
  /** The number of a request. Those that are `Unordered` are counted and left out of the value. */
  number(request: SettledRequest): RequestNumber;
}

const [REQUESTS, TOTAL, SQUARES, UNORDERED] = [0, 1, 2, 3] as const;

const UNORDERED_SUM: Sum = {
  name: "unordered_requests",
  help: "Requests left out: no order of their rows is known.",
  exported: true,
};

/** A metric whose value is the mean of a number for each request. */
export function requestMean(
  { name, type }: MetricSettings,
  { labels, gate, needsOrder, what, number }: RequestMean,
): Metric {
  const sums: readonly Sum[] = [
    { name: "requests", help: "Requests that were counted.", exported: true },
    { name: "total", help: `Sum over requests of ${what}.`, exported: true },
    { name: "squares", help: `Sum over requests of the square of ${what}.`, exported: true },
    ...(needsOrder ? [UNORDERED_SUM] : []),
  ];
  return {
    name,
    type,
    labels,
    gate,
    sums,
    add(request, into) {
      const value = number(request);
      if (value === "Unordered") {
        into[UNORDERED] = (into[UNORDERED] ?? 0) + 1;
        return;
      }
      into[REQUESTS] = (into[REQUESTS] ?? 0) + 1;
      into[TOTAL] = (into[TOTAL] ?? 0) + value;
      into[SQUARES] = (into[SQUARES] ?? 0) + value * value;
    },
    value: (from) => ratio(from[TOTAL], from[REQUESTS]),
    outcome: number,
  };
}
