/**
 * ModelExperiments by phase as a metric: how many run, how many wait.
 */
import { Gauge, type Registry } from "prom-client";
import { EXPERIMENT_PHASES, type ExperimentPhase } from "../api/experiment-status.ts";
import type { ExperimentSummary } from "./projections/experiment.ts";

/** Number of ModelExperiments in each phase, those that are over included. */
export function experimentPhases(
  experiments: Iterable<ExperimentSummary>,
): ReadonlyMap<ExperimentPhase, number> {
  const counts = new Map<ExperimentPhase, number>(EXPERIMENT_PHASES.map((phase) => [phase, 0]));
  for (const { observed } of experiments) {
    if (observed === undefined) continue;
    const { phase = "Waiting" } = observed.status;
    counts.set(phase, (counts.get(phase) ?? 0) + 1);
  }
  return counts;
}

/** Shows what `current` counts at each scrape. */
export function showExperimentPhases(
  registry: Registry,
  current: () => ReadonlyMap<ExperimentPhase, number>,
): void {
  new Gauge({
    name: "petrel_model_experiments",
    help: "ModelExperiments by phase, those that are over included; from the leader alone.",
    labelNames: ["phase"],
    registers: [registry],
    collect() {
      this.reset();
      for (const [phase, count] of current()) this.set({ phase }, count);
    },
  });
}
