/**
 * All that a decision about one ModelDeployment may depend on: what `gather` reads, already parsed.
 *
 * Planners are pure functions over this. Whatever a planner wants to know must be a field here; nothing
 * in `core` reads a cache, a clock or the network.
 */
import type { WatchedDeployment } from "../anomaly/watched-answer.ts";
import type { Devices } from "../api/devices.ts";
import type { FailoverDrillStatus } from "../api/drill-status.ts";
import type { ModelExperimentStatus } from "../api/experiment-status.ts";
import type { FailoverDrillSpec } from "../api/failover-drill.ts";
import type { JsonRecord } from "../api/json.ts";
import type { KubeObject } from "../api/kube-object.ts";
import type { ModelDeployment } from "../api/model-deployment.ts";
import type { ModelExperimentSpec } from "../api/model-experiment.ts";
import type { ModelRolloutSpec } from "../api/model-rollout-spec.ts";
import type { ModelRolloutStatus } from "../api/model-rollout-status.ts";
import type { ProbeRecord } from "../api/probe-record.ts";
import type { ValidationReport } from "../api/validation-report.ts";
import type { CollectorPods } from "../render/collector-pods.ts";
import type { OperatorPods } from "../render/operator-pods.ts";
import type { RouterPods } from "../render/router-pods.ts";
import type { ObservedLoadMemory } from "./autoscaling/load-memory.ts";
import type { ObservedLoad } from "./autoscaling/observed-load.ts";
import type { DrillSettings } from "./drill/drill-settings.ts";
import type { FaultEffect } from "./drill/planned-drill.ts";
import type { ModelRevisionData } from "./revision/model-revision.ts";
import type { ReadEvidence } from "./rollout/gates/gate-evidence.ts";
import type { Reading } from "./rollout/gates/reading.ts";

/** A ControllerRevision of this ModelDeployment. */
export interface ObservedRevision {
  readonly name: string;
  /** Grows with each new revision of the ModelDeployment. */
  readonly number: number;
  readonly data: ModelRevisionData;
}

/** A ModelRollout of this ModelDeployment. */
export interface ObservedRollout {
  readonly name: string;
  readonly uid: string;
  /** What a report of its status is fenced by. */
  readonly resourceVersion: string;
  readonly generation: number;
  readonly spec: ModelRolloutSpec;
  readonly status: ModelRolloutStatus;
}

/** A ModelExperiment of this ModelDeployment. */
export interface ObservedExperiment {
  readonly name: string;
  readonly uid: string;
  /** What a report of its status is fenced by. */
  readonly resourceVersion: string;
  readonly generation: number;
  readonly creationTimestamp: string;
  readonly spec: ModelExperimentSpec;
  readonly status: ModelExperimentStatus;
}

/** A FailoverDrill of this ModelDeployment. */
export interface ObservedDrill {
  readonly name: string;
  readonly uid: string;
  /** What a report of its status is fenced by. */
  readonly resourceVersion: string;
  readonly generation: number;
  /** Somebody has deleted it, and something keeps it from going. */
  readonly isLeaving: boolean;
  readonly spec: FailoverDrillSpec;
  readonly status: FailoverDrillStatus;
  /** The same as its spec has it, read. */
  readonly settings: DrillSettings;
  /** What every try of the target meets. */
  readonly effect: FaultEffect;
  /** Why it could not pass whatever happened; absent where it could. */
  readonly problem?: string;
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
  /** `spec.template` as it stands, with what the API server has added. */
  readonly template: JsonRecord;
  /** Name of the pod revision whose template was applied; absent on Deployments from before there were any. */
  readonly podRevision?: string;
  /** Why the API server refuses pods of it (a quota, a policy), in its words; absent when it does not. */
  readonly podRefusal?: string;
}

/** A ControllerRevision that keeps the pod template of model servers. */
export interface ObservedPodRevision {
  readonly name: string;
  readonly number: number;
  readonly template: JsonRecord;
}

/** Why a pod is not ready, as far as the API tells. */
export type PodTrouble =
  | { readonly type: "Unschedulable"; readonly message: string }
  | { readonly type: "FetchFailed"; readonly message: string }
  | { readonly type: "ExecutionProviderMissing"; readonly message: string }
  | { readonly type: "ModelNotLoaded"; readonly message: string }
  | { readonly type: "ContainerWaiting"; readonly message: string };

/** A model server pod. */
export interface ObservedPod {
  readonly name: string;
  readonly revision: string;
  readonly pool: string;
  readonly isReady: boolean;
  readonly isTerminating: boolean;
  /** When it was made; absent where the API does not tell. */
  readonly createdMilliseconds?: number;
  /** Since when it is ready; absent while it is not, or where the API does not tell. */
  readonly readySinceMilliseconds?: number;
  /** Hash of the template that it was made from; absent for a template from before these were told apart. */
  readonly templateId?: string;
  /** The devices that it holds or waits for; absent when there are none. */
  readonly devices?: Devices;
  readonly trouble?: PodTrouble;
}

