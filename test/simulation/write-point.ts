/**
 * Which planner a write of the operator comes from, and at which point of carrying a decision out it is made.
 *
 * A status report comes from every planner of whose part it says something new: each part of the status is made by
 * one planner alone. The report of a ModelRollout comes from `rollout`, that of a ModelExperiment from `experiment`, that of a
 * FailoverDrill from `drill`. One that says nothing new is the confirmation before capacity is taken away. Children come from
 * the planner whose plan they carry out: the record of a model revision from `revision`, the Service that clients
 * use (it says the port of the plan) from `traffic`, the records of pod templates from `pods`, and so does what is applied
 * to a Deployment that stands: the template is what may be new about it. Everything else that makes model servers stand
 * comes from `capacity`, Jobs come from `validation`, and what a prober is made of from `drill`. The record of a load, and the
 * object of another autoscaler, come from `autoscaling`. An Event tells what one planner decided, or a change of a
 * condition (`conditions`). What bears the routers' label comes
 * from the decision about the routers. What bears the collector's label comes from none: whether it stands decides about no
 * traffic, and its own tests hold it.
 */
import { asString, valueAt } from "../../src/api/json.ts";
import { jsonEquals } from "../../src/api/json-equals.ts";
import type { KubeObject } from "../../src/api/kube-object.ts";
import type { ModelDeploymentStatus } from "../../src/api/model-deployment-status.ts";
import { COMPONENT, LABEL } from "../../src/api/names.ts";

/** What decides. */
export const PLANNERS = [
  "undo",
  "revision",
  "autoscaling",
  "validation",
  "rollout",
  "experiment",
  "drill",
  "capacity",
  "pods",
  "traffic",
  "conditions",
  "routers",
] as const;

/** One of {@link PLANNERS}. */
export type Planner = (typeof PLANNERS)[number];

/** One planner's write: `scale`, `apply Deployment`. */
export interface WritePoint {
  readonly planner: Planner;
  readonly point: string;
}

/** One call of the API. */
export interface ApiCall {
  readonly verb: string;
  readonly kind: string;
  readonly subresource?: "status" | "scale" | undefined;
}

/** A write, before or after it took effect. */
export interface AttributedWrite extends ApiCall {
  /** The object that stands before it. */
  readonly before: KubeObject | undefined;
  /** What is sent, or what stands after it. */
  readonly after: KubeObject | undefined;
  /** Whether it is known to have changed what is stored: then it confirms nothing, though it says nothing new. */
  readonly tookEffect?: boolean;
}

/** Who makes which part of the status. */
const STATUS_PARTS: Readonly<Record<keyof ModelDeploymentStatus, Planner>> = {
  autoscaling: "autoscaling",
  revisions: "revision",
  served: "revision",
  undo: "undo",
  validation: "validation",
  rollout: "rollout",
  experiment: "experiment",
  replicas: "capacity",
  selector: "capacity",
  pools: "capacity",
  traffic: "traffic",
  acknowledgedEpoch: "traffic",
  conditions: "conditions",
  // What the condition tells of.
  anomalies: "conditions",
  standby: "conditions",
  drill: "drill",
  observedGeneration: "conditions",
  observedRefresh: "conditions",
};

/** Verbs of calls that write. */
export const WRITING_VERBS: ReadonlySet<string> = new Set(["create", "replace", "apply", "delete"]);

/** Who tells which Events; the others are told of conditions. */
const ACTIONS: ReadonlyMap<unknown, Planner> = new Map<unknown, Planner>([
  ["StartRollout", "revision"],
  ["Promote", "revision"],
  ["BeginUndo", "undo"],
  ["RefuseUndo", "undo"],
  ["QueueBehindUndo", "undo"],
  ["EndUndo", "undo"],
  ["Scale", "autoscaling"],
  ["BeginValidation", "validation"],
  ["ValidatedTrue", "validation"],
  ["ValidatedFalse", "validation"],
  ["BeginStep", "rollout"],
  ["TakeTrafficBack", "rollout"],
  ["PauseRollout", "rollout"],
  ["ResumeRollout", "rollout"],
  ["AbortRollout", "rollout"],
  ["SupersedeRollout", "rollout"],
  ["GiveShares", "experiment"],
  ["TakeSharesBack", "experiment"],
  ["EndExperiment", "experiment"],
  ["BeginDrill", "drill"],
  ["AskForFault", "drill"],
  ["TakeFaultBack", "drill"],
  ["EndDrill", "drill"],
]);

