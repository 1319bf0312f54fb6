/**
 * Conditions of a ModelDeployment: the types, and every reason that they can give.
 *
 * `Ready`, `Reconciling` and `Stalled` follow kstatus, so that Flux, Argo CD, `helm --wait` and
 * `kubectl wait` understand them. Reasons are part of the API: people alert on them.
 */
import Type from "typebox";
import { stringEnum } from "./schema.ts";

/** All condition types. */
export const CONDITION_TYPES = [
  /** What was asked for serves with all its replicas, and the routers carry out the plan. */
  "Ready",
  /** At least one replica answers requests. */
  "Available",
  /** The model revision of the spec has all the traffic. */
  "Promoted",
  /** A model revision is on its way to the traffic. */
  "RolloutInProgress",
  /** Work towards the spec goes on; absent otherwise. */
  "Reconciling",
  /** Nothing more happens until the spec changes; absent otherwise. */
  "Stalled",
] as const;

/** A condition type. */
export type ConditionType = (typeof CONDITION_TYPES)[number];

/** Every reason, with what it says. */
export const REASON = {
  Serving: "All replicas serve.",
  ScaledToZero: "No replicas are asked for.",
  Creating: "The first revision is being started.",
  WaitingForCapacity: "The scheduler finds no place for a pod; the message has its own words.",
  FetchFailed: "The model could not be fetched or verified; the message names the check.",
  ModelNotLoaded: "The model server does not start with this model; the message has its words.",
  ReplicasNotReady: "Some replicas are not ready.",
  NoReadyReplica: "No replica is ready.",
  RouterNotReady: "No router has acknowledged the plan yet.",
  PlanRejected: "Envoy rejected the plan; the message has its words.",
  ChildRejected: "The API server refused an object that the spec leads to; the message has its words.",
  NotOwned: "An object that is needed exists and belongs to somebody else.",
  Promoted: "The model revision of the spec has all the traffic.",
  NewRevision: "A new model revision is being brought up beside the stable one.",
  MovingTraffic: "Traffic is moving to the new revision.",
  NoRollout: "No rollout is in progress.",
} as const;

/** A reason of a condition. */
export type ConditionReason = keyof typeof REASON;

/** JSON Schema of one condition, as `metav1.Condition`. */
export const conditionSchema = Type.Object(
  {
    type: Type.String({ maxLength: 316, description: `One of ${CONDITION_TYPES.join(", ")}.` }),
    status: stringEnum(["True", "False", "Unknown"], { description: "Whether it holds." }),
    observedGeneration: Type.Integer({
      minimum: 0,
      description: "Generation of the spec that it speaks of.",
    }),
    lastTransitionTime: Type.String({ format: "date-time", description: "When `status` last changed." }),
    reason: Type.String({ minLength: 1, maxLength: 1024, description: "Why, in one word." }),
    message: Type.String({ maxLength: 32_768, description: "Why, for people." }),
  },
  { description: "One condition." },
);

/** One condition of a ModelDeployment. */
export type Condition = Type.Static<typeof conditionSchema>;
