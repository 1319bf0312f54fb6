/**
 * Catalogue coverage: how much of the shop is ever shown.
 */
import { counterOf, DISTINCT_COUNTERS, seenShare } from "../stats/distinct-items.ts";
import type { Metric, MetricType, Sum } from "./metric.ts";
import { MetricSettingsError } from "./metric-settings-error.ts";

const ROWS = DISTINCT_COUNTERS;
const UNNAMED = DISTINCT_COUNTERS + 1;

/** Catalogue coverage. */
export const catalogueCoverage: MetricType = {
  type: "CatalogueCoverage",
  title: "Catalogue coverage",
  definition:
    "Share of the catalogue's items that were shown at least once, estimated from 4,096 counters (usual error: 1.6 % of the value, and 0.6 points more for catalogues of over 8,192 items).",
  forks: [
    "Only the first k places count.",
    "Items weighted by how often they are shown (Gini index, entropy).",
  ],
  source: "Whang et al. 1990, linear counting; compared with exact counts",
  unit: "ratio",
  higherIsBetter: true,
  needsProbability: false,
  settings: [{ field: "catalogueSize", required: true, meaning: "Number of items in the catalogue." }],
  create({ name, type, catalogueSize }): Metric {
    if (catalogueSize === undefined) throw new MetricSettingsError(name, "catalogueSize", "none");
    const counters = Array.from(
      { length: DISTINCT_COUNTERS },
      (_, counter): Sum => ({
        name: "shown",
        labels: { counter: String(counter) },
        help: "Rows shown whose item belongs to the counter.",
        exported: false,
      }),
    );
    return {
      name,
      type,
      labels: [],
      gate: { type: "Descriptive", reason: "it grows with the traffic of the arm" },
      sums: [
        ...counters,
        { name: "rows", help: "Rows shown with a named item.", exported: true },
        { name: "unnamed_rows", help: "Rows left out: the client named no item.", exported: true },
      ],
      add(request, into) {
        for (const { item } of request.rows) {
          const index = item === undefined ? UNNAMED : ROWS;
          into[index] = (into[index] ?? 0) + 1;
          const counter = item === undefined ? undefined : counterOf(item, catalogueSize);
          if (counter !== undefined) into[counter] = (into[counter] ?? 0) + 1;
        }
      },
      value: (from) =>
        (from[ROWS] ?? 0) > 0 ? seenShare(from.subarray(0, DISTINCT_COUNTERS), catalogueSize) : undefined,
    };
  },
};
