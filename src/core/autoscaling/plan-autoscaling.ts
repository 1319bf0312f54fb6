/**
 * Planner `autoscaling`: the one place that says how many replicas the first pool is to have, where a ModelDeployment scales by
 * its load. Every later planner sees that number as `spec.replicas`, so stable has it, and a candidate the part of it that its
 * share needs.
 *
 * It never writes `spec.replicas`, which Git, `kubectl scale` or a HorizontalPodAutoscaler own. Whoever takes over begins with
 * the replicas that there are, in both directions. What is not known of the load scales nothing in. The status changes with the
 * replicas that are asked for, and never with the load alone.
 */
import { type AutoscalingSpec, isScaledByPetrel } from "../../api/autoscaling.ts";
import type { AutoscalingStatus } from "../../api/autoscaling-status.ts";
import type { Condition, ConditionReason } from "../../api/conditions.ts";
import type { KubeObject } from "../../api/kube-object.ts";
import { loadMemoryRevision } from "../../render/model-deployment-children.ts";
import { reportedTime } from "../conditions/condition-words.ts";
import type { Observation } from "../observation.ts";
import { autoscalingSettings } from "./autoscaling-settings.ts";
import { expectedRate } from "./forecast/forecast-memory.ts";
import { loadMemory, type ObservedLoadMemory } from "./load-memory.ts";
import { type Recommendation, recommend } from "./recommend.ts";

/** What is decided, and what is to be told. */
export interface AutoscalingPlan {
  /** Replicas of the first pool; absent where `spec.replicas` says them. */
  readonly replicas?: number;
  readonly status?: AutoscalingStatus;
  readonly findings: readonly ScalingFinding[];
  /** The ControllerRevision in which what was learned of the load is kept, where there is more to keep. */
  readonly memory?: KubeObject;
  /** ControllerRevisions of that kind that are not needed any more. */
  readonly surplus: readonly string[];
  readonly wakeAtMilliseconds?: number;
}

/** A condition about it. */
export interface ScalingFinding {
  readonly type: "ScalingActive" | "ScalingLimited";
  readonly status: Condition["status"];
  readonly reason: ConditionReason;
  readonly message: string;
}

/** A schedule begins though nobody tells of the load. */
const LOOK_MILLISECONDS = 60_000;
/** So long after it began to ask, an operator does not say yet that nothing is known. */
const PATIENCE_MILLISECONDS = 120_000;
/** What `spec.replicas` becomes where a manifest stops to state it: no decision of anybody. */
const DEFAULT_REPLICAS = 1;

/** Decides. */
export function planAutoscaling(observation: Observation): AutoscalingPlan {
  const { spec } = observation.deployment;
  const { autoscaling } = spec;
  return autoscaling !== undefined && isScaledByPetrel(spec)
    ? planByLoad(observation, autoscaling)
    : planHandedBack(observation);
}

/** Everything stays as it was reported. */
export function heldAutoscaling({ deployment }: Observation): AutoscalingPlan {
  const { autoscaling: status, conditions = [] } = deployment.status;
  const findings = conditions.flatMap(({ type, status: holds, reason, message }) =>
    type === "ScalingActive" || type === "ScalingLimited"
      ? [{ type, status: holds, reason: reason as ConditionReason, message } as const]
      : [],
  );
  return {
    ...(status === undefined ? {} : { status, replicas: status.replicas }),
    findings: isScaledByPetrel(deployment.spec) ? findings : [],
    surplus: [],
  };
}

/** The observation as every later planner sees it. */
export function withReplicas(observation: Observation, { replicas }: AutoscalingPlan): Observation {
  const { deployment } = observation;
  if (replicas === undefined || replicas === deployment.spec.replicas) return observation;
  return { ...observation, deployment: { ...deployment, spec: { ...deployment.spec, replicas } } };
}

/**
 * The replicas that there are stay until somebody writes another number. A manifest that stops to state it leaves the default
 * there, which is nobody's decision.
 */
function planHandedBack({ deployment, nowMilliseconds, loadMemories = [] }: Observation): AutoscalingPlan {
  const { spec, status } = deployment;
  // What was learned serves again where Petrel takes over again.
  const kept = spec.autoscaling === undefined ? undefined : newestOf(loadMemories);
  const surplus = surplusBeside(kept, loadMemories);
  const rest = { findings: [], surplus };
  const before = status.autoscaling;
  if (before === undefined || before.replicas === spec.replicas) return rest;
  const isNew = before.because !== "HandedBack";
  const isStated = spec.replicas !== before.inPlaceOf && !(isNew && spec.replicas === DEFAULT_REPLICAS);
  if (isStated) return rest;
  const since = isNew ? reportedTime(nowMilliseconds) : before.since;
  const held = { replicas: before.replicas, since, because: "HandedBack", inPlaceOf: spec.replicas } as const;
  return { ...rest, status: held, replicas: held.replicas };
}

