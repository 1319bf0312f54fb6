/**
 * Metrics over all scored rows of all requests, each row an example: its score, and whether it has the label.
 *
 * A row without the label is a negative example. Rows of one request are not independent, and each arm shows other rows:
 * such metrics describe a model and do not gate it.
 */
import { valueByRow } from "./label-values.ts";
import type { GateUse, Metric, MetricSettings, ScoreMeaning, Sum } from "./metric.ts";
import type { SettledRequest } from "./settled-request.ts";

/** Why no metric over rows gates. */
export const ROWS_DIFFER: GateUse = {
  type: "Descriptive",
  reason: "each arm shows other rows, and rows of one request are not independent",
};

/** How a metric over rows is made. */
export interface RowSums {
  readonly label: string;
  readonly sums: readonly Sum[];
  /** Adds one row to the metric's own sums. */
  addRow(score: number, isPositive: boolean, sums: Float64Array): void;
  value(sums: Float64Array): number | undefined;
}

/** A metric over scored rows, with counts of the rows that could not be used after its own sums. */
export function rowMetric(
  { name, type }: MetricSettings,
  { probability }: ScoreMeaning,
  { label, sums, addRow, value }: RowSums,
): Metric {
  const [unscored, refused] = [sums.length, sums.length + 1];
  return {
    name,
    type,
    labels: [label],
    gate: ROWS_DIFFER,
    sums: [
      ...sums,
      { name: "unscored_rows", help: "Rows left out: their score is not known.", exported: true },
      {
        name: "refused_scores",
        help: "Rows left out: a probability was expected, and the score is not from 0 to 1.",
        exported: true,
      },
    ],
    add(request: SettledRequest, into: Float64Array) {
      const values = valueByRow(request, label);
      for (const { row, score } of request.rows) {
        if (score === undefined) into[unscored] = (into[unscored] ?? 0) + 1;
        else if (probability && !(score >= 0 && score <= 1)) into[refused] = (into[refused] ?? 0) + 1;
        else addRow(score, (values.get(row) ?? 0) > 0, into);
      }
    },
    value,
  };
}