/** Who reports the status of which kind. */
const REPORTERS: ReadonlyMap<string, Planner> = new Map([
  ["ModelRollout", "rollout"],
  ["ModelExperiment", "experiment"],
  ["FailoverDrill", "drill"],
]);

/** Where a write comes from; empty for one that no planner decides: the Lease, an Event of the operator itself. */
export function writePointsOf(write: AttributedWrite): readonly WritePoint[] {
  const { verb, kind, subresource, before, after, tookEffect = false } = write;
  if (subresource === "status")
    return kind === "ModelDeployment"
      ? statusPoints(before, after, tookEffect)
      : reportPoints(REPORTERS.get(kind) ?? "rollout", before, after, tookEffect);
  if (subresource === "scale") return [{ planner: "capacity", point: "scale" }];
  if (kind === "Lease") return [];
  if (kind === "Event") {
    if (valueAt(after, "regarding", "kind") !== "ModelDeployment") return [];
    return [{ planner: ACTIONS.get(valueAt(after, "action")) ?? "conditions", point: "event" }];
  }
  const object = after ?? before;
  if (object === undefined || object.metadata.labels?.[LABEL.component] === COMPONENT.collector) return [];
  const isRemoval = verb === "delete";
  const isChange = kind === "Deployment" && before !== undefined && !isRemoval;
  const planner = childPlanner(kind, object);
  return [
    {
      planner: isChange && planner === "capacity" ? "pods" : planner,
      point: `${isRemoval ? "remove" : "apply"} ${kind}`,
    },
  ];
}

/** The row of a write point in the table of what was covered. */
export function rowOf({ planner, point }: WritePoint): string {
  return `${planner}: ${point}`;
}

/** Rows under which a call counts: those of its write points, or one by its kind, `get Deployment`. */
export function rowsOf(call: AttributedWrite): readonly string[] {
  const points = WRITING_VERBS.has(call.verb) ? writePointsOf(call) : [];
  return points.length > 0 ? points.map(rowOf) : [`${call.verb} ${call.kind}`];
}

function statusPoints(
  before: KubeObject | undefined,
  after: KubeObject | undefined,
  tookEffect: boolean,
): readonly WritePoint[] {
  const changed = Object.entries(STATUS_PARTS).flatMap(([part, planner]) =>
    jsonEquals(valueAt(before, "status", part), valueAt(after, "status", part)) ? [] : [planner],
  );
  if (changed.length === 0) {
    return [
      tookEffect ? { planner: "conditions", point: "status" } : { planner: "capacity", point: "confirm" },
    ];
  }
  return [...new Set(changed)].map((planner) => ({ planner, point: "status" }));
}

/** The report of a release, an experiment or a drill. One that says nothing new is the confirmation before something follows from it. */
function reportPoints(
  planner: Planner,
  before: KubeObject | undefined,
  after: KubeObject | undefined,
  tookEffect: boolean,
): readonly WritePoint[] {
  const isConfirmation = !tookEffect && jsonEquals(valueAt(before, "status"), valueAt(after, "status"));
  return [{ planner, point: isConfirmation ? "confirm" : "report" }];
}

function childPlanner(kind: string, { metadata }: KubeObject): Planner {
  const { labels = {}, name } = metadata;
  if (labels[LABEL.component] === COMPONENT.router) return "routers";
  if (kind === "ModelRollout") return "rollout";
  if (labels[LABEL.component] === COMPONENT.loadMemory) return "autoscaling";
  if (kind === "HorizontalPodAutoscaler" || kind === "ScaledObject") return "autoscaling";
  if (labels[LABEL.component] === COMPONENT.prober) return "drill";
  if (kind === "Job") return "validation";
  if (kind === "ControllerRevision") return labels[LABEL.pool] === undefined ? "revision" : "pods";
  return kind === "Service" && asString(labels[LABEL.modelDeployment]) === name ? "traffic" : "capacity";
}
