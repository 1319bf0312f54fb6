/**
 * What the gates of one release get to see: the part of all that was read that is about it, and whether it can be compared
 * at all. Pure.
 */
import type { ModelRolloutSpec, RolloutShare } from "../../api/model-rollout.ts";
import type { Observation } from "../observation.ts";
import { areCountedAlike } from "./counted-alike.ts";
import { collectedOf } from "./gates/collector-counts.ts";
import type { GateEvidence, ReadEvidence } from "./gates/gate-evidence.ts";
import { comparesArms } from "./gates/gate-questions.ts";

const NOTHING_READ: ReadEvidence = { queries: new Map(), hooks: new Map() };

/** What was read for the release, and of what was counted that which is about it. */
export function evidenceOf(
  { gateEvidence, deployment }: Observation,
  { gates = [] }: ModelRolloutSpec,
  shares: readonly RolloutShare[],
): GateEvidence {
  const { counts, queries, hooks } = gateEvidence ?? NOTHING_READ;
  const isCompared = comparesArms(gates);
  const isCounted = isCompared || deployment.spec.quality !== undefined;
  if (!isCounted) return { queries, hooks };
  const drawsUsers = shares.some(({ drawnBy }) => drawnBy === "User");
  return { queries, hooks, collected: collectedOf(counts, shares, isCompared), drawsUsers };
}

/** Whether no gate compares its revision with stable, or the answers of both are counted alike. */
export function isComparable(
  observation: Observation,
  { gates = [], revision }: ModelRolloutSpec,
  stable: string,
): boolean {
  return !comparesArms(gates) || areCountedAlike(observation, [stable, revision]);
}
