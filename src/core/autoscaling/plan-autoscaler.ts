/**
 * Replicas that a HorizontalPodAutoscaler or KEDA owns: what they write into `spec.replicas` counts, and the operator makes the
 * object by which they do.
 *
 * Neither knows what stands: each begins with the number in `spec.replicas`, which may be anything while Petrel owned the
 * replicas, or 1 where a manifest stops to state it. So a hand-over has two steps. First the replicas stay, and the object has
 * the number of them as its least and as its most: an autoscaler writes a bound that it is not within at once, without any
 * metric and whatever its rates are. Once that number stands in `spec.replicas` the object gets its own bounds, and what is
 * written counts. So the operator never writes `spec.replicas` itself, and needs no right to.
 *
 * There must never be two owners: the object of the one is made when that of the other is gone. Pure.
 */
import type { AutoscalingSpec } from "../../api/autoscaling.ts";
import type { AutoscalingStatus } from "../../api/autoscaling-status.ts";
import type { ConditionReason } from "../../api/conditions.ts";
import type { ResourceType } from "../../api/kube-object.ts";
import { RESOURCE } from "../../api/kube-resources.ts";
import { horizontalPodAutoscaler, type ReplicaBounds, scaledObject } from "../../render/autoscalers.ts";
import { reportedTime } from "../conditions/condition-words.ts";
import type { Observation } from "../observation.ts";
import type { AutoscalingPlan, ScalingFinding } from "./autoscaling-plan.ts";
import { stoodBefore } from "./stood-before.ts";

/** Who owns the replicas by an object that the operator makes, with that object. */
const AUTOSCALERS = {
  HPA: { resource: RESOURCE.horizontalPodAutoscaler, render: horizontalPodAutoscaler, reason: "OwnedByHPA" },
  KEDA: { resource: RESOURCE.scaledObject, render: scaledObject, reason: "OwnedByKEDA" },
} as const;

type AutoscalerOwner = keyof typeof AUTOSCALERS;

/** Kinds of these objects. */
export const AUTOSCALER_RESOURCES: readonly ResourceType[] = Object.values(AUTOSCALERS).map(
  ({ resource }) => resource,
);

/** The kind of the object by which the owner writes `spec.replicas`; undefined for `Petrel` and `None`. */
export function autoscalerOf({ owner }: { readonly owner?: string }): ResourceType | undefined {
  return isAutoscalerOwner(owner) ? AUTOSCALERS[owner].resource : undefined;
}

function isAutoscalerOwner(owner: string | undefined): owner is AutoscalerOwner {
  return owner !== undefined && Object.hasOwn(AUTOSCALERS, owner);
}

/** Decides. The owner must be `HPA` or `KEDA`. */
export function planByAutoscaler(
  observation: Observation,
  autoscaling: AutoscalingSpec,
): Omit<AutoscalingPlan, "surplus"> {
  const { deployment, nowMilliseconds } = observation;
  const { owner, minReplicas = 1, maxReplicas } = autoscaling;
  if (!isAutoscalerOwner(owner)) throw new Error(`${owner} owns replicas by no object`);
  const bounds = { least: minReplicas, most: maxReplicas };
  const before = stoodBefore(observation);
  const { replicas, isHeld } = replicasBetween(bounds, before, deployment.spec.replicas);
  const status: AutoscalingStatus = {
    replicas,
    since: replicas === before.replicas ? before.since : reportedTime(nowMilliseconds),
    because: isHeld ? "Start" : "Autoscaler",
    inPlaceOf: deployment.spec.replicas,
  };
  const isOff = owner === "KEDA" && observation.settings.usesKeda !== true;
  const { render } = AUTOSCALERS[owner];
  const object = render(
    deployment.metadata,
    autoscaling,
    isHeld ? { least: replicas, most: replicas } : bounds,
  );
  return {
    replicas,
    status,
    findings: [finding(observation, owner, { replicas, isHeld, isOff })],
    ...(isOff || isAnotherThere(observation, owner) ? {} : { autoscaler: object }),
  };
}

