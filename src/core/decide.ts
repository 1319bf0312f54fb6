/**
 * Decides about one ModelDeployment: a chain of planners over one observation, and the writes that follow from
 * their plans.
 *
 * Pure. The order of the planners is the order in which one may rely on another: autoscaling, anomalies, undo, revision,
 * validation, rollout, experiment, drill, capacity, pods, traffic, conditions. It must never say twice what a planner says
 * once.
 */

import { valueAt } from "../api/json.ts";
import type { KubeObject, ResourceType } from "../api/kube-object.ts";
import { RESOURCE } from "../api/kube-resources.ts";
import type { ModelDeploymentSpec } from "../api/model-deployment-spec.ts";
import type { ModelDeploymentStatus } from "../api/model-deployment-status.ts";
import {
  controllerRevision,
  modelRollout,
  modelServerAccount,
  modelServersBudget,
  modelServersPolicy,
  modelServersService,
  podRevision,
  rolloutPause,
  trafficService,
} from "../render/model-deployment-children.ts";
import { modelServersDeployment } from "../render/model-servers/deployment.ts";
import { modelServerLabels } from "../render/model-servers/model-servers-input.ts";
import { planAnomalies, withPause } from "./anomaly/plan-anomalies.ts";
import { AUTOSCALER_RESOURCES, autoscalerOf } from "./autoscaling/plan-autoscaler.ts";
import { heldAutoscaling, planAutoscaling, withReplicas } from "./autoscaling/plan-autoscaling.ts";
import { type CapacityPlan, planCapacity } from "./capacity/plan-capacity.ts";
import {
  modelServerAccountName,
  modelServersGroupName,
  modelServersName,
  probersGroupName,
} from "./child-names.ts";
import type { Plans } from "./conditions/plan-conditions.ts";
import type { Decision, EventIntent, RemoveIntent, ScaleIntent } from "./decision.ts";
import { eventsOfDrill } from "./drill/events-of-drill.ts";
import { type DrillPlan, planDrill, withoutDrill } from "./drill/plan-drill.ts";
import { proberObjects } from "./drill/prober-objects.ts";
import { eventsBetween, eventsOfRollout } from "./events-between.ts";
import { eventsOfExperiment } from "./experiment/events-of-experiment.ts";
import { type ExperimentPlan, heldExperiment, planExperiment } from "./experiment/plan-experiment.ts";
import { observedServers } from "./model-servers.ts";
import type { Observation, ObservedModelServers } from "./observation.ts";
import { type PlannedPods, planPods } from "./pods/plan-pods.ts";
import type { PodRevisionData } from "./pods/pod-revision.ts";
import { replacementOf } from "./pods/replacement.ts";
import { reportedStatus } from "./reported-status.ts";
import { heldRevisions, planRevisions, type RevisionPlan } from "./revision/plan-revisions.ts";
import { statedRevision } from "./revision/stated-revision.ts";
import { heldRollout, planRollout } from "./rollout/plan-rollout.ts";
import { planTraffic } from "./traffic/plan-traffic.ts";
import { isTargetLost, lostTargetStatus } from "./undo/lost-target.ts";
import { heldUndo, planUndo } from "./undo/plan-undo.ts";
import { heldValidation, planValidation } from "./validation/plan-validation.ts";
import { wantedJobs } from "./validation/wanted-jobs.ts";

/**
 * What was refused is tried again after this time though nothing changed: an admission policy that is mended, or a
 * name that becomes free, is told to nobody.
 */
const REFUSAL_RETRY_MILLISECONDS = 60_000;

/**
 * What `spec.replicas` of the applied Deployment holds: nothing once somebody owns the field; before that what
 * stands there, so that leaving it out cannot reset it; and 0 for a new one, which is sized after it is made.
 */
function appliedReplicas(observed: ObservedModelServers | undefined): { replicas?: number } {
  if (observed === undefined) return { replicas: 0 };
  return observed.replicasAreUnclaimed ? { replicas: observed.replicas } : {};
}

