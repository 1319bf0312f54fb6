/**
 * The Events that a change of an experiment is worth: one for a change, none for an attempt.
 */
import type { EventIntent, ExperimentReport } from "../decision.ts";

/** Events for what has become of an experiment. */
export function eventsOfExperiment({ experiment, status: after }: ExperimentReport): readonly EventIntent[] {
  const { name, status: before } = experiment;
  const tell = (type: EventIntent["type"], reason: string, action: string): readonly EventIntent[] => [
    { type, reason, action, note: `ModelExperiment ${name}: ${after.message ?? ""}` },
  ];
  const { verdict, phase } = after;
  if (verdict !== undefined) {
    if (before.verdict !== undefined) return [];
    return tell(
      verdict.outcome === "Completed" || verdict.reason === "StoppedByPerson" ? "Normal" : "Warning",
      `Experiment${verdict.outcome}`,
      "EndExperiment",
    );
  }
  if (phase === before.phase) return [];
  if (phase === "Running") return tell("Normal", "ExperimentRunning", "GiveShares");
  if (phase === "Concluding") return tell("Normal", "ExperimentConcluding", "TakeSharesBack");
  return before.phase === "Running" ? tell("Warning", "ExperimentInterrupted", "TakeSharesBack") : [];
}
