/**
 * Click-through rate of the rows shown, in all and for each displayed position.
 */
import { valueByRow } from "./label-values.ts";
import { type Metric, type MetricType, ratio, type Sum } from "./metric.ts";
import { ROWS_DIFFER } from "./scored-rows.ts";

const PLACES = 20;
const BEYOND = PLACES;
const UNKNOWN = PLACES + 1;
const POSITIONS = [
  ...Array.from({ length: PLACES }, (_, index) => String(index + 1)),
  `over ${PLACES}`,
  "unknown",
];

function positionOf(position: number | undefined): number {
  return position === undefined ? UNKNOWN : position <= PLACES ? position - 1 : BEYOND;
}

/** Item click-through rate, by position. */
export const itemClickThroughRate: MetricType = {
  type: "ItemClickThroughRate",
  title: "Item click-through rate, by position",
  definition: `Share of rows shown that were clicked; kept for each displayed position from 1 to ${PLACES}, beyond, and unknown.`,
  forks: ["Clicks counted more than once for a row.", "Corrected for position bias by an examination model."],
  source: "counts",
  unit: "ratio",
  higherIsBetter: true,
  needsProbability: false,
  settings: [{ field: "label", default: "click", meaning: "Label of a click." }],
  create({ name, type, label = "click" }): Metric {
    const sums = POSITIONS.flatMap((position): Sum[] => [
      { name: "rows", labels: { position }, help: "Rows shown there.", exported: true },
      { name: "clicks", labels: { position }, help: "Rows shown there that were clicked.", exported: true },
    ]);
    return {
      name,
      type,
      labels: [label],
      gate: ROWS_DIFFER,
      sums,
      add(request, into) {
        const values = valueByRow(request, label);
        for (const { row, position } of request.rows) {
          const index = 2 * positionOf(position);
          into[index] = (into[index] ?? 0) + 1;
          if ((values.get(row) ?? 0) > 0) into[index + 1] = (into[index + 1] ?? 0) + 1;
        }
      },
      value(from) {
        let [rows, clicks] = [0, 0];
        for (const [index, value] of from.entries()) {
          if (index % 2 === 0) rows += value;
          else clicks += value;
        }
        return ratio(clicks, rows);
      },
    };
  },
};
