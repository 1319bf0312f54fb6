/**
 * What the operator keeps of the objects that it made: what is needed to tell whether they still are as they
 * should be, and why a Deployment cannot make its pods. The rest of their status and the record of field owners are
 * not kept.
 */
import { Compile } from "typebox/compile";
import { asList, asNumber, asRecord, asString, valueAt } from "../../api/json.ts";
import type { KubeObject } from "../../api/kube-object.ts";
import { ANNOTATION, COMPONENT, LABEL } from "../../api/names.ts";
import { loadMemoryDataSchema, type ObservedLoadMemory } from "../../core/autoscaling/load-memory.ts";
import { reportedMessage } from "../../core/conditions/condition-words.ts";
import type {
  ObservedModelServers,
  ObservedPodRevision,
  ObservedRevision,
  ObservedValidation,
} from "../../core/observation.ts";
import { podRevisionDataSchema } from "../../core/pods/pod-revision.ts";
import { modelRevisionDataSchema } from "../../core/revision/model-revision.ts";
import { FIELD_MANAGER } from "../../kube/apply.ts";
import { replicasOwnedOnlyBy } from "../../kube/managed-fields.ts";

const revisionDataCheck = Compile(modelRevisionDataSchema);
const loadMemoryDataCheck = Compile(loadMemoryDataSchema);
const podRevisionDataCheck = Compile(podRevisionDataSchema);

/** A child or a router object in the cache. */
export interface ChildSummary {
  /** The object without `status` and `metadata.managedFields`. */
  readonly object: KubeObject;
  /** For a Deployment: whether the applier alone owns `spec.replicas`. */
  readonly replicasAreUnclaimed: boolean;
  /** For a Deployment: why the API server refuses its pods, in its words; absent when it does not. */
  readonly podRefusal?: string;
  /** For a Job: how it ended; absent while it goes on. */
  readonly jobEnd?: NonNullable<ObservedValidation["end"]>;
}

/** Projects an object that Petrel made. */
export function projectChild(object: KubeObject): ChildSummary {
  const { managedFields: _owners, ...metadata } = object.metadata;
  const { status: _status, ...rest } = object;
  const podRefusal = podRefusalIn(object);
  const jobEnd = jobEndIn(object);
  return {
    object: { ...rest, metadata },
    replicasAreUnclaimed: object.kind === "Deployment" && replicasOwnedOnlyBy(object, FIELD_MANAGER.children),
    ...(podRefusal === undefined ? {} : { podRefusal }),
    ...(jobEnd === undefined ? {} : { jobEnd }),
  };
}

/** Told by a condition that is true from then on. */
function jobEndIn(object: KubeObject): ChildSummary["jobEnd"] {
  if (object.kind !== "Job") return undefined;
  for (const condition of asList(valueAt(object, "status", "conditions"))) {
    const type = valueAt(condition, "type");
    if ((type !== "Complete" && type !== "Failed") || valueAt(condition, "status") !== "True") continue;
    const at = Date.parse(asString(valueAt(condition, "lastTransitionTime")) ?? "");
    return {
      type,
      reason: asString(valueAt(condition, "reason")) ?? "",
      message: reportedMessage(asString(valueAt(condition, "message")) ?? ""),
      atMilliseconds: Number.isNaN(at) ? 0 : at,
    };
  }
  return undefined;
}

/** Told by the condition that a Deployment has while its ReplicaSet cannot make a pod (or remove one). */
function podRefusalIn(object: KubeObject): string | undefined {
  if (object.kind !== "Deployment") return undefined;
  const failure = asList(valueAt(object, "status", "conditions")).find(
    (condition) => valueAt(condition, "type") === "ReplicaFailure",
  );
  if (valueAt(failure, "status") !== "True" || valueAt(failure, "reason") !== "FailedCreate")
    return undefined;
  // Kept for each Deployment: no more than a condition of ours tells.
  return reportedMessage(asString(valueAt(failure, "message")) ?? "no reason is given");
}

/** The model servers that a Deployment stands for; undefined when its labels do not say. */
export function modelServersOf(child: ChildSummary): ObservedModelServers | undefined {
  const { metadata } = child.object;
  const revision = metadata.labels?.[LABEL.modelRevision];
  const pool = metadata.labels?.[LABEL.pool];
  const podRevision = metadata.annotations?.[ANNOTATION.podRevision];
  if (revision === undefined || pool === undefined || metadata.uid === undefined) return undefined;
  return {
    name: metadata.name,
    uid: metadata.uid,
    revision,
    pool,
    replicas: asNumber(valueAt(child.object, "spec", "replicas")) ?? 1,
    replicasAreUnclaimed: child.replicasAreUnclaimed,
    template: asRecord(valueAt(child.object, "spec", "template")) ?? {},
    ...(podRevision === undefined ? {} : { podRevision }),
    ...(child.podRefusal === undefined ? {} : { podRefusal: child.podRefusal }),
  };
}

/** The model revision in a ControllerRevision; undefined when its content is not one. */
export function modelRevisionIn(child: ChildSummary): ObservedRevision | undefined {
  if (isPodRevision(child) || isLoadMemory(child)) return undefined;
  const number = asNumber(child.object["revision"]);
  const data = child.object["data"];
  if (number === undefined || !revisionDataCheck.Check(data)) return undefined;
  return { name: child.object.metadata.name, number, data };
}

function isPodRevision({ object }: ChildSummary): boolean {
  return object.metadata.labels?.[LABEL.component] === COMPONENT.podRevision;
}

function isLoadMemory({ object }: ChildSummary): boolean {
  return object.metadata.labels?.[LABEL.component] === COMPONENT.loadMemory;
}

/** What was learned of the load in a ControllerRevision; undefined when its content is none. */
export function loadMemoryIn(child: ChildSummary): ObservedLoadMemory | undefined {
  const number = asNumber(child.object["revision"]);
  const data = child.object["data"];
  if (!isLoadMemory(child) || number === undefined || !loadMemoryDataCheck.Check(data)) return undefined;
  return { name: child.object.metadata.name, number, data };
}

/** The pod revision in a ControllerRevision; undefined when its content is not one. */
export function podRevisionIn(child: ChildSummary): ObservedPodRevision | undefined {
  const number = asNumber(child.object["revision"]);
  const data = child.object["data"];
  if (!isPodRevision(child) || number === undefined || !podRevisionDataCheck.Check(data)) return undefined;
  return { name: child.object.metadata.name, number, template: data.template };
}
