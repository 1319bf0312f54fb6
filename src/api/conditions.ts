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
  /** The model revision of the spec has all the traffic, but for what the old one keeps in a holdback. */
  "Promoted",
  /** The model revision of the spec has passed its validation; absent without `spec.validation`. */
  "Validated",
  /** A model revision is on its way to the traffic. */
  "RolloutInProgress",
  /** A person, or an anomaly, had the traffic taken back, and that stands; false when a request for it was refused; absent otherwise. */
  "Undone",
  /** Predictions are counted and labels taken; absent without `spec.quality`. */
  "EvidenceReady",
  /** A series is not what it was before; absent without `spec.quality.anomalies`. It makes nothing less ready. */
  "AnomalyDetected",
  /** Whoever `spec.autoscaling.owner` names says how many replicas there are, and Petrel knows the load; absent for `None`. */
  "ScalingActive",
  /** More replicas would be asked for than `spec.autoscaling.maxReplicas` lets; absent unless the owner is `Petrel`. */
  "ScalingLimited",
  /** The pools behind the first one could carry its traffic; absent where there is one pool alone. It makes nothing less ready. */
  "StandbyReady",
  /** Pods are as an earlier version of the operator made them, and wait for `petrel refresh`; absent otherwise. */
  "RefreshAvailable",
  /** `spec.suspend` is true; absent otherwise. */
  "Suspended",
  /** Work towards the spec goes on; absent otherwise. */
  "Reconciling",
  /**
   * What the spec leads to is refused: the spec, or what refuses it, has to change. A refused object is tried again by
   * itself, once a minute. Or the release of its model was given up, its validation did not pass, or it was undone:
   * the stable one serves on. Absent otherwise.
   */
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
  PodsRefused:
    "The API server refuses pods: a quota, a policy or a missing PriorityClass; the message has its words.",
  FetchFailed: "The model could not be fetched or verified; the message names the check.",
  ExecutionProviderMissing:
    "The model server cannot compute with the execution provider that the pool needs; the message says what to do.",
  ModelNotLoaded: "The model server does not start with this model; the message has its words.",
  ReplicasNotReady: "Some replicas are not ready.",
  ReplacingReplicas: "All replicas serve, and some are not yet as the spec asks for by now.",
  Suspended: "`spec.suspend` is true: everything stays as it is.",
  NoReadyReplica: "No replica is ready.",
  RouterNotReady: "No router has acknowledged the plan yet.",
  CredentialsUnusable:
    "A Secret or ConfigMap for TLS or authentication is missing or cannot be used; the message names it and its key.",
  PlanRejected: "Envoy rejected the plan; the message has its words.",
  ChildRejected: "The API server refused an object that the spec leads to; the message has its words.",
  Unreadable: "It does not fit the schema of this operator, whose version is another than the CRD's.",
  NotOwned: "An object that is needed exists and belongs to somebody else.",
  Promoted: "The model revision of the spec has all the traffic.",
  Validating: "The new revision is judged on a labelled set, and gets no traffic before that has passed.",
  ValidationPassed: "The revision has passed its validation; the message has what was measured.",
  ValidationFailed:
    "The revision did not pass a threshold of its validation, and gets no traffic; the message has what was measured.",
  ValidationNotMeasured:
    "The validation ended without a result, so the revision gets no traffic; the message says why.",
  NewRevision: "A new model revision is being brought up beside the stable one.",
  MovingTraffic: "Traffic is moving to the new revision.",
  RolloutStep:
    "The new revision has the share of the traffic that its step gives it; the ModelRollout tells more.",
  HoldingBack:
    "The new revision serves, and the old one keeps a small share of the traffic as a control, for a time.",
  ReturningTraffic:
    "The release was given up in its holdback, and the traffic goes back to the old revision as its replicas come; the message says how far that is.",
  RolloutPaused: "The rollout waits for a person; the ModelRollout tells for what.",
  RolloutAborted:
    "The release was given up; the stable revision serves on. Another spec or a retry begins anew.",
  Undoing:
    "A person has asked for the traffic to go back to a revision that served before, or an anomaly has it taken back, and it is on its way.",
  Undone:
    "A person, or an anomaly, had the traffic taken back; what was undone is not released while the spec states its model.",
  UndoRefused: "A request to take the traffic back was refused; the message says why and what can be had.",
  UndoTargetLost:
    "The ControllerRevision that an undo goes back to is gone: everything stays as it is; the message says what to do.",
  Recreating: "The old revision is taken away before the new one comes: nothing answers meanwhile.",
  NoRollout: "No rollout is in progress.",
  Collecting: "Predictions are counted, and labels are taken.",
  RoutersNotCounting: "Not every router takes labels to the collector yet, or none is live.",
  CollectorNotReady: "The collector of the namespace does not run; the message says what it waits for.",
  CollectorKeysUnusable:
    "The keys of the namespace's collector cannot be read, and are not replaced; the message says what to do.",
  AnomalyDetected:
    "A series that is watched has left what is expected of it; the message says which, how far, and since when.",
  NoAnomaly: "The series that are watched are as expected.",
  SeriesLearning: "No series can be judged yet: what is usual is still learned.",
  AnomaliesUnknown: "Whether a series is as expected is not known; the message says why.",
  LoadKnown: "The load is known, and replicas follow it.",
  NoLoadData:
    "Nothing is known of the load of the last minute: replicas stay, and only schedules and a forecast add any.",
  ScheduleUnreadable:
    "A schedule of `spec.autoscaling` cannot be read, so no replica is taken away; the message names it.",
  AtMaximum: "More replicas are needed than `spec.autoscaling.maxReplicas` lets.",
  WithinMaximum: "No more replicas are needed than `spec.autoscaling.maxReplicas` lets.",
  OwnedByHPA: "The HorizontalPodAutoscaler that Petrel made writes `spec.replicas`, and replicas follow it.",
  OwnedByKEDA: "The ScaledObject that Petrel made has KEDA write `spec.replicas`, and replicas follow it.",
  HandingOver:
    "The replicas that there were stay until the new owner of them has written that number into `spec.replicas`.",
  KEDANotEnabled: "KEDA is asked for, and Petrel was installed without it; the message says what to do.",
  KindMissing: "The cluster does not know a kind of object that is needed; the message says which.",
  StandbyCovers: "The pools behind the first one have ready replicas for all of the traffic.",
  StandbyShort:
    "The pools behind the first one have ready replicas for a part of the traffic; the message has how much.",
  StandbyNotReady: "No replica is ready in the pools behind the first one.",
  OlderTemplate: "Pods are as an earlier version of the operator made them; `petrel refresh` replaces them.",
} as const;

/** A reason of a condition. */
export type ConditionReason = keyof typeof REASON;

/** Reasons of `RolloutInProgress` while a rollout takes its course; every other one is of a rollout in trouble. */
export const ORDINARY_ROLLOUT_REASONS: ReadonlySet<string | undefined> = new Set<ConditionReason>([
  "Validating",
  "NewRevision",
  "MovingTraffic",
  "RolloutStep",
  "HoldingBack",
  "RolloutPaused",
  "Recreating",
]);

/** JSON Schema of one condition, as `metav1.Condition`; `types` says for people which types there are. */
export function conditionFields(types: string) {
  return Type.Object(
    {
      type: Type.String({ maxLength: 316, description: types }),
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
}

/** JSON Schema of one condition of a ModelDeployment. */
export const conditionSchema = conditionFields(`One of ${CONDITION_TYPES.join(", ")}.`);

/** One condition of a ModelDeployment. */
export type Condition = Type.Static<typeof conditionSchema>;
