/**
 * All that a decision about one ModelDeployment may depend on: what `gather` reads, already parsed.
 *
 * Planners are pure functions over this. Whatever a planner wants to know must be a field here; nothing
 * in `core` reads a cache, a clock or the network.
 */
import type { KubeObject } from "../api/kube-object.ts";
import type { ModelDeployment } from "../api/model-deployment.ts";
import type { ModelRevisionData } from "./revision/model-revision.ts";

/** A ControllerRevision of this ModelDeployment. */
export interface ObservedRevision {
  readonly name: string;
  /** Grows with each new revision of the ModelDeployment. */
  readonly number: number;
  readonly data: ModelRevisionData;
}

/** A child Deployment: the model servers of one revision in one pool. */
export interface ObservedModelServers {
  readonly name: string;
  readonly uid: string;
  readonly revision: string;
  readonly pool: string;
  /** `spec.replicas` of the Deployment. */
  readonly replicas: number;
  /** Whether nobody but the applier of the whole object owns `spec.replicas`: then leaving it out would reset it. */
  readonly replicasAreUnclaimed: boolean;
}

/** Why a pod is not ready, as far as the API tells. */
export type PodTrouble =
  | { readonly type: "Unschedulable"; readonly message: string }
  | { readonly type: "FetchFailed"; readonly message: string }
  | { readonly type: "ModelNotLoaded"; readonly message: string }
  | { readonly type: "ContainerWaiting"; readonly message: string };

/** A model server pod. */
export interface ObservedPod {
  readonly name: string;
  readonly revision: string;
  readonly pool: string;
  readonly isReady: boolean;
  readonly isTerminating: boolean;
  readonly trouble?: PodTrouble;
}

/** A router of the namespace, as it stands towards this ModelDeployment. */
export interface ObservedRouter {
  readonly name: string;
  /** It may take requests: its pod is not terminating, and the pod is ready or the endpoint is. */
  readonly isLive: boolean;
  /** The epoch that its Envoy has acknowledged for this ModelDeployment; 0 for none. */
  readonly acknowledgedEpoch: number;
  /** Why its Envoy rejected the plan. */
  readonly rejection?: string;
}

/** Another ModelDeployment of the namespace that holds a traffic port. */
export interface PortHolder {
  readonly name: string;
  readonly uid: string;
  readonly creationTimestamp: string;
  readonly port: number;
}

/** The API server refused an object that the spec leads to. */
export interface Refusal {
  /** `KIND/NAME` of the object. */
  readonly object: string;
  readonly reason: "ChildRejected" | "NotOwned";
  readonly message: string;
}

/** Settings of the operator that shape what it makes. */
export interface OperatorSettings {
  /** Image of `petrel`, for model servers and routers. */
  readonly image: string;
  /** Image of Envoy. */
  readonly envoyImage: string;
  readonly imagePullPolicy: "Always" | "IfNotPresent" | "Never";
  /** ClusterRole that a router's ServiceAccount is bound to in its namespace. */
  readonly routerClusterRole: string;
  /** Routers per namespace. */
  readonly routerReplicas: number;
}

/** The world as one decision sees it. */
export interface Observation {
  /** Wall-clock time, milliseconds since the Unix epoch. */
  readonly nowMilliseconds: number;
  readonly deployment: ModelDeployment;
  readonly revisions: readonly ObservedRevision[];
  readonly modelServers: readonly ObservedModelServers[];
  readonly pods: readonly ObservedPod[];
  readonly routers: readonly ObservedRouter[];
  readonly portHolders: readonly PortHolder[];
  /**
   * What the API server refused when the last decision was carried out; absent when that is not known
   * (nothing has been carried out yet for what is seen here).
   */
  readonly refusals?: readonly Refusal[];
  readonly settings: OperatorSettings;
}

/** Live children, by `KIND/NAME`, for telling what need not be written again. */
export type LiveObjects = ReadonlyMap<string, KubeObject>;
