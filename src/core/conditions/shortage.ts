/**
 * Why model servers are short of replicas, in one sentence for people and one reason for tools. Pure.
 *
 * The scheduler's and the kubelet's own words are passed on; it never says that nothing is wrong where a pod has trouble.
 */
import type { ConditionReason } from "../../api/conditions.ts";
import type { PlannedModelServers } from "../capacity/plan-capacity.ts";
import { observedServers } from "../model-servers.ts";
import type { Observation, ObservedPod, ObservedRevision, PodTrouble } from "../observation.ts";
import { type PlannedPods, type PodPlan, templateIdOf } from "../pods/plan-pods.ts";
import { mostUrgentTrouble, podsOf } from "../readiness.ts";

const REASON_OF_TROUBLE: Readonly<Record<PodTrouble["type"], ConditionReason>> = {
  FetchFailed: "FetchFailed",
  ExecutionProviderMissing: "ExecutionProviderMissing",
  ModelNotLoaded: "ModelNotLoaded",
  Unschedulable: "WaitingForCapacity",
  ContainerWaiting: "ReplicasNotReady",
};

/** What is missing. */
export interface Shortage {
  readonly reason: ConditionReason;
  readonly message: string;
}

/**
 * Why the model servers of one pool are short of replicas, or undefined when they are not. A replica that was made
 * from a former template serves, but is not what the spec asks for.
 */
export function shortageOf(observation: Observation, planned: PlannedPods): Shortage | undefined {
  const { revision, pool, replicas } = planned.servers;
  const pods = podsOf(observation, revision.name, pool.name);
  const readyPods = pods.filter((pod) => pod.isReady);
  const current = readyPods.filter((pod) => pod.templateId === templateIdOf(planned.template));
  if (current.length >= replicas) return undefined;
  const isShort = readyPods.length < replicas;
  const count = isShort
    ? `pool ${pool.name}: ${readyPods.length} of ${replicas} replicas are ready`
    : `pool ${pool.name}: ${current.length} of ${replicas} replicas are as the spec asks for by now, others still serve`;
  const found = whyShort(observation, planned.servers);
  const ordinary = isShort ? "ReplicasNotReady" : "ReplacingReplicas";
  return {
    reason: found.find((shortage) => !isOrdinary(shortage))?.reason ?? ordinary,
    message: [count, ...found.map(({ message }) => message)].join("; "),
  };
}

/** What keeps model servers from having all their replicas, one for each cause; of what is just on its way nothing. */
export function whyShort(
  observation: Observation,
  servers: Pick<PlannedModelServers, "revision" | "pool">,
): readonly Shortage[] {
  const pods = podsOf(observation, servers.revision.name, servers.pool.name);
  return [...podTrouble(pods), ...podRefusal(observation, servers)];
}

function podTrouble(pods: readonly ObservedPod[]): readonly Shortage[] {
  const trouble = mostUrgentTrouble(pods);
  if (trouble === undefined) return [];
  const verb = trouble.type === "Unschedulable" ? "cannot be scheduled" : "cannot start";
  const message = `${trouble.podCount} ${verb}: ${trouble.message}`;
  return [{ reason: REASON_OF_TROUBLE[trouble.type], message }];
}

/** Pods that do not even exist, so that nothing can be told of them one by one. */
function podRefusal(
  observation: Observation,
  servers: Pick<PlannedModelServers, "revision" | "pool">,
): readonly Shortage[] {
  const refusal = observedServers(observation, servers)?.podRefusal;
  return refusal === undefined ? [] : [{ reason: "PodsRefused", message: `pods are refused: ${refusal}` }];
}

/** That of each pool of a revision that is short. */
export function shortagesOf(
  observation: Observation,
  { pods }: PodPlan,
  revision: ObservedRevision,
): readonly Shortage[] {
  return pods
    .filter(({ servers }) => servers.revision.name === revision.name)
    .flatMap((planned) => shortageOf(observation, planned) ?? []);
}

/** Whether replicas are just on their way, without any trouble. */
export function isOrdinary({ reason }: Shortage): boolean {
  return reason === "ReplicasNotReady" || reason === "ReplacingReplicas";
}

/** One shortage for all: the first pool's reason leads, every pool's message is told. */
export function combined(shortages: readonly Shortage[]): Shortage | undefined {
  const [first] = shortages;
  if (first === undefined) return undefined;
  const telling = shortages.find((shortage) => !isOrdinary(shortage)) ?? first;
  return { reason: telling.reason, message: shortages.map((shortage) => shortage.message).join("; ") };
}
