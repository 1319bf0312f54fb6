/**
 * What a decision says: the status to report and the writes that follow. Data only; `operator` carries it out.
 */
import type { KubeObject, ObjectReference } from "../api/kube-object.ts";
import type { ModelDeploymentStatus } from "../api/model-deployment-status.ts";

/** Sets the replicas of a Deployment through its `/scale`. */
export interface ScaleIntent {
  readonly name: string;
  readonly namespace: string;
  readonly replicas: number;
}

/** Deletes one very object. */
export interface RemoveIntent {
  readonly reference: ObjectReference;
  readonly uid?: string;
}

/** An Event to record. Nothing may depend on it. */
export interface EventIntent {
  readonly type: "Normal" | "Warning";
  readonly reason: string;
  /** What the operator did or saw, in UpperCamelCase. */
  readonly action: string;
  readonly note: string;
}

/** The outcome of one decision about a ModelDeployment. */
export interface Decision {
  readonly status: ModelDeploymentStatus;
  /** Objects that must stand, whole. Carried out in order. */
  readonly apply: readonly KubeObject[];
  /** Carried out after `apply`. */
  readonly scale: readonly ScaleIntent[];
  /** Carried out last. */
  readonly remove: readonly RemoveIntent[];
  readonly events: readonly EventIntent[];
  /** When to look again though nothing changed, in milliseconds since the Unix epoch. */
  readonly wakeAtMilliseconds?: number;
}
