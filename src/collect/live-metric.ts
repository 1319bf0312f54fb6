/**
 * What one request adds to a metric: the definitions of src/metrics, over what is known here of a request.
 *
 * Of a request without a label nothing is known but that it was answered, so a metric is counted only where such a request
 * adds nothing. What a request adds must not depend on the order in which its labels came: a label that comes again or late
 * then changes exactly its own request.
 */
import type { LabelMetricType } from "../api/quality-metrics.ts";
import type { RequestNumber } from "../metrics/metric.ts";
import { createMetric, METRIC_TYPES } from "../metrics/register.ts";
import { type RequestLabel, type ShownRow, settledRequest } from "../metrics/settled-request.ts";
import type { LabelEvent, LabelledRequest } from "./labelled-request.ts";

/** One metric as the settings define it. */
export interface MetricDefinition {
  readonly name: string;
  readonly type: LabelMetricType;
  /** Name of the label that it is made of. */
  readonly label: string;
  /** The most that one request can add, for an amount. */
  readonly cap?: number;
  /** Places of a list that count. */
  readonly k?: number;
}

/** A metric, ready to be counted. */
export interface LiveMetric {
  readonly definition: MetricDefinition;
  /** Whether a request adds 0 or 1, so that the exact test for such metrics may be used. */
  readonly zeroOrOne: boolean;
  /** Whether it looks at the order in which rows were displayed, which may not be known. */
  readonly needsOrder: boolean;
  /**
   * What one request adds, never negative. `events` are those of its labels that count, at least one; what was told of its
   * rows after a longer delay is not known yet.
   */
  outcome(
    events: readonly LabelEvent[],
    request: LabelledRequest,
    longestDelaySeconds: number,
  ): RequestNumber;
}

/** No score is known here, and no metric may be declared that looks at one. */
const NO_SCORES = { probability: false, higherIsBetter: true };

/**
 * Makes a metric.
 *
 * @throws MetricSettingsError for a setting that the type does not read, lacks, or cannot use.
 */
export function liveMetric(definition: MetricDefinition): LiveMetric {
  const needsOrder = METRIC_TYPES[definition.type].settings.some(({ field }) => field === "order");
  const { gate, outcome } = createMetric(
    { ...definition, ...(needsOrder ? { order: "Displayed" } : {}) },
    NO_SCORES,
  );
  if (outcome === undefined) throw new Error(`expected ${definition.type} to be a mean over requests`);
  const { label } = definition;
  return {
    definition,
    zeroOrOne: gate.type === "Outcome" && gate.zeroOrOne,
    needsOrder,
    outcome(events, request, longestDelaySeconds) {
      const inOrder = inOneOrder(events);
      if (!needsOrder) {
        // It is of the request as a whole.
        const labels = inOrder.map(({ value }): RequestLabel => ({ label, value }));
        return outcome(settledRequest([], labels));
      }
      const labels = inOrder.map(({ row, value }): RequestLabel => {
        return row === undefined ? { label, value } : { label, row, value };
      });
      return outcome(settledRequest(displayedRows(request, longestDelaySeconds), labels));
    },
  };
}

function inOneOrder(events: readonly LabelEvent[]): readonly LabelEvent[] {
  if (events.length < 2) return events;
  return events.toSorted((a, b) => (a.row ?? -1) - (b.row ?? -1) || a.value - b.value);
}

/** Rows with their places: where the client listed them, else the first place that any label says. */
function displayedRows(
  { shown, shownDelaySeconds, events }: LabelledRequest,
  longestDelaySeconds: number,
): readonly ShownRow[] {
  const said = events.flatMap(({ row, position, delaySeconds }) =>
    row === undefined || position === undefined || delaySeconds > longestDelaySeconds
      ? []
      : [{ row, position }],
  );
  const listed = shownDelaySeconds <= longestDelaySeconds ? shown : [];
  return [
    ...listed.map((row, index) => ({ row, position: index + 1 })),
    ...said.toSorted((a, b) => a.position - b.position),
  ];
}