function modelServerObjects(observation: Observation, planned: PlannedPods): readonly KubeObject[] {
  const { metadata } = observation.deployment;
  const { servers, template } = planned;
  const { revision, pool } = servers;
  const name = modelServersName(metadata.name, pool.name, revision.name);
  const labels = modelServerLabels(metadata, revision.name, pool.name);
  const data: PodRevisionData = { inputs: planned.inputsHash, template };
  return [
    modelServersBudget(metadata, name, labels),
    // Before any pod is made from it, the template is kept: whatever operator comes next will find it.
    ...(planned.isNew ? [podRevision(metadata, planned.name, planned.number, labels, data)] : []),
    modelServersDeployment({
      owner: metadata,
      name,
      revision: revision.name,
      pool,
      podRevision: planned.name,
      template,
      replacement: replacementOf(observation, servers),
      ...appliedReplicas(observedServers(observation, servers)),
    }),
  ];
}

/** Whether model servers have a sidecar: one that observes, or one that stands before a container of the user's. */
function hasSidecars({ quality, runtime }: ModelDeploymentSpec): boolean {
  return quality?.observe !== undefined || (quality !== undefined && runtime.name === "container");
}

function objectsToApply(
  observation: Observation,
  { autoscaling, revisions, validation, rollout, experiment, drill, capacity, pods, traffic }: Plans,
): readonly KubeObject[] {
  const { metadata, spec } = observation.deployment;
  const { stated } = revisions;
  const group = modelServersGroupName(metadata.name);
  return [
    ...(stated.isNew
      ? [controllerRevision(metadata, stated.revision.name, stated.revision.number, stated.revision.data)]
      : []),
    ...(experiment.planned?.newRevisions ?? []).map(({ name, number, data }) =>
      controllerRevision(metadata, name, number, data),
    ),
    ...(autoscaling.memory === undefined ? [] : [autoscaling.memory]),
    ...(autoscaling.autoscaler === undefined ? [] : [autoscaling.autoscaler]),
    ...(rollout.wanted === undefined
      ? []
      : [modelRollout(metadata, rollout.wanted.name, rollout.wanted.spec)]),
    ...(spec.serviceAccountName === undefined
      ? [modelServerAccount(metadata, modelServerAccountName(metadata.name))]
      : []),
    trafficService(metadata, traffic),
    modelServersService(metadata, group),
    // Before any pod that it is for.
    modelServersPolicy(metadata, group, observation.settings.metricsScrapers, hasSidecars(spec)),
    ...pods.pods.flatMap((planned) => modelServerObjects(observation, planned)),
    ...wantedJobs(observation, validation),
    ...proberObjects(observation, drill),
    // A person who deletes one of these is made up for as long as requests reach what it protects.
    ...capacity.leaving.map(({ name, revision, pool }) =>
      modelServersBudget(metadata, name, modelServerLabels(metadata, revision, pool)),
    ),
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

/** Whether the spec names another ServiceAccount, and no pod will be made with ours any more. */
function accountIsLeftOver({ deployment, modelServers, standing }: Observation): boolean {
  const ours = modelServerAccountName(deployment.metadata.name);
  return (
    deployment.spec.serviceAccountName !== undefined &&
    standing.has(`${RESOURCE.serviceAccount.kind}/${ours}`) &&
    modelServers.every(({ template }) => valueAt(template, "spec", "serviceAccountName") !== ours)
  );
}

function removalOf(
  { standing, deployment }: Observation,
  resource: ResourceType,
  name: string,
): readonly RemoveIntent[] {
  const uid = standing.get(`${resource.kind}/${name}`);
  const { namespace } = deployment.metadata;
  return uid === undefined ? [] : [{ reference: { resource, name, namespace }, uid }];
}

/** What is left of probers that nobody needs. */
function proberRemovals(observation: Observation, { prober, surplus }: DrillPlan): readonly RemoveIntent[] {
  const group = probersGroupName(observation.deployment.metadata.name);
  return [
    ...surplus.flatMap((job) => removalOf(observation, RESOURCE.job, job)),
    ...(prober === undefined ? removalOf(observation, RESOURCE.networkPolicy, group) : []),
  ];
}

function removals(
  observation: Observation,
  { autoscaling, revisions, validation, rollout, experiment, drill, capacity, pods }: Plans,
): readonly RemoveIntent[] {
  const { standing, deployment } = observation;
  const { name } = deployment.metadata;
  const removal = (resource: ResourceType, name: string) => removalOf(observation, resource, name);
  const arms = new Set(experiment.planned?.arms.map(({ revision }) => revision.name));
  const serversNames = new Set([
    ...observation.modelServers.map((servers) => servers.name),
    ...capacity.modelServers.map(({ pool, revision }) => modelServersName(name, pool.name, revision.name)),
  ]);
  // A kill between the two applies, or a person who deletes the one, leaves a budget of nothing.
  const budgets = `${RESOURCE.podDisruptionBudget.kind}/`;
  // An autoscaler of a former owner goes first: until then there would be two.
  const owner =
    deployment.spec.autoscaling === undefined ? undefined : autoscalerOf(deployment.spec.autoscaling);
  const formerAutoscalers = AUTOSCALER_RESOURCES.filter((resource) => resource !== owner);
  const emptyBudgets = [...standing.keys()]
    .filter((child) => child.startsWith(budgets) && !serversNames.has(child.slice(budgets.length)))
    .map((child) => child.slice(budgets.length));
  return [
    ...formerAutoscalers.flatMap((resource) => removal(resource, name)),
    ...capacity.retired.flatMap((servers) => [
      // What is retired is found by its Deployment, so the Deployment goes last.
      ...removal(RESOURCE.podDisruptionBudget, servers.name),
      ...removal(RESOURCE.deployment, servers.name),
    ]),
    ...emptyBudgets.flatMap((budget) => removal(RESOURCE.podDisruptionBudget, budget)),
    ...(accountIsLeftOver(observation) ? removal(RESOURCE.serviceAccount, modelServerAccountName(name)) : []),
    ...rollout.surplus.flatMap((name) => removal(RESOURCE.modelRollout, name)),
    ...validation.surplus.flatMap((name) => removal(RESOURCE.job, name)),
    ...proberRemovals(observation, drill),
    ...[
      ...revisions.surplus.filter((name) => !arms.has(name)),
      ...pods.surplus,
      ...autoscaling.surplus,
    ].flatMap((name) => removal(RESOURCE.controllerRevision, name)),
  ];
}

/**
 * Decides about one ModelDeployment, which must not be one that is being deleted: its children would come back as
 * fast as the garbage collector takes them. Throws when every traffic port of its namespace is taken.
 */
export function decide(seen: Observation): Decision {
  const isSuspended = seen.deployment.spec.suspend === true;
  const autoscaling = isSuspended ? heldAutoscaling(seen) : planAutoscaling(seen);
  // From here on there is one number of replicas, whoever says it.
  const observation = withReplicas(seen, autoscaling);
  const stated = statedRevision(observation);
  const anomalies = planAnomalies(observation, stated);
  const undo = isSuspended ? heldUndo(observation, stated) : planUndo(observation, stated, anomalies.undo);
  if (isTargetLost(undo)) {
    const halted = haltedDrill(observation, "UndoTargetLost", "nobody knows what an undo goes back to");
    return decideNothing(observation, lostTargetStatus(observation, undo), halted, undo.events);
  }
  const suspended = () => haltedDrill(observation, "Suspended", "the ModelDeployment is suspended");
  return isSuspended
    ? decideNothing(observation, suspendedStatus(observation, { anomalies, undo, autoscaling }), suspended())
    : decideWrites(withPause(observation, anomalies), { anomalies, undo, autoscaling });
}

/** It is looked at, and nothing else, but that a drill ends: what it asked for would stay as well, and so would its prober. */
function decideNothing(
  observation: Observation,
  held: ModelDeploymentStatus,
  drill: DrillPlan,
  events: readonly EventIntent[] = [],
): Decision {
  const { drill: _turn, traffic, ...rest } = held;
  const status = {
    ...rest,
    ...(traffic === undefined ? {} : { traffic: withoutDrill(traffic) }),
    ...(drill.reference === undefined ? {} : { drill: drill.reference }),
  };
  return {
    rollouts: [],
    experiments: [],
    drills: drill.reports,
    status,
    apply: [],
    scale: [],
    remove: proberRemovals(observation, drill),
    events: [
      ...events,
      ...drill.reports.flatMap(eventsOfDrill),
      ...eventsBetween(observation.deployment.status, status),
    ],
  };
}

/** What is planned before roles are. */
type FirstPlans = Pick<Plans, "autoscaling" | "anomalies" | "undo">;

/** A drill ends where nothing is decided. */
function haltedDrill(observation: Observation, reason: string, message: string): DrillPlan {
  return planDrill(observation, { alarms: [], halt: { reason, message } });
}

/** A suspended ModelDeployment: roles and traffic stay as they were reported. */
function suspendedStatus(observation: Observation, first: FirstPlans): ModelDeploymentStatus {
  const { traffic } = observation.deployment.status;
  const revisions = heldRevisions(observation, first.undo);
  const rollout = heldRollout(observation, revisions);
  const validation = heldValidation(observation, revisions);
  const experiment = heldExperiment(observation);
  const drill = { reports: [], surplus: [] };
  const plans = makePlans(observation, { ...first, revisions, validation, rollout, experiment, drill });
  const held = traffic === undefined ? plans : { ...plans, traffic };
  const { traffic: _planned, observedRefresh: _asked, ...rest } = reportedStatus(observation, held);
  const { observedRefresh: obeyed } = observation.deployment.status;
  return {
    ...rest,
    ...(traffic === undefined ? {} : { traffic }),
    ...(obeyed === undefined ? {} : { observedRefresh: obeyed }),
  };
}

function decideWrites(observation: Observation, first: FirstPlans): Decision {
  const { anomalies, undo, autoscaling } = first;
  const revisions = planRevisions(observation, undo);
  const validation = planValidation(observation, revisions);
  const rollout = planRollout(observation, revisions);
  const experiment = planExperiment(observation, revisions);
  const alarms = (anomalies.status?.alarms ?? []).map(({ series }) => series);
  const drill = planDrill(observation, { underWay: movementOf(revisions, experiment), alarms });
  const plans = makePlans(observation, { ...first, revisions, validation, rollout, experiment, drill });
  const status = reportedStatus(observation, plans);
  const { question } = experiment;
  const gateQuestions =
    question === undefined ? rollout.gateQuestions : [...(rollout.gateQuestions ?? []), question];
  const wasRefused = (observation.refusals?.length ?? 0) > 0;
  const wakeAts = [
    ...(wasRefused ? [observation.nowMilliseconds + REFUSAL_RETRY_MILLISECONDS] : []),
    ...[plans.rollout, validation, experiment, drill, autoscaling].flatMap(
      ({ wakeAtMilliseconds }) => wakeAtMilliseconds ?? [],
    ),
  ];
  return {
    rollouts: plans.rollout.reports,
    experiments: experiment.reports,
    drills: drill.reports,
    status,
    ...(wakeAts.length === 0 ? {} : { wakeAtMilliseconds: Math.min(...wakeAts) }),
    apply: objectsToApply(observation, plans),
    scale: scales(observation, plans.capacity),
    ...(anomalies.pause === undefined
      ? {}
      : { pause: rolloutPause(observation.deployment.metadata.namespace, anomalies.pause) }),
    remove: removals(observation, plans),
    ...(gateQuestions === undefined ? {} : { gateQuestions }),
    ...(drill.prober === undefined ? {} : { probing: drill.prober.drill.uid }),
    events: [
      ...undo.events,
      ...plans.rollout.reports.flatMap(eventsOfRollout),
      ...experiment.reports.flatMap(eventsOfExperiment),
      ...drill.reports.flatMap(eventsOfDrill),
      ...eventsBetween(observation.deployment.status, status),
    ],
  };
}

/**
 * What moves, for people; undefined while the stable revision is what is worked towards, and no experiment has arms or is about
 * to get some. An experiment that only waits is in nobody's way.
 */
function movementOf(
  { stable, candidate, next, desired }: RevisionPlan,
  { reference, planned, shares }: ExperimentPlan,
): string | undefined {
  const moving = next?.revision ?? candidate ?? desired;
  if (moving.name !== stable.name) return `the release of ${moving.name}`;
  const hasArms = planned !== undefined || shares !== undefined;
  return hasArms && reference !== undefined ? `experiment ${reference.name}` : undefined;
}

function makePlans(observation: Observation, made: Omit<Plans, "capacity" | "pods" | "traffic">): Plans {
  const { revisions, rollout, experiment, drill } = made;
  const capacity = planCapacity(observation, revisions, rollout, experiment);
  const pods = planPods(observation, capacity);
  const traffic = planTraffic(observation, revisions, rollout, experiment, drill, capacity);
  return { ...made, capacity, pods, traffic };
}
