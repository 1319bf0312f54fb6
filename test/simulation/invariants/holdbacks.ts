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
import { withStoredReplicas } from "../scaled-replicas.ts";
import type { Invariant } from "./invariant.ts";

/**
 * While the candidate has a share, stable has no more than it keeps, unless the release says that the traffic goes back;
 * what does so never comes again. While nothing goes wrong stable gets no more than its ready replicas carry, as long as
 * the candidate can answer.
 */
export const holdbackWeights: Invariant = {
  name: "never more than its share to either arm of a holdback, and back as replicas come",
  brokenBy({ actor, call, before, after }, facts) {
    if (after?.kind !== "ModelDeployment" || call?.subresource !== "status" || !isOperator(actor))
      return undefined;
    const candidate = asString(valueAt(before, "status", "revisions", "candidate"));
    const isHeldBack = valueAt(before, "status", "rollout", "heldBack") !== undefined;
    const hasTakenOver = valueAt(after, "status", "revisions", "stable") === candidate;
    if (before === undefined || candidate === undefined || !isHeldBack || hasTakenOver) return undefined;
    const [former, weight] = [weightOf(before, candidate), weightOf(after, candidate)];
    const goesOn = valueAt(after, "status", "rollout", "heldBack") !== undefined;
    if (isRemembered(before) && goesOn && !isRemembered(after))
      return `${after.metadata.name}: it is forgotten that the traffic of ${candidate} goes back`;
    if (former === 0 || weight === former) return undefined;
    const about = `${after.metadata.name}: ${candidate} gets ${weight} instead of ${former}`;
    const isReturning =
      valueAt(releaseOf(before, actor, facts), "status", "returning") !== undefined || isRemembered(before);
    if (weight > former) return isReturning ? `${about}, and that was on its way back` : undefined;
    if (weight > 0 && !isReturning) return `${about}, and nothing is on its way back`;
    if (!facts.isCalm || !answers(after, candidate, facts)) return undefined;
    const carried = tooLittle(after, 10_000 - weight, facts);
    return carried === undefined ? undefined : `${about}, and stable carries ${carried}`;
  },
};

/** Whether the ModelDeployment says that the traffic goes back: its ModelRollout may be deleted. */
function isRemembered(deployment: KubeObject): boolean {
  return valueAt(deployment, "status", "rollout", "returning") !== undefined;
}

function releaseOf(deployment: KubeObject, actor: string, facts: Facts): KubeObject | undefined {
  const name = asString(valueAt(deployment, "status", "rollout", "name"));
  const { namespace = "" } = deployment.metadata;
  return name === undefined ? undefined : facts.releaseSeenBy(actor, namespace, name);
}

function weightOf(deployment: KubeObject, revision: string): number {
  return (storedPlan(deployment)?.arms ?? [])
    .filter(({ pools }) => pools[0]?.revision === revision)
    .reduce((sum, { weight }) => sum + weight, 0);
}

function podsOf({ metadata }: KubeObject, revision: string, { world }: Facts): readonly KubeObject[] {
  return world.objects("Pod").filter((pod) => {
    const { namespace, labels = {}, deletionTimestamp } = pod.metadata;
    const isOurs = namespace === metadata.namespace && labels[LABEL.modelDeployment] === metadata.name;
    const isOfRevision = labels[LABEL.modelRevision] === revision && deletionTimestamp === undefined;
    return isOurs && isOfRevision;
  });
}

function readyPods(deployment: KubeObject, revision: string, facts: Facts): readonly KubeObject[] {
  return podsOf(deployment, revision, facts).filter(isReady);
}

function answers(deployment: KubeObject, revision: string, facts: Facts): boolean {
  return readyPods(deployment, revision, facts).length > 0;
}

/**
 * What stable's ready replicas carry, each pool being sized for all of the traffic, where that is too little. The last one
 * that finds no room counts: it gets that of the candidate's last one.
 */
function tooLittle(object: KubeObject, weight: number, facts: Facts): number | undefined {
  const { deployment } = readModelDeployment(object);
  if (deployment === undefined) return undefined;
  const { spec, status } = withStoredReplicas(deployment);
  const pods = podsOf(object, status.revisions?.stable ?? "", facts);
  const carried = spec.pools.reduce((sum, pool) => {
    const present = pods.filter(({ metadata }) => metadata.labels?.[LABEL.pool] === pool.name);
    const ready = present.filter(isReady).length;
    const wanted = desiredReplicas(spec, pool);
    const waits = present.some((pod) => valueAt(pod, "spec", "nodeName") === undefined);
    const inPool = waits && ready > 0 && ready === wanted - 1 ? wanted : ready;
    // Of each pool it is rounded up.
    return wanted === 0 ? sum : sum + Math.ceil((10_000 * inPool) / wanted);
  }, 0);
  return carried < weight ? carried : undefined;
}