/**
 * What counts, and whether it does in place of what stands in `spec.replicas`. A number below the least is nobody's decision,
 * such as the 1 that a manifest leaves when it stops to state it: an autoscaler would not write it. 0 is a person's, and turns
 * an autoscaler off, but where something ran that never was by `spec.replicas`.
 */
function replicasBetween(
  { least, most }: ReplicaBounds,
  before: AutoscalingStatus,
  stated: number,
): { readonly replicas: number; readonly isHeld: boolean } {
  const isFollowed = before.because === "Autoscaler";
  const isZero = stated === 0 && (isFollowed || before.replicas === 0);
  if (isZero) return { replicas: 0, isHeld: false };
  const held = Math.min(most, Math.max(least, before.replicas));
  const isHeld = isFollowed ? stated < least : stated !== held;
  return { replicas: isHeld ? held : Math.min(most, stated), isHeld };
}

function nameIn({ deployment }: Observation, owner: AutoscalerOwner): string {
  return `${AUTOSCALERS[owner].resource.kind}/${deployment.metadata.name}`;
}

/** Whether the object of another owner stands, or is on its way out. */
function isAnotherThere(observation: Observation, owner: AutoscalerOwner): boolean {
  const { standing, leavingAutoscalers = [] } = observation;
  const own = nameIn(observation, owner);
  return (
    (Object.keys(AUTOSCALERS) as AutoscalerOwner[])
      .map((other) => nameIn(observation, other))
      .some((other) => other !== own && standing.has(other)) ||
    leavingAutoscalers.some((leaving) => leaving !== own)
  );
}

function finding(
  observation: Observation,
  owner: AutoscalerOwner,
  {
    replicas,
    isHeld,
    isOff,
  }: { readonly replicas: number; readonly isHeld: boolean; readonly isOff: boolean },
): ScalingFinding {
  const type = "ScalingActive";
  const own = nameIn(observation, owner);
  const { spec } = observation.deployment;
  if (isOff) {
    const message =
      "Petrel was installed without KEDA, so no ScaledObject is made and replicas stay: set the chart's value autoscaling.keda";
    return { type, status: "False", reason: "KEDANotEnabled", message };
  }
  const refusal = refusalOf(observation, own);
  if (refusal !== undefined) return { type, status: "False", ...refusal };
  if (isHeld || !observation.standing.has(own)) {
    const isStuck = spec.replicas === 0 && isHeld;
    const message = isStuck
      ? `${replicas} replicas stay, and spec.replicas is 0, by which an autoscaler does nothing: write any other number there`
      : `${replicas} replicas stay until ${own} has written that number into spec.replicas`;
    return { type, status: isStuck ? "False" : "Unknown", reason: "HandingOver", message };
  }
  if (spec.replicas === 0) {
    const message = `spec.replicas is 0, by which ${own} does nothing: write any other number there to begin`;
    return { type, status: "False", reason: "ScaledToZero", message };
  }
  return {
    ...{ type, status: "True", reason: AUTOSCALERS[owner].reason },
    message: `${own} writes spec.replicas, and replicas follow it`,
  };
}

/** Why the object cannot be made. What was found before holds until the next writes show another picture. */
function refusalOf(
  { refusals, standing, deployment }: Observation,
  own: string,
): { readonly reason: ConditionReason; readonly message: string } | undefined {
  if (refusals !== undefined) {
    const refusal = refusals.find(({ object }) => object === own);
    return refusal === undefined
      ? undefined
      : { reason: refusal.reason, message: `${own}: ${refusal.message}` };
  }
  const known = deployment.status.conditions?.find(({ type }) => type === "ScalingActive");
  const isRefusal = REFUSALS.has(known?.reason ?? "") && known?.status === "False";
  return isRefusal && known.message.startsWith(`${own}: `) && !standing.has(own)
    ? { reason: known.reason as ConditionReason, message: known.message }
    : undefined;
}

const REFUSALS: ReadonlySet<string> = new Set<ConditionReason>(["ChildRejected", "NotOwned", "KindMissing"]);
