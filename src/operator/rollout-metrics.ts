/**
 * ModelRollouts by phase as a metric: how many are under way, how many wait for a person.
 */
import { Gauge, type Registry } from "prom-client";
import { ROLLOUT_PHASES, type RolloutPhase } from "../api/model-rollout-status.ts";
import type { RolloutSummary } from "./projections/rollout.ts";

/** Number of ModelRollouts in each phase, those that are kept as history included. */
export function rolloutPhases(rollouts: Iterable<RolloutSummary>): ReadonlyMap<RolloutPhase, number> {
  const counts = new Map<RolloutPhase, number>(ROLLOUT_PHASES.map((phase) => [phase, 0]));
  for (const { observed } of rollouts) {
    if (observed === undefined) continue;
    const { phase = "Pending" } = observed.status;
    counts.set(phase, (counts.get(phase) ?? 0) + 1);
  }
  return counts;
}

/** Shows what `current` counts at each scrape. */
export function showRolloutPhases(
  registry: Registry,
  current: () => ReadonlyMap<RolloutPhase, number>,
): void {
  new Gauge({
    name: "petrel_model_rollouts",
    help: "ModelRollouts by phase, those that are kept as history included; from the leader alone.",
    labelNames: ["phase"],
    registers: [registry],
    collect() {
      this.reset();
      for (const [phase, count] of current()) this.set({ phase }, count);
    },
  });
}
