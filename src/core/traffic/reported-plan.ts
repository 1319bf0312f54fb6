/**
 * What the plan in status says, which routers may already carry out: who is in it, who leads it.
 */
import type { ModelDeploymentStatus } from "../../api/model-deployment-status.ts";
import { FULL_WEIGHT, type PlannedPool } from "../../api/traffic-plan.ts";

/** Every pool of every arm. */
export function reportedPools(status: ModelDeploymentStatus): readonly PlannedPool[] {
  return (status.traffic?.arms ?? []).flatMap((arm) => arm.pools);
}

/** Whether the plan names a revision, be it only as a fallback. */
export function planNamesRevision(status: ModelDeploymentStatus, revision: string): boolean {
  return reportedPools(status).some((pool) => pool.revision === revision);
}

/** Name of the candidate, if the plan sends it traffic. What a former candidate still has is not its. */
export function candidateWithTraffic(status: ModelDeploymentStatus): string | undefined {
  return candidateWeight(status) > 0 ? status.revisions?.candidate : undefined;
}

/** Whether the plan gives the candidate all the traffic. */
export function candidateHasAllTraffic(status: ModelDeploymentStatus): boolean {
  return candidateWeight(status) === FULL_WEIGHT;
}

function candidateWeight({ traffic, revisions }: ModelDeploymentStatus): number {
  const arm = traffic?.arms.find(({ name }) => name === "Candidate");
  return arm?.pools[0]?.revision === revisions?.candidate ? (arm?.weight ?? 0) : 0;
}
