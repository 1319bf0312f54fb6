/**
 * Decides about one ModelDeployment: a chain of planners over one observation, and the writes that follow from
 * their plans.
 *
 * Pure. The order of the planners is the order in which one may rely on another: revision, capacity, traffic,
 * conditions. It must never say twice what a planner says once.
 */

import { childName } from "../api/child-name.ts";
import { contentHash } from "../api/content-hash.ts";
import type { KubeObject, ObjectReference } from "../api/kube-object.ts";
import { RESOURCE } from "../api/kube-resources.ts";
import type { ModelDeploymentStatus, PoolStatus } from "../api/model-deployment-status.ts";
import { LABEL } from "../api/names.ts";
import {
  controllerRevision,
  modelServerAccount,
  modelServersBudget,
  trafficService,
} from "../render/model-deployment-children.ts";
import { modelServerLabels, modelServersDeployment } from "../render/model-servers.ts";
import { type CapacityPlan, type PlannedModelServers, planCapacity } from "./capacity/plan-capacity.ts";
import { planConditions, shortageOf } from "./conditions/plan-conditions.ts";
import type { Decision, RemoveIntent, ScaleIntent } from "./decision.ts";
import { eventsBetween } from "./events-between.ts";
import type { Observation, ObservedModelServers } from "./observation.ts";
import { podsOf, readyReplicas } from "./readiness.ts";
import { poolModel } from "./revision/model-revision.ts";
import { planRevisions, type RevisionPlan } from "./revision/plan-revisions.ts";
import { acknowledgedEpoch } from "./traffic/acknowledged-epoch.ts";
import { planTraffic } from "./traffic/plan-traffic.ts";

/**
 * What was refused is tried again after this time though nothing changed: an admission policy that is mended, or a
 * name that becomes free, is told to nobody.
 */
const REFUSAL_RETRY_MILLISECONDS = 60_000;

/** Name of the Deployment of one revision in one pool, and of its disruption budget. */
export function modelServersName(deploymentName: string, pool: string, revision: string): string {
  return childName(deploymentName, pool, contentHash([deploymentName, pool, revision]));
}

function serviceAccountName(deploymentName: string): string {
  return childName(deploymentName, "model-server");
}

function observedServers(
  observation: Observation,
  planned: PlannedModelServers,
): ObservedModelServers | undefined {
  return observation.modelServers.find(
    (servers) => servers.revision === planned.revision.name && servers.pool === planned.pool.name,
  );
}

/**
 * What `spec.replicas` of the applied Deployment holds: nothing once somebody owns the field; before that what
 * stands there, so that leaving it out cannot reset it; and 0 for a new one, which is sized after it is made.
 */
function appliedReplicas(observed: ObservedModelServers | undefined): { replicas?: number } {
  if (observed === undefined) return { replicas: 0 };
  return observed.replicasAreUnclaimed ? { replicas: observed.replicas } : {};
}

function modelServerObjects(observation: Observation, planned: PlannedModelServers): readonly KubeObject[] {
  const { metadata } = observation.deployment;
  const { revision, pool } = planned;
  const name = modelServersName(metadata.name, pool.name, revision.name);
  return [
    modelServersBudget(metadata, name, modelServerLabels(metadata, revision.name, pool.name)),
    modelServersDeployment({
      owner: metadata,
      name,
      revision: revision.name,
      model: poolModel(revision.data, pool.name),
      runtime: revision.data.runtime,
      pool,
      serviceAccountName: serviceAccountName(metadata.name),
      image: observation.settings.image,
      imagePullPolicy: observation.settings.imagePullPolicy,
      ...appliedReplicas(observedServers(observation, planned)),
    }),
  ];
}

function objectsToApply(
  observation: Observation,
  revisions: RevisionPlan,
  capacity: CapacityPlan,
  trafficPort: number,
): readonly KubeObject[] {
  const { metadata } = observation.deployment;
  const { desired, desiredIsNew } = revisions;
  return [
    ...(desiredIsNew ? [controllerRevision(metadata, desired.name, desired.number, desired.data)] : []),
    modelServerAccount(metadata, serviceAccountName(metadata.name)),
    trafficService(metadata, trafficPort),
    ...capacity.modelServers.flatMap((planned) => modelServerObjects(observation, planned)),
  ];
}

