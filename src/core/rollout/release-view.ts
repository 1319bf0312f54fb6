/**
 * What the state machine of a release gets to see of the world: its role, its traffic, and what the ready replicas of both
 * revisions carry. Pure.
 */
import { desiredReplicas } from "../capacity/desired-replicas.ts";
import { lacksRoomForLast } from "../capacity/way-back.ts";
import type { Observation, ObservedRollout } from "../observation.ts";
import { carriedWeight, carriesWeight, readyReplicas } from "../readiness.ts";
import type { RevisionPlan } from "../revision/plan-revisions.ts";
import { acknowledgedEpoch } from "../traffic/acknowledged-epoch.ts";
import { planNamesRevision, reportedPools } from "../traffic/reported-plan.ts";
import { undoneBy } from "../undo/undo-target.ts";
import { guidedSpec } from "./current-release.ts";
import { deferredGates } from "./gates/deferred-gates.ts";
import { present } from "./gates/figure-text.ts";
import { judgeGates } from "./gates/judge-gates.ts";
import { GATES } from "./gates/register.ts";
import { canBegin } from "./next-revision.ts";
import { evidenceOf, isComparable } from "./release-evidence.ts";
import { presentEpochs, withMirror, withShare } from "./rollout-shares.ts";
import type { RolloutView } from "./rollout-view.ts";

/** What is seen of one release. */
export function viewOf(
  observation: Observation,
  revisions: RevisionPlan,
  rollout: ObservedRollout,
  isCurrent: boolean,
): RolloutView {
  const { status, spec: deployment } = observation.deployment;
  const { generation } = rollout;
  const { stable } = revisions;
  const spec = isCurrent ? guidedSpec(rollout.spec, revisions.undo) : rollout.spec;
  const weight = reportedWeight(observation, spec.revision);
  const shares = withShare(rollout.status.shares ?? [], isCurrent ? status.traffic : undefined, weight);
  const mirror = reportedMirror(observation, spec.revision);
  const mirrored = withMirror(rollout.status.mirrored, isCurrent ? status.traffic : undefined, mirror);
  const role = roleOf(observation, revisions, rollout, isCurrent);
  const isCandidate = isCurrent && role === "Candidate";
  const { heldBack, returning } = status.rollout ?? {};
  const isNamed = isCurrent && status.rollout?.name === rollout.name;
  const wanted = deployment.pools.reduce((sum, pool) => sum + desiredReplicas(deployment, pool), 0);
  return {
    spec,
    status: isNamed && returning !== undefined ? { returning, ...rollout.status } : rollout.status,
    generation,
    nowMilliseconds: observation.nowMilliseconds,
    role,
    ...(revisions.undo === undefined ? {} : { undoneBy: undoneBy(revisions.undo) }),
    isUndone: isCurrent && revisions.undo !== undefined && revisions.undo.revision !== spec.revision,
    isReturned: isCandidate && revisions.desired.name === stable.name,
    isReplaced: isCandidate && canBegin(observation, revisions.next),
    isHeldBack: isNamed && heldBack !== undefined,
    reportedWeight: weight,
    reportedMirror: mirror,
    ...(mirrored === undefined ? {} : { mirrored }),
    shares,
    planIsInEffect: acknowledgedEpoch(observation) === status.traffic?.epoch,
    carries: (weight) => wanted > 0 && carriesWeight(observation, spec.revision, weight),
    isComparable: isComparable(observation, spec, stable.name),
    anyIsReady: wanted > 0 && anyIsReady(observation, spec.revision),
    stableIsLost: wanted > 0 && !anyIsReady(observation, stable.name),
    stableCarries: carriedWeight(observation, stable.name),
    lacksRoomForLast: lacksRoomForLast(observation, stable.name, spec.revision),
    stableHasLeft: hasLeft(observation, stable.name),
    judge: (step) => [
      // What stable keeps in a holdback is no reason to hold anything.
      ...(step.isHoldback === true ? [] : GATES).map((gate) => ({
        name: gate.name,
        ...gate.judge({ observation, revision: spec.revision, weight: step.weight + (step.mirror ?? 0) }),
      })),
      ...judgeGates({
        declared: spec.gates ?? [],
        before: rollout.status.gates ?? [],
        shadow: spec.strategy.shadow,
        step: {
          ...step,
          nowMilliseconds: observation.nowMilliseconds,
          ...present({ epochs: presentEpochs(shares, step.weight) }),
        },
        evidence: evidenceOf(observation, spec, shares),
        deferred: deferredGates(spec, deployment.quality),
      }).map(({ status: said, ...wake }) => ({ ...said, ...wake })),
    ],
  };
}

function roleOf(
  { deployment }: Observation,
  { stable, candidate, desired, undo }: RevisionPlan,
  { spec }: ObservedRollout,
  isCurrent: boolean,
): RolloutView["role"] {
  if (isCurrent && candidate?.name === spec.revision) return "Candidate";
  if (stable.name === spec.revision) {
    return deployment.status.revisions?.stable === spec.revision ? "Promoted" : "Promoting";
  }
  if (undo !== undefined && undo.revision !== spec.revision) return "Undone";
  return stable.name === desired.name ? "ReturnedToStable" : "Replaced";
}

/** Share of the traffic that the stored plan gives a revision as the candidate. */
export function reportedWeight({ deployment }: Observation, revision: string): number {
  const arm = deployment.status.traffic?.arms.find(({ name }) => name === "Candidate");
  return arm?.pools[0]?.revision === revision ? arm.weight : 0;
}

/** Share of the requests that the stored plan mirrors to a revision, in parts of 10,000. */
export function reportedMirror({ deployment }: Observation, revision: string): number {
  const { mirror } = deployment.status.traffic ?? {};
  return mirror?.pools[0]?.revision === revision ? mirror.share : 0;
}

/** In a pool of the spec, or in one that the spec gave up and the plan still names. */
export function anyIsReady({ deployment, ...observation }: Observation, revision: string): boolean {
  const { spec, status } = deployment;
  const planned = reportedPools(status).filter((pool) => pool.revision === revision);
  const pools = new Set([...spec.pools.map(({ name }) => name), ...planned.map(({ pool }) => pool)]);
  return [...pools].some((pool) => readyReplicas({ deployment, ...observation }, revision, pool) > 0);
}

/** Whether nothing of a revision is left: no traffic by any plan in effect, and no pod, not even one that ends. */
function hasLeft(observation: Observation, revision: string): boolean {
  const { status } = observation.deployment;
  const trafficHasLeft =
    acknowledgedEpoch(observation) === status.traffic?.epoch && !planNamesRevision(status, revision);
  return trafficHasLeft && observation.pods.every((pod) => pod.revision !== revision);
}