function planByLoad(observation: Observation, autoscaling: AutoscalingSpec): AutoscalingPlan {
  const { deployment, nowMilliseconds, load, loadMemories = [] } = observation;
  const { settings, unreadable } = autoscalingSettings(autoscaling);
  const before = stoodBefore(observation);
  const { minReplicas, maxReplicas } = settings;
  const asked = Math.min(maxReplicas, Math.max(minReplicas, before.replicas));
  const samples = load?.samples ?? [];
  const pool = deployment.spec.pools[0]?.name ?? "";
  const pods = observation.pods.filter((pod) => pod.pool === pool && !pod.isTerminating);
  const isForecast = autoscaling.forecast !== "None";
  const saved = newestOf(loadMemories);
  const memory = loadMemory(saved, {
    ...{ deployment: deployment.metadata.name, nowMilliseconds, samples, pods },
    revision: deployment.status.revisions?.stable ?? "",
    isForecast,
  });
  const { coldStartMilliseconds, serviceSeconds } = memory;
  const recommendation = recommend(settings, {
    ...{ nowMilliseconds, samples, coldStartMilliseconds, serviceSeconds, asked },
    askedSinceMilliseconds: Date.parse(before.since),
    ready: pods.filter(({ isReady }) => isReady).length,
    coming: pods.filter(({ isReady, trouble }) => !isReady && trouble?.type !== "Unschedulable").length,
    expectedRate: isForecast
      ? expectedRate(memory.forecast, nowMilliseconds, coldStartMilliseconds)
      : undefined,
  });
  // A schedule that cannot be read might ask for as many as there are.
  const replicas = Math.max(recommendation.replicas, unreadable.length > 0 ? asked : 0);
  const inPlaceOf = deployment.spec.replicas;
  const status: AutoscalingStatus =
    replicas === before.replicas
      ? { ...before, inPlaceOf, because: before.because === "HandedBack" ? "Start" : before.because }
      : { replicas, since: reportedTime(nowMilliseconds), because: recommendation.because, inPlaceOf };
  const { toSave } = memory;
  return {
    replicas,
    status,
    findings: [
      activeFinding(observation, recommendation, unreadable),
      limitedFinding(observation, recommendation, replicas, maxReplicas),
    ],
    ...(toSave === undefined
      ? {}
      : { memory: loadMemoryRevision(deployment.metadata, toSave.name, toSave.number, toSave.data) }),
    // The former one goes only once the next one was seen to stand.
    surplus: surplusBeside(saved, loadMemories),
    wakeAtMilliseconds: nowMilliseconds + LOOK_MILLISECONDS,
  };
}

function newestOf(memories: readonly ObservedLoadMemory[]): ObservedLoadMemory | undefined {
  return memories.toSorted((left, right) => left.number - right.number).at(-1);
}

function surplusBeside(
  kept: ObservedLoadMemory | undefined,
  memories: readonly ObservedLoadMemory[],
): readonly string[] {
  return memories.flatMap(({ name }) => (name === kept?.name ? [] : [name]));
}

/** What was asked for before; where autoscaling begins, what stands, so that a manifest without replicas resets nothing. */
function stoodBefore({ deployment, nowMilliseconds }: Observation): AutoscalingStatus {
  const { spec, status } = deployment;
  if (status.autoscaling !== undefined) return status.autoscaling;
  const pool = spec.pools[0]?.name;
  const standing = (status.pools ?? []).filter(({ name }) => name === pool).map(({ replicas }) => replicas);
  // A pool that is new takes over from the first of those that stand.
  const former = status.pools?.[0]?.replicas ?? spec.replicas;
  const replicas = standing.length === 0 ? former : Math.max(...standing);
  const since = reportedTime(nowMilliseconds);
  return { replicas, since, because: "Start", inPlaceOf: spec.replicas };
}

function activeFinding(
  { deployment, load, nowMilliseconds }: Observation,
  { isLoadKnown }: Recommendation,
  unreadable: readonly string[],
): ScalingFinding {
  const type = "ScalingActive";
  if (unreadable.length > 0) {
    const message = `no replica is taken away: ${unreadable.join("; ")}`;
    return { type, status: "False", reason: "ScheduleUnreadable", message };
  }
  if (isLoadKnown) return { type, status: "True", reason: "LoadKnown", message: "replicas follow the load" };
  const message =
    "nothing is known of the load of the last minute: no replica is taken away, and none is added but by schedules and a forecast";
  // By a clock that was set back it would be early for ever.
  const askedFor = load === undefined ? 0 : nowMilliseconds - load.sinceMilliseconds;
  const isEarly = askedFor >= 0 && askedFor < PATIENCE_MILLISECONDS;
  const known = deployment.status.conditions?.find((condition) => condition.type === type);
  // An operator that has just begun to lead knows in a moment; until then what was known stands.
  if (isEarly && known?.reason === "LoadKnown")
    return { type, status: known.status, reason: "LoadKnown", message: known.message };
  const isToldAlready = known?.reason === "NoLoadData" && known.status === "False";
  const status = isEarly && !isToldAlready ? "Unknown" : "False";
  return { type, status, reason: "NoLoadData", message };
}

/** It ends when fewer replicas are asked for, and not with each moment in which the load would do with them. */
function limitedFinding(
  { deployment }: Observation,
  { because }: Recommendation,
  replicas: number,
  maxReplicas: number,
): ScalingFinding {
  const type = "ScalingLimited";
  const was = deployment.status.conditions?.find((condition) => condition.type === type)?.status === "True";
  const isLimited = because === "Maximum" || (was && replicas >= maxReplicas);
  return isLimited
    ? {
        ...{ type, status: "True", reason: "AtMaximum" },
        message: `more replicas are needed than maxReplicas: ${maxReplicas}`,
      }
    : { type, status: "False", reason: "WithinMaximum", message: `maxReplicas is ${maxReplicas}` };
}
