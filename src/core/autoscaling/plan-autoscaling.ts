/**
 * Planner `autoscaling`: the one place that says how many replicas the first pool is to have, where a ModelDeployment scales by
 * its load. Every later planner sees that number as `spec.replicas`, so stable has it, and a candidate the part of it that its
 * share needs.
 *
 * It never writes `spec.replicas`, which Git, `kubectl scale` or an autoscaler own. Whoever takes over begins with
 * the replicas that there are, in both directions. What is not known of the load scales nothing in. The status changes with the
 * replicas that are asked for, and never with the load alone.
 */
import { type AutoscalingSpec, isAutoscaled, isScaledByPetrel } from "../../api/autoscaling.ts";
import type { AutoscalingStatus } from "../../api/autoscaling-status.ts";
import type { ConditionReason } from "../../api/conditions.ts";
import { loadMemoryRevision } from "../../render/model-deployment-children.ts";
import { reportedTime } from "../conditions/condition-words.ts";
import type { Observation } from "../observation.ts";
import type { AutoscalingPlan, ScalingFinding } from "./autoscaling-plan.ts";
import { autoscalingSettings } from "./autoscaling-settings.ts";
import { expectedRate } from "./forecast/forecast-memory.ts";
import { loadMemory, type ObservedLoadMemory } from "./load-memory.ts";
import { autoscalerOf, planByAutoscaler } from "./plan-autoscaler.ts";
import { type Recommendation, recommend } from "./recommend.ts";
import { stoodBefore } from "./stood-before.ts";

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
  if (autoscaling !== undefined && isScaledByPetrel(spec)) return planByLoad(observation, autoscaling);
  // What was learned serves again where Petrel takes over again.
  const { loadMemories = [] } = observation;
  const surplus = surplusBeside(autoscaling === undefined ? undefined : newestOf(loadMemories), loadMemories);
  return autoscaling !== undefined && autoscalerOf(autoscaling) !== undefined
    ? { ...planByAutoscaler(observation, autoscaling), surplus }
    : { ...planHandedBack(observation), surplus };
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
    findings: isAutoscaled(deployment.spec) ? findings : [],
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
function planHandedBack({ deployment, nowMilliseconds }: Observation): Omit<AutoscalingPlan, "surplus"> {
  const { spec, status } = deployment;
  const rest = { findings: [] };
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
      ? { ...before, inPlaceOf, because: isFormerOwners(before) ? "Start" : before.because }
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

/** Whether Petrel did not own the replicas before. */
function isFormerOwners({ because }: AutoscalingStatus): boolean {
  return because === "HandedBack" || because === "Autoscaler";
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
