/**
 * What `petrel status NAME` says, as data: put together from the objects that were read. Pure.
 *
 * Programs read it (`-o json`), so fields are only ever added.
 */
import { asList, asString, valueAt } from "../../api/json.ts";
import type { KubeObject } from "../../api/kube-object.ts";
import { RESOURCE } from "../../api/kube-resources.ts";
import { ANNOTATION, COMPONENT, LABEL, SLICE_MANAGER } from "../../api/names.ts";
import { FULL_WEIGHT } from "../../api/traffic-plan.ts";
import { podConditionStatus, podTrouble } from "../../core/pods/pod-trouble.ts";
import { type DeploymentObject, deploymentObject } from "../deployment-object.ts";
import type { ReadObjects, Source } from "../followed-objects.ts";
import { modelRevisionSelector, modelRevisionsOf, roleOf } from "../model-revisions.ts";
import { rolloutSelector, rolloutsOf } from "../rollout/rollout-object.ts";
import { attentionOf } from "./attention.ts";

/** What is read of one ModelDeployment. */
export type StatusSource =
  | "modelDeployments"
  | "rollouts"
  | "revisions"
  | "slices"
  | "routers"
  | "pods"
  | "events";

/** Events that are shown, newest first. */
const EVENT_COUNT = 8;

/** What to read of one ModelDeployment. */
export function statusSources(namespace: string, name: string): readonly Source<StatusSource>[] {
  const labelled = (labelSelector: string) => ({ namespace, labelSelector });
  const own = `${LABEL.modelDeployment}=${name}`;
  const fields = `regarding.kind=${RESOURCE.modelDeployment.kind},regarding.name=${name}`;
  const rest = { mayBeForbidden: true };
  return [
    {
      name: "modelDeployments",
      resource: RESOURCE.modelDeployment,
      scope: { namespace, fieldSelector: `metadata.name=${name}` },
      mayBeForbidden: false,
    },
    {
      name: "revisions",
      resource: RESOURCE.controllerRevision,
      scope: labelled(modelRevisionSelector(name)),
      ...rest,
    },
    { name: "rollouts", resource: RESOURCE.modelRollout, scope: labelled(rolloutSelector(name)), ...rest },
    {
      name: "slices",
      resource: RESOURCE.endpointSlice,
      scope: labelled(`${SLICE_MANAGER.label}=${SLICE_MANAGER.value},${own}`),
      ...rest,
    },
    {
      name: "routers",
      resource: RESOURCE.pod,
      scope: labelled(`${LABEL.component}=${COMPONENT.router}`),
      ...rest,
    },
    { name: "pods", resource: RESOURCE.pod, scope: labelled(own), ...rest },
    { name: "events", resource: RESOURCE.event, scope: { namespace, fieldSelector: fields }, ...rest },
  ];
}

/** The view; undefined when the ModelDeployment is not there. */
export function deploymentView({ objects, forbidden }: ReadObjects<StatusSource>, nowMilliseconds: number) {
  const [object] = objects.modelDeployments;
  if (object === undefined) return undefined;
  const deployment = deploymentObject(object);
  const { namespace, name, status, generation } = deployment;
  return {
    namespace,
    name,
    createdAt: deployment.createdAt,
    ...attentionOf(deployment, nowMilliseconds),
    // The status may speak of a spec that has been changed since.
    isOfThisSpec: (status.observedGeneration ?? 0) >= generation,
    conditions: (status.conditions ?? []).map(({ observedGeneration: _, ...condition }) => condition),
    ...undoOf(deployment),
    revisions: revisionsOf(deployment, objects.revisions),
    rollout: rolloutOf(deployment, objects.rollouts),
    traffic: trafficOf(deployment),
    pools: (status.pools ?? []).map(({ revision, ...pool }) => ({
      ...pool,
      revision,
      role: roleOf(deployment, revision),
    })),
    routers: routersOf(deployment, objects.slices, objects.routers),
    failures: failuresOf(objects.pods),
    events: eventsOf(deployment, objects.events),
    notReadable: forbidden,
  };
}

/** What `petrel status NAME` says. */
export type DeploymentView = NonNullable<ReturnType<typeof deploymentView>>;

/** The undo that stands, and the latest request as far as it was refused. */
function undoOf({ status }: DeploymentObject) {
  const { undo } = status;
  if (undo === undefined) return {};
  const { request, refusal, standing } = undo;
  return {
    ...(standing === undefined ? {} : { undo: standing }),
    ...(refusal === undefined ? {} : { refusedUndo: { request, refusal } }),
  };
}

function revisionsOf(deployment: DeploymentObject, objects: readonly KubeObject[]) {
  const known = modelRevisionsOf(deployment, objects);
  const { stable, candidate, next } = deployment.status.revisions ?? {};
  return [stable, candidate, next].flatMap((name) => {
    if (name === undefined) return [];
    const revision = known.find((one) => one.name === name);
    const { uri, digest } = revision?.data.model ?? {};
    return [{ role: roleOf(deployment, name), name, madeAt: revision?.madeAt, uri, digest }];
  });
}

