/**
 * What labels add to the evidence: for each metric, sums over requests, from which a gate works out its ratio.
 *
 * A metric is a function of one request with all of its labels, so that nothing depends on the order in which labels
 * came, and a label that comes again or late changes exactly its own request. It must be pure, and its sums must add
 * over requests.
 */
import type { LabelEvent, LabelledRequest } from "./labelled-request.ts";

/** One metric as the settings define it. */
export interface MetricDefinition {
  readonly name: string;
  readonly type: MetricType;
  /** Name of the label that it is made of. */
  readonly label: string;
  /** The most that one request can add, for RevenuePerRequest. */
  readonly cap?: number;
}

/** The sums of one type of metric. */
export interface LabelSums {
  /**
   * What one request adds, never negative. `events` are the labels of the metric's own label, at least one; their
   * value is 0 for what is known not to have happened.
   */
  outcome(events: readonly LabelEvent[], definition: MetricDefinition, request: LabelledRequest): number;
  /** Whether a request adds 0 or 1, so that the exact test for such metrics may be used. */
  readonly zeroOrOne: boolean;
}

const atLeastOne: LabelSums = {
  zeroOrOne: true,
  outcome: (events) => (events.some(({ value }) => value > 0) ? 1 : 0),
};

/** All types of metrics. */
export const LABEL_SUMS = {
  /** Requests with at least one click, of all requests. */
  ClickThroughRate: atLeastOne,
  /** Requests with at least one order, of all requests. */
  ConversionRate: atLeastOne,
  /** Values of all labels of a request, no less than 0 and at most the cap, over all requests. */
  RevenuePerRequest: {
    zeroOrOne: false,
    outcome(events, { cap = Number.POSITIVE_INFINITY }) {
      const total = events.reduce((sum, { value }) => sum + value, 0);
      return Math.min(Math.max(total, 0), cap);
    },
  },
} as const satisfies Record<string, LabelSums>;

/** Name of a type of metrics. */
export type MetricType = keyof typeof LABEL_SUMS;

/** Whether a text names a type of metrics. */
export function isMetricType(text: unknown): text is MetricType {
  return typeof text === "string" && Object.hasOwn(LABEL_SUMS, text);
}
