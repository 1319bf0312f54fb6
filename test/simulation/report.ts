/**
 * What people read: how a seed failed and how to see it again, and what all seeds together have covered.
 */
import type { Coverage } from "./coverage.ts";
import { coverageLines } from "./coverage-table.ts";
import type { SimulationResult } from "./simulation-result.ts";

/** Everything about a failed seed; undefined when it went well. */
export function describeFailure(result: SimulationResult): string | undefined {
  const { seed, steps, violation, lastLines } = result;
  if (violation === undefined) return undefined;
  return [
    `seed ${seed} broke "${violation.invariant}" in step ${violation.step}: ${violation.details}`,
    "",
    "The last steps:",
    ...lastLines,
    "",
    `Replay: PETREL_SIMULATION_SEED=${seed} PETREL_SIMULATION_STEPS=${steps} npm test -- --tier simulation seeds`,
  ].join("\n");
}

/** How many times each fault met each write of each planner. */
export function describeCoverage(coverage: Coverage, seeds: number, steps: number): string {
  return [
    `simulated ${seeds} seeds of ${steps} steps; how often each fault met each write of each planner:`,
    ...coverageLines(coverage),
    "",
  ].join("\n");
}
