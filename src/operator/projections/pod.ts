/**
 * What the operator keeps of a pod: which model servers it belongs to, whether it is ready, and why not.
 *
 * Texts that change with every retry (back-off times) are left out, so that a pod that fails the same way again
 * is no news.
 */
import { asList, asNumber, asString, type JsonRecord, parseJson, valueAt } from "../../api/json.ts";
import type { KubeObject } from "../../api/kube-object.ts";
import { CONTAINER, LABEL } from "../../api/names.ts";
import type { ObservedPod, PodTrouble } from "../../core/observation.ts";

/** A pod of Petrel, model server or router. */
export interface PodSummary {
  readonly namespace: string;
  readonly name: string;
  /** Value of the component label. */
  readonly component: string;
  /** Name of the ModelDeployment; absent for routers. */
  readonly modelDeployment?: string;
  readonly observed: ObservedPod;
}

/** Projects a pod of Petrel. */
export function projectPod(object: KubeObject): PodSummary {
  const { metadata } = object;
  const labels = metadata.labels ?? {};
  const modelDeployment = labels[LABEL.modelDeployment];
  const trouble = podTrouble(object);
  return {
    namespace: metadata.namespace ?? "",
    name: metadata.name,
    component: labels[LABEL.component] ?? "",
    ...(modelDeployment === undefined ? {} : { modelDeployment }),
    observed: {
      name: metadata.name,
      revision: labels[LABEL.modelRevision] ?? "",
      pool: labels[LABEL.pool] ?? "",
      isReady: conditionStatus(object, "Ready") === "True",
      isTerminating: metadata.deletionTimestamp !== undefined || hasEnded(object),
      ...(trouble === undefined ? {} : { trouble }),
    },
  };
}

/** A pod whose containers have ended for good (evicted, say) counts for nothing, though its object is still there. */
function hasEnded(pod: KubeObject): boolean {
  const phase = asString(valueAt(pod, "status", "phase"));
  return phase === "Failed" || phase === "Succeeded";
}

function condition(pod: KubeObject, type: string): unknown {
  return asList(valueAt(pod, "status", "conditions")).find((entry) => valueAt(entry, "type") === type);
}

function conditionStatus(pod: KubeObject, type: string): string | undefined {
  return asString(valueAt(condition(pod, type), "status"));
}

function podTrouble(pod: KubeObject): PodTrouble | undefined {
  const scheduled = condition(pod, "PodScheduled");
  if (valueAt(scheduled, "status") === "False" && valueAt(scheduled, "reason") === "Unschedulable") {
    return { type: "Unschedulable", message: asString(valueAt(scheduled, "message")) ?? "no node fits" };
  }
  for (const field of ["initContainerStatuses", "containerStatuses"]) {
    for (const container of asList(valueAt(pod, "status", field))) {
      const trouble = containerTrouble(container);
      if (trouble !== undefined) return trouble;
    }
  }
  return undefined;
}

/** Waiting for these is the ordinary way of a pod. */
const ORDINARY_WAITING = new Set(["ContainerCreating", "PodInitializing"]);
const IMAGE_TROUBLE = new Set(["ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName"]);

function containerTrouble(container: unknown): PodTrouble | undefined {
  const name = asString(valueAt(container, "name")) ?? "";
  if (valueAt(container, "ready") === true) return undefined;
  const waiting = asString(valueAt(container, "state", "waiting", "reason"));
  const ended = lastFailure(container);
  if (ended !== undefined) return failureTrouble(name, ended);
  if (waiting === undefined || ORDINARY_WAITING.has(waiting)) return undefined;
  const image = asString(valueAt(container, "image")) ?? "";
  const message = IMAGE_TROUBLE.has(waiting)
    ? `image ${image} cannot be pulled`
    : [waiting, asString(valueAt(container, "state", "waiting", "message"))].filter(Boolean).join(": ");
  return { type: "ContainerWaiting", message: `container ${name}: ${message}` };
}

/** How the container last ended, if it ended badly. */
function lastFailure(container: unknown): JsonRecord | undefined {
  for (const state of ["state", "lastState"]) {
    const terminated = valueAt(container, state, "terminated");
    const exitCode = asNumber(valueAt(terminated, "exitCode"));
    if (exitCode === undefined) continue;
    if (exitCode === 0) return undefined;
    return {
      reason: asString(valueAt(terminated, "reason")) ?? "Error",
      exitCode,
      message: asString(valueAt(terminated, "message"))?.trim() ?? "",
    };
  }
  return undefined;
}

function failureTrouble(container: string, ended: JsonRecord): PodTrouble {
  const report = parseJson(asString(ended["message"]) ?? "");
  const told = asString(valueAt(report, "message"));
  if (container === CONTAINER.fetch && told !== undefined) return { type: "FetchFailed", message: told };
  if (container === CONTAINER.serve && told !== undefined) return { type: "ModelNotLoaded", message: told };
  return {
    type: "ContainerWaiting",
    message: `container ${container} ended: ${ended["reason"]}, exit code ${ended["exitCode"]}`,
  };
}
