/**
 * What the collector shows to Prometheus of metrics of scores. No label holds anything that a client sent.
 */
import { Counter, Gauge, type Registry } from "prom-client";
import { armName } from "../tap/tap-event.ts";
import type { ScoreSeries, ToldSums, ToldValue } from "./score-telling.ts";

/** Adds them to a registry. `values` is asked at each scrape; who is given takes what a half hour adds. */
export function registerScoreMetrics(
  registry: Registry,
  values: () => Iterable<ToldValue>,
): (sums: readonly ToldSums[]) => void {
  const labelNames = ["model_deployment", "metric", "arm"] as const;
  new Gauge({
    name: "petrel_quality_score_value",
    help: "A metric of scores over the last six hours whose labels have matured, of the revision that makes the arm's scores now. Not to be added up over collectors: each has other users.",
    labelNames,
    registers: [registry],
    collect() {
      this.reset();
      for (const one of values()) this.set(labelsOf(one), one.value);
    },
  });
  const counter = new Counter({
    name: "petrel_quality_score_sum_total",
    help: "Sums that metrics of scores are made of, counted once the labels of a half hour have matured. `sum` and `bin` are those of docs/metrics.md.",
    labelNames: [...labelNames, "sum", "bin"],
    registers: [registry],
  });
  return (told) => {
    for (const one of told) {
      one.scores.scores.metric.sums.forEach(({ name, labels, exported }, index) => {
        const value = one.vector[index] ?? 0;
        if (exported)
          counter.inc({ ...labelsOf(one), sum: name, bin: labels?.["bin"] ?? "" }, Math.max(0, value));
      });
    }
  };
}

function labelsOf({ deployment, scores, arm }: ScoreSeries) {
  return { model_deployment: deployment, metric: scores.scores.definition.name, arm: armName(arm) };
}
