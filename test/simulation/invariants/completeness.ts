/**
 * At rest, everything of a ModelDeployment that could be made is there, once, and the status tells it as it is.
 *
 * It is told here a second time what the parts of a ModelDeployment are, in plain words and without the planners:
 * an error in them must not be an error here.
 */

import { valueAt } from "../../../src/api/json.ts";
import { jsonEquals } from "../../../src/api/json-equals.ts";
import type { KubeObject } from "../../../src/api/kube-object.ts";
import type { ModelDeployment } from "../../../src/api/model-deployment.ts";
import { LABEL, MANAGED_BY } from "../../../src/api/names.ts";
import { modelRevisionName, modelRevisionOf } from "../../../src/core/revision/model-revision.ts";
import { readModelDeployment } from "../../../src/operator/projections/model-deployment.ts";
import { isReady } from "../cluster/pod.ts";
import { isProber } from "../cluster/probers.ts";
import type { Facts } from "../facts.ts";
import { withStoredReplicas } from "../scaled-replicas.ts";
import { storedValidation } from "../validation-history.ts";
import type { RestInvariant } from "./invariant.ts";
import { obstacleTo } from "./obstacle.ts";
import { armsAtRest } from "./stored-experiment.ts";
import { replicasAtRest } from "./stored-release.ts";
import { storedUndo } from "./stored-undo.ts";

/** Revisions without a role or model servers whose records are kept. */
const HISTORY_LIMIT = 10;

/** Everything about all ModelDeployments that nothing keeps from being made. */
export const completeness: RestInvariant = {
  name: "everything is there, and the status tells it",
  problems(facts) {
    return facts.world.objects("ModelDeployment").flatMap((object) => {
      const { deployment } = readModelDeployment(object);
      if (deployment === undefined || object.metadata.deletionTimestamp !== undefined) return [];
      const { namespace, name } = object.metadata;
      return problemsOf(object, withStoredReplicas(deployment), facts).map(
        (problem) => `${namespace}/${name}: ${problem}`,
      );
    });
  },
};

function problemsOf(object: KubeObject, deployment: ModelDeployment, facts: Facts): readonly string[] {
  const obstacle = obstacleTo(deployment, facts);
  if (obstacle === "NameTaken" || obstacle === "Suspended" || obstacle === "UndoLost") return [];
  const always = [...timeoutProblems(deployment), ...recordProblems(object, deployment, facts)];
  if (obstacle === "NoRouters" || obstacle === "NoRoom") return always;
  return [
    ...always,
    ...budgetProblems(deployment, facts),
    ...jobProblems(deployment, facts),
    ...poolProblems(object, deployment, facts),
    ...scaleProblems(deployment, facts),
    ...epochProblems(object, deployment, facts),
    ...(obstacle === undefined ? planProblems(deployment) : []),
  ];
}

/** The plan says the time-outs of the newest spec; one try gets a third of the whole, at most half a second. */
function timeoutProblems({ spec, status }: ModelDeployment): readonly string[] {
  const { timeout, perTryTimeout } = status.traffic ?? {};
  if (timeout !== spec.traffic.timeout)
    return [`the plan's time-out is ${timeout}, not ${spec.traffic.timeout}`];
  if (spec.traffic.perTryTimeout !== undefined) return [];
  const whole = timeout.endsWith("ms") ? Number(timeout.slice(0, -2)) : Number(timeout.slice(0, -1)) * 1000;
  const wanted = `${Math.min(500, Math.floor(whole / 3))}ms`;
  return perTryTimeout === wanted ? [] : [`the plan's time for one try is ${perTryTimeout}, not ${wanted}`];
}

/** The newest spec is on record, as it is, and old records are few. */
function recordProblems(object: KubeObject, deployment: ModelDeployment, facts: Facts): readonly string[] {
  const { uid, namespace, name } = deployment.metadata;
  const data = modelRevisionOf(deployment.spec);
  const desired = modelRevisionName(name, data);
  const record = facts.world.find("ControllerRevision", namespace, desired);
  const owned = (kind: string) =>
    facts.world
      .objects(kind)
      .filter((child) => facts.ownerOf(child)?.metadata.uid === uid && isVisible(child))
      .filter((child) => !isProber(child));
  const { stable, candidate } = deployment.status.revisions ?? {};
  const inUse = new Set([
    ...[desired, stable, candidate, storedUndo(object)?.revision, storedValidation(object)?.baseline],
    ...owned("Deployment").map(({ metadata }) => metadata.labels?.[LABEL.modelRevision]),
  ]);
  // Records of pod templates say which pool they are for.
  const unused = owned("ControllerRevision").filter(
    ({ metadata: { name, labels = {} } }) =>
      labels[LABEL.pool] === undefined && labels[LABEL.component] === undefined && !inUse.has(name),
  );
  return [
    ...(record === undefined ? [`there is no record of ${desired}`] : []),
    ...(record !== undefined && !jsonEquals(valueAt(record, "data"), data)
      ? [`the record of ${desired} holds something else`]
      : []),
    ...(unused.length > HISTORY_LIMIT ? [`${unused.length} records are kept that nobody needs`] : []),
    ...(valueAt(object, "status", "observedGeneration") === undefined ? ["nothing was reported"] : []),
  ];
}

