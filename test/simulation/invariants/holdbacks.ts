/**
 * In a holdback either arm has what it is to have, what was given up gets nothing back, and no more goes back than stable
 * can carry.
 */
import { asString, valueAt } from "../../../src/api/json.ts";
import type { KubeObject } from "../../../src/api/kube-object.ts";
import { LABEL } from "../../../src/api/names.ts";
import { desiredReplicas } from "../../../src/core/capacity/desired-replicas.ts";
import { readModelDeployment } from "../../../src/operator/projections/model-deployment.ts";
import { isReady } from "../cluster/pod.ts";
import { type Facts, isOperator } from "../facts.ts";
import { storedPlan } from "../plan-history.ts";
import type { Invariant } from "./invariant.ts";
import { heldShareOf } from "./stored-release.ts";

/**
 * Stable has no more than it keeps while the candidate has a share, unless the release says that the traffic goes back;
 * what does so never comes again. While nothing goes wrong stable gets no more than its ready replicas carry.
 */
export const holdbackWeights: Invariant = {
  name: "never more than its share to either arm of a holdback, and back as replicas come",
  brokenBy({ actor, call, before, after }, facts) {
    if (after?.kind !== "ModelDeployment" || call?.subresource !== "status" || !isOperator(actor))
      return undefined;
    const release = releaseOf(after, actor, facts);
    const share = heldShareOf(release);
    const [former, weight] = [before, after].map(candidateWeight);
    if (release === undefined || share === undefined || weight === undefined || weight === 0)
      return undefined;
    const about = `${after.metadata.name}: stable has ${10_000 - weight}`;
    const isReturning = valueAt(release, "status", "returning") !== undefined;
    if (!isReturning) {
      const isLess = former !== undefined && former > 0 && weight < former;
      return isLess ? `${about} instead of ${10_000 - former}, and nothing goes back` : undefined;
    }
    if (former !== undefined && weight > former) return `${about}, and what goes back comes again`;
    if (!facts.isCalm || former === undefined || weight === former) return undefined;
    const short = shortPool(after, 10_000 - weight, facts);
    return short === undefined ? undefined : `${about}, and its pool ${short} does not carry that`;
  },
};

function releaseOf(deployment: KubeObject, actor: string, facts: Facts): KubeObject | undefined {
  const name = asString(valueAt(deployment, "status", "rollout", "name"));
  const { namespace = "" } = deployment.metadata;
  return name === undefined ? undefined : facts.releaseSeenBy(actor, namespace, name);
}

/** Of the revision that is the candidate now. */
function candidateWeight(deployment: KubeObject | undefined): number | undefined {
  if (deployment === undefined) return undefined;
  const candidate = valueAt(deployment, "status", "revisions", "candidate");
  const arm = storedPlan(deployment)?.arms.find(({ name }) => name === "Candidate");
  return arm?.pools[0]?.revision === candidate ? arm?.weight : undefined;
}

/** A pool of stable that lacks ready replicas for a share; undefined when none does. */
function shortPool(object: KubeObject, weight: number, { world }: Facts): string | undefined {
  const { deployment } = readModelDeployment(object);
  if (deployment === undefined) return undefined;
  const { metadata, spec, status } = deployment;
  const readyIn = (pool: string) =>
    world.objects("Pod").filter((pod) => {
      const { namespace, labels = {} } = pod.metadata;
      return (
        namespace === metadata.namespace &&
        labels[LABEL.modelDeployment] === metadata.name &&
        labels[LABEL.modelRevision] === status.revisions?.stable &&
        labels[LABEL.pool] === pool &&
        isReady(pod)
      );
    }).length;
  // A share that is carried is rounded up, by less than a part of 10,000.
  return spec.pools.find(
    (pool) => readyIn(pool.name) < Math.floor((weight * desiredReplicas(spec, pool)) / 10_000),
  )?.name;
}