/** The latest release, while the spec asks for what it releases. */
function rolloutOf(deployment: DeploymentObject, objects: readonly KubeObject[]) {
  const { name } = deployment.status.rollout ?? {};
  const rollout = rolloutsOf(deployment, objects).find((one) => one.name === name);
  if (name === undefined || rollout === undefined) return undefined;
  const { spec, status } = rollout;
  const { phase, message, step, steps, weight, weightInEffectAt, nextCheckAt, returning, verdict } = status;
  return {
    name,
    revision: spec.revision,
    strategy: spec.strategy.type,
    ...{ phase, message, step, steps, weight, weightInEffectAt, nextCheckAt },
    paused: spec.paused === true,
    // What let an earlier step end is not the last word on a release that goes on, or was given up.
    gates: status.gates ?? (verdict?.outcome === "Promoted" ? status.passedGates : undefined) ?? [],
    history: status.history ?? [],
    ...(returning === undefined || verdict !== undefined ? {} : { returning }),
    ...(verdict === undefined ? {} : { verdict }),
  };
}

function trafficOf({ status }: DeploymentObject) {
  const { traffic, acknowledgedEpoch = 0 } = status;
  if (traffic === undefined) return undefined;
  const { port, timeout, perTryTimeout, epoch, arms, mirror } = traffic;
  return {
    port,
    timeout,
    perTryTimeout,
    plannedEpoch: epoch,
    acknowledgedEpoch,
    isInEffect: acknowledgedEpoch === epoch,
    arms: arms.map(({ name, weight, pools }) => ({
      name,
      weightPercent: (100 * weight) / FULL_WEIGHT,
      pools,
    })),
    ...(mirror === undefined
      ? {}
      : { mirror: { sharePercent: (100 * mirror.share) / FULL_WEIGHT, pools: mirror.pools } }),
  };
}

/** Routers by the reports that they keep, and pods of routers that keep none. */
function routersOf({ status }: DeploymentObject, slices: readonly KubeObject[], pods: readonly KubeObject[]) {
  const planned = status.traffic?.epoch ?? 0;
  const reports = slices.map(({ metadata, endpoints }) => {
    const endpoint = asList(endpoints)[0];
    const annotations = metadata.annotations ?? {};
    const epoch = Number(annotations[ANNOTATION.acknowledgedEpoch] ?? "0");
    const acknowledgedEpoch = Number.isSafeInteger(epoch) ? epoch : 0;
    const problem = annotations[ANNOTATION.rejection] ?? annotations[ANNOTATION.credentialProblem];
    return {
      name: asString(valueAt(endpoint, "targetRef", "name")) ?? metadata.name,
      takesRequests: endpoint !== undefined && valueAt(endpoint, "conditions", "ready") !== false,
      acknowledgedEpoch,
      lags: acknowledgedEpoch < planned,
      ...(problem === undefined ? {} : { problem }),
    };
  });
  const silent = pods
    .filter(({ metadata }) => !reports.some(({ name }) => name === metadata.name))
    .map((pod) => {
      const isReady = podConditionStatus(pod, "Ready") === "True";
      const problem = podTrouble(pod)?.message ?? (isReady ? "has not reported yet" : "is not ready");
      return { name: pod.metadata.name, takesRequests: false, acknowledgedEpoch: 0, lags: true, problem };
    });
  return [...reports, ...silent].toSorted((left, right) => (left.name < right.name ? -1 : 1));
}

/** Pods that something keeps from serving. Alike ones are told once, by one of them. */
function failuresOf(pods: readonly KubeObject[]) {
  const failures = new Map<
    string,
    { pod: string; pool: string; type: string; message: string; pods: number }
  >();
  for (const pod of pods) {
    const trouble = podTrouble(pod);
    if (trouble === undefined || pod.metadata.deletionTimestamp !== undefined) continue;
    const pool = pod.metadata.labels?.[LABEL.pool] ?? "";
    const key = JSON.stringify([pool, trouble]);
    const alike = failures.get(key);
    failures.set(key, { pod: pod.metadata.name, pool, ...trouble, pods: (alike?.pods ?? 0) + 1 });
  }
  return [...failures.values()];
}

function eventsOf({ uid }: DeploymentObject, objects: readonly KubeObject[]) {
  const word = (event: KubeObject, ...path: string[]) => asString(valueAt(event, ...path)) ?? "";
  return objects
    .filter((event) => [uid, undefined].includes(asString(valueAt(event, "regarding", "uid"))))
    .map((event) => ({
      at: word(event, "eventTime") || word(event, "metadata", "creationTimestamp"),
      type: word(event, "type"),
      reason: word(event, "reason"),
      note: word(event, "note"),
    }))
    .toSorted((left, right) => Date.parse(right.at) - Date.parse(left.at))
    .slice(0, EVENT_COUNT);
}