/** The Job of a validation, with what its pods tell. */
export interface ObservedValidation {
  /** Name of the Job. */
  readonly job: string;
  /** How the Job ended; absent while it goes on. */
  readonly end?: {
    readonly type: "Complete" | "Failed";
    readonly reason: string;
    readonly message: string;
    readonly atMilliseconds: number;
  };
  /** What was measured. */
  readonly report?: ValidationReport;
  /** Why a pod ended without a result. */
  readonly problem?: string;
  /** Why a pod does not start. */
  readonly trouble?: string;
}

/** A router of the namespace, as it stands towards this ModelDeployment. */
export interface ObservedRouter {
  readonly name: string;
  /** It may take requests: its pod is not terminating, and the pod is ready or the endpoint is. */
  readonly isLive: boolean;
  /** IP address of its pod; absent until it has one. */
  readonly address?: string;
  /** The epoch that its Envoy has acknowledged for this ModelDeployment; 0 for none. */
  readonly acknowledgedEpoch: number;
  /** Why its Envoy rejected the plan. */
  readonly rejection?: string;
  /** What is wrong with a Secret or ConfigMap that the plan needs; until it is mended, the plan waits. */
  readonly credentialProblem?: string;
  /** It tells the collector of answers, and takes labels to it; not unless given. */
  readonly isCounting?: boolean;
}

/** The pod of the namespace's collector. */
export interface ObservedCollector {
  readonly isReady: boolean;
  /** Why not, as far as the API tells. */
  readonly trouble?: string;
}

/** A ModelDeployment of the namespace that holds a traffic port. */
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
  readonly reason: "ChildRejected" | "NotOwned" | "KindMissing";
  readonly message: string;
}

/** Settings of the operator that shape what it makes. */
export interface OperatorSettings {
  /** Image of `petrel`, for model servers and routers. */
  readonly image: string;
  /** Image of model servers that compute with CUDA; {@link image} unless it is given. */
  readonly cudaImage?: string;
  /** Image of Envoy. */
  readonly envoyImage: string;
  readonly imagePullPolicy: "Always" | "IfNotPresent" | "Never";
  /** What a router's ServiceAccount is bound to in its namespace. */
  readonly routerRole: { readonly kind: "ClusterRole" | "Role"; readonly name: string };
  /** Routers per namespace. */
  readonly routerReplicas: number;
  /** What the installation says about the pods of routers; nothing unless given. */
  readonly routerPods?: RouterPods;
  /** What it says about collectors, likewise. */
  readonly collectorPods?: CollectorPods;
  /** Where the operators' own pods are and what selects them, for collectors to let them in; nobody unless given. */
  readonly operatorPods?: OperatorPods;
  /** Who may read the metrics of model servers: peers as in a NetworkPolicy. */
  readonly metricsScrapers: readonly JsonRecord[];
  /** Whether objects of KEDA may be made and watched; not unless given. */
  readonly usesKeda?: boolean;
}

/** The world as one decision sees it. */
export interface Observation {
  /** Wall-clock time, milliseconds since the Unix epoch. */
  readonly nowMilliseconds: number;
  readonly deployment: ModelDeployment;
  readonly revisions: readonly ObservedRevision[];
  readonly podRevisions: readonly ObservedPodRevision[];
  readonly rollouts: readonly ObservedRollout[];
  /** Absent where none is known. */
  readonly experiments?: readonly ObservedExperiment[];
  /** In the order in which they have their turn. Absent where none is known. */
  readonly drills?: readonly ObservedDrill[];
  /** What the prober of a drill tells, by the uid of the drill; absent while nothing is known. */
  readonly probes?: { readonly drill: string; readonly record: ProbeRecord };
  /** Names of the Jobs of probers that stand. */
  readonly probers?: readonly string[];
  /** Why no drill of the cluster may run; absent where they may. */
  readonly drillsStopped?: string;
  readonly modelServers: readonly ObservedModelServers[];
  /** `KIND/NAME` of every child that stands, with its uid. */
  readonly standing: ReadonlyMap<string, string>;
  /** `KIND/NAME` of autoscalers of it that are on their way out; absent where there is none. */
  readonly leavingAutoscalers?: readonly string[];
  readonly pods: readonly ObservedPod[];
  /** Absent where none is known. */
  readonly validations?: readonly ObservedValidation[];
  readonly routers: readonly ObservedRouter[];
  /** What was read from outside for the gates of the current release; absent while nothing was. */
  readonly gateEvidence?: ReadEvidence;
  /** What the collector says of the series that it watches; absent before it was asked. */
  readonly anomalies?: Reading<WatchedDeployment>;
  /** What the routers counted; absent before they were asked, and where nothing scales. */
  readonly load?: ObservedLoad;
  /** What was learned of the load; absent where nothing was. */
  readonly loadMemories?: readonly ObservedLoadMemory[];
  /** Absent while there is no pod of it. */
  readonly collector?: ObservedCollector;
  /** Why the operator may write nothing for the collector; absent where nothing is in the way. */
  readonly collectorProblem?: string;
  /** All that hold a port of the namespace, where one has to be chosen; otherwise who holds the same one. */
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
