/**
 * The conditions of ModelDeployments as a metric, to alert on: what `kubectl describe` shows, for Prometheus.
 *
 * Names of objects are in its labels: it has as many series as there are conditions, and none for a ModelDeployment
 * that is gone.
 */
import { Gauge, type Registry } from "prom-client";
import { asList, asString, valueAt } from "../api/json.ts";
import type { ReadModelDeployment } from "./projections/model-deployment.ts";

const LABELS = ["namespace", "name", "condition", "status", "reason"] as const;

/** One condition as it stands, as the labels of its series. */
export type ConditionSeries = Readonly<Record<(typeof LABELS)[number], string>>;

/** The conditions that are stored, of those that can be read and of those that cannot. */
export function* conditionSeries(stored: Iterable<ReadModelDeployment>): Iterable<ConditionSeries> {
  for (const read of stored) {
    const { metadata, status } = read.deployment ?? read;
    for (const condition of asList(valueAt(status, "conditions"))) {
      const text = (field: string) => asString(valueAt(condition, field)) ?? "";
      yield {
        namespace: read.namespace,
        name: metadata.name,
        condition: text("type"),
        status: text("status"),
        reason: text("reason"),
      };
    }
  }
}

/** Shows the series that `current` gives at each scrape. */
export function showConditions(registry: Registry, current: () => Iterable<ConditionSeries>): void {
  new Gauge({
    name: "petrel_model_deployment_condition",
    help: "1 for each condition of each ModelDeployment, with its status and reason; from the leader alone.",
    labelNames: [...LABELS],
    registers: [registry],
    collect() {
      this.reset();
      for (const series of current()) this.set({ ...series }, 1);
    },
  });
}
