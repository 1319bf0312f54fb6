/**
 * What the gates of one release get to see: the part of all that was read that is about it, and whether it can be compared
 * at all. Pure.
 */
import type { ModelRolloutSpec } from "../../api/model-rollout-spec.ts";
import type { RolloutShare } from "../../api/model-rollout-status.ts";
import type { Observation } from "../observation.ts";
import { areCountedAlike } from "./counted-alike.ts";
import { collectedOf } from "./gates/collector-counts.ts";
import type { GateEvidence, ReadEvidence } from "./gates/gate-evidence.ts";
import { comparesArms, judgesService } from "./gates/gate-questions.ts";
import { keptMaturities } from "./gates/maturities.ts";
import { serviceOf } from "./gates/service-counts.ts";
import { shadowOf } from "./gates/shadow-evidence.ts";

const NOTHING_READ: ReadEvidence = { queries: new Map(), hooks: new Map() };

/** What was read for the release, and of what was counted that which is about it. */
export function evidenceOf(
  observation: Observation,
  release: ModelRolloutSpec,
  shares: readonly RolloutShare[],
): GateEvidence {
  const { gates = [], strategy } = release;
  const { gateEvidence, deployment } = observation;
  const { counts, firstTries, mirrored, queries, hooks } = gateEvidence ?? NOTHING_READ;
  const read = {
    queries,
    hooks,
    ...(judgesService(gates) ? { service: serviceOf(observation, firstTries) } : {}),
    ...(strategy.shadow === undefined ? {} : { shadow: shadowOf(observation, mirrored) }),
  };
  const isCompared = comparesArms(gates);
  const isCounted = isCompared || deployment.spec.quality !== undefined;
  if (!isCounted) return read;
  const drawsUsers = shares.some(({ drawnBy }) => drawnBy === "User");
  return {
    ...read,
    collected: collectedOf(counts, shares, { isCompared, matures: keptMaturities(release) }),
    drawsUsers,
  };
}

/** Whether no gate compares its revision with stable, or the answers of both are counted alike. */
export function isComparable(
  observation: Observation,
  { gates = [], revision }: ModelRolloutSpec,
  stable: string,
): boolean {
  return !comparesArms(gates) || areCountedAlike(observation, [stable, revision]);
}