/** Model servers have a disruption budget each, and no budget stands without its model servers. */
function budgetProblems({ metadata: { uid } }: ModelDeployment, facts: Facts): readonly string[] {
  const names = (kind: string) =>
    facts.world
      .objects(kind)
      .filter((child) => facts.ownerOf(child)?.metadata.uid === uid && isVisible(child))
      .map(({ metadata }) => metadata.name)
      .sort();
  const [servers, budgets] = [names("Deployment"), names("PodDisruptionBudget")];
  return jsonEquals(servers, budgets)
    ? []
    : [
        `there are budgets for ${budgets.join(", ") || "nothing"}, model servers ${servers.join(", ") || "none"}`,
      ];
}

/** A Job stands only while somebody may want to read why its validation did not pass. */
function jobProblems({ metadata: { uid }, status }: ModelDeployment, facts: Facts): readonly string[] {
  const { job, outcome } = status.validation ?? {};
  return facts.world
    .objects("Job")
    .filter((child) => facts.ownerOf(child)?.metadata.uid === uid && isVisible(child))
    .filter(({ metadata }) => metadata.name !== job || outcome === "Passed")
    .map(({ metadata }) => `Job ${metadata.name} is left, which nobody needs`);
}

/** `status.pools` are the pools of the spec, for each role, then those of arms, with what is there. */
function poolProblems(
  object: KubeObject,
  { metadata, spec, status }: ModelDeployment,
  facts: Facts,
): readonly string[] {
  const { stable, candidate } = status.revisions ?? {};
  const wanted = [stable, candidate].flatMap((revision) =>
    revision === undefined
      ? []
      : spec.pools.map((pool, index) => {
          const all = index === 0 ? spec.replicas : (pool.replicas ?? 0);
          const replicas = replicasAtRest(object, revision, all, facts.world);
          const ready = podsOf(metadata, revision, pool.name, facts).filter(isReady).length;
          return { name: pool.name, revision, replicas, readyReplicas: Math.min(ready, replicas) };
        }),
  );
  const ofArms = armsAtRest(object, facts.world).map(({ revision, pool: name, replicas }) => {
    const ready = podsOf(metadata, revision, name, facts).filter(isReady).length;
    return { name, revision, replicas, readyReplicas: Math.min(ready, replicas) };
  });
  const told = (status.pools ?? []).map(({ name, revision, replicas, readyReplicas }) => ({
    name,
    revision,
    replicas,
    readyReplicas,
  }));
  const all = [...wanted, ...ofArms];
  return jsonEquals(told, all)
    ? []
    : [`status.pools is ${JSON.stringify(told)}, and there is ${JSON.stringify(all)}`];
}

/** What an autoscaler reads is of stable's first pool, and of both revisions' while traffic goes back from a holdback. */
function scaleProblems({ metadata, spec, status }: ModelDeployment, facts: Facts): readonly string[] {
  const { stable = "", candidate } = status.revisions ?? {};
  const isReturning = status.rollout?.returning !== undefined;
  const counted = isReturning && candidate !== undefined ? [stable, candidate] : [stable];
  const pool = spec.pools[0]?.name ?? "";
  const count = counted.reduce((sum, revision) => sum + podsOf(metadata, revision, pool, facts).length, 0);
  const parts = (status.selector ?? "").split(",").sort();
  const wanted = [
    `${LABEL.modelDeployment}=${metadata.name}`,
    ...(isReturning ? [] : [`${LABEL.modelRevision}=${stable}`]),
    `${LABEL.pool}=${pool}`,
  ].sort();
  return [
    ...(status.replicas === count
      ? []
      : [`status.replicas is ${status.replicas}, and there are ${count} pods`]),
    ...(jsonEquals(parts, wanted) ? [] : [`status.selector is ${status.selector}`]),
  ];
}

/** The status says what the routers carry out. */
function epochProblems(object: KubeObject, { status }: ModelDeployment, facts: Facts): readonly string[] {
  const epochs = facts.plansInEffect(object).map(({ epoch }) => epoch);
  const wanted = epochs.length === 0 ? 0 : Math.min(...epochs);
  return status.acknowledgedEpoch === wanted
    ? []
    : [`status.acknowledgedEpoch is ${status.acknowledgedEpoch}, the routers are at ${wanted}`];
}

/** All of the traffic goes to stable, through the pools of the spec in its order. */
function planProblems({ spec, status }: ModelDeployment): readonly string[] {
  const revision = status.revisions?.stable ?? "";
  const pools = spec.pools.flatMap((pool, index) => {
    const replicas = index === 0 ? spec.replicas : (pool.replicas ?? 0);
    return replicas === 0 ? [] : [{ pool: pool.name, revision, replicas }];
  });
  const wanted = [{ name: "Stable", weight: 10_000, pools }];
  const arms = status.traffic?.arms;
  return jsonEquals(arms, wanted)
    ? []
    : [`the plan is ${JSON.stringify(arms)}, not ${JSON.stringify(wanted)}`];
}

function podsOf(
  { namespace, name }: { readonly namespace: string; readonly name: string },
  revision: string,
  pool: string,
  { world }: Facts,
): readonly KubeObject[] {
  return world.objects("Pod").filter(({ metadata: { namespace: place, labels = {}, deletionTimestamp } }) => {
    const isOfPool = labels[LABEL.modelRevision] === revision && labels[LABEL.pool] === pool;
    const isOurs = place === namespace && labels[LABEL.modelDeployment] === name;
    return isOurs && isOfPool && deletionTimestamp === undefined;
  });
}

/** Without its label, nobody but the garbage collector knows any more whose a child is. */
function isVisible({ metadata }: KubeObject): boolean {
  return metadata.labels?.[LABEL.managedBy] === MANAGED_BY;
}
