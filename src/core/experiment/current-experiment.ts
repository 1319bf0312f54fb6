/**
 * Which experiment of a ModelDeployment may have traffic: one at a time. The others wait for it. Pure.
 */
import type { ObservedExperiment } from "../observation.ts";

/** The one that began first, or else was made first, of those that are not over; undefined when there is none. */
export function currentExperiment(
  experiments: readonly ObservedExperiment[],
): ObservedExperiment | undefined {
  return experiments.filter(({ status }) => status.verdict === undefined).toSorted(byTurn)[0];
}

function byTurn(left: ObservedExperiment, right: ObservedExperiment): number {
  const begun = ({ status }: ObservedExperiment) => status.startedAt ?? "9";
  return (
    compared(begun(left), begun(right)) ||
    compared(left.creationTimestamp, right.creationTimestamp) ||
    compared(left.name, right.name)
  );
}

function compared(left: string, right: string): number {
  return left === right ? 0 : left < right ? -1 : 1;
}