function scales(observation: Observation, capacity: CapacityPlan): readonly ScaleIntent[] {
  const { name, namespace } = observation.deployment.metadata;
  return capacity.modelServers.flatMap((planned) => {
    const observed = observedServers(observation, planned);
    if (planned.isHeld) return [];
    if (observed?.replicas === planned.scaleTo && !observed.replicasAreUnclaimed) return [];
    return [
      {
        name: modelServersName(name, planned.pool.name, planned.revision.name),
        namespace,
        replicas: planned.scaleTo,
      },
    ];
  });
}

function removals(
  observation: Observation,
  revisions: RevisionPlan,
  capacity: CapacityPlan,
): readonly RemoveIntent[] {
  const { namespace } = observation.deployment.metadata;
  const reference = (resource: ObjectReference["resource"], name: string) => ({ resource, name, namespace });
  return [
    ...capacity.retired.flatMap((servers) => [
      // What is retired is found by its Deployment, so the Deployment goes last.
      { reference: reference(RESOURCE.podDisruptionBudget, servers.name) },
      { reference: reference(RESOURCE.deployment, servers.name), uid: servers.uid },
    ]),
    ...revisions.surplus.map((name) => ({ reference: reference(RESOURCE.controllerRevision, name) })),
  ];
}

function poolStatus(observation: Observation, planned: PlannedModelServers): PoolStatus {
  const ready = readyReplicas(observation, planned.revision.name, planned.pool.name);
  const shortage = shortageOf(observation, planned);
  return {
    name: planned.pool.name,
    revision: planned.revision.name,
    replicas: planned.replicas,
    readyReplicas: Math.min(ready, planned.replicas),
    ...(shortage === undefined ? {} : { message: shortage.message.slice(0, 1024) }),
  };
}

/** What autoscalers read: the pods of stable's first pool, so that a candidate never moves the average. */
function scaleStatus(observation: Observation, revisions: RevisionPlan) {
  const firstPool = observation.deployment.spec.pools[0]?.name ?? "";
  return {
    replicas: podsOf(observation, revisions.stable.name, firstPool).length,
    selector: [
      `${LABEL.modelDeployment}=${observation.deployment.metadata.name}`,
      `${LABEL.pool}=${firstPool}`,
      `${LABEL.modelRevision}=${revisions.stable.name}`,
    ].join(","),
  };
}

/**
 * Decides about one ModelDeployment, which must not be one that is being deleted: its children would come back as
 * fast as the garbage collector takes them. Throws when every traffic port of its namespace is taken.
 */
export function decide(observation: Observation): Decision {
  const { metadata, status: reported } = observation.deployment;
  const revisions = planRevisions(observation);
  const capacity = planCapacity(observation, revisions);
  const traffic = planTraffic(observation, revisions, capacity);
  const conditions = planConditions(observation, { revisions, capacity, traffic });

  const status: ModelDeploymentStatus = {
    observedGeneration: metadata.generation,
    ...scaleStatus(observation, revisions),
    conditions,
    revisions: {
      stable: revisions.stable.name,
      ...(revisions.candidate === undefined ? {} : { candidate: revisions.candidate.name }),
    },
    pools: capacity.modelServers.map((planned) => poolStatus(observation, planned)),
    traffic,
    acknowledgedEpoch: acknowledgedEpoch(observation),
  };
  const wasRefused = (observation.refusals?.length ?? 0) > 0;
  return {
    status,
    ...(wasRefused ? { wakeAtMilliseconds: observation.nowMilliseconds + REFUSAL_RETRY_MILLISECONDS } : {}),
    apply: objectsToApply(observation, revisions, capacity, traffic.port),
    scale: scales(observation, capacity),
    remove: removals(observation, revisions, capacity),
    events: eventsBetween(reported, status),
  };
}
