/**
 * What the operator keeps of a pod: which model servers it belongs to, whether it is ready, and why not.
 */
import { heldByPod } from "../../api/devices.ts";
import { asList, asString, valueAt } from "../../api/json.ts";
import type { KubeObject } from "../../api/kube-object.ts";
import { COMPONENT, CONTAINER, LABEL } from "../../api/names.ts";
import type { ObservedPod, ObservedValidation } from "../../core/observation.ts";
import { podCondition, podConditionStatus, podTrouble } from "../../core/pods/pod-trouble.ts";
import { inlinePorts } from "../../render/model-servers/inline-sidecar.ts";
import { isCountingRouter } from "../../render/router.ts";
import { projectValidationPod } from "./validation-pod.ts";

/** A pod of Petrel, model server or router. */
export interface PodSummary {
  readonly namespace: string;
  readonly name: string;
  /** Value of the component label. */
  readonly component: string;
  /** Name of the ModelDeployment; absent for routers. */
  readonly modelDeployment?: string;
  /** Uid of the ModelDeployment; absent for routers, and for pods of a template that did not say it. */
  readonly modelDeploymentUid?: string;
  readonly observed: ObservedPod;
  /** IP address of a pod of a router or a prober; absent for others, which nobody asks. */
  readonly address?: string;
  /** Uid of the Job that a prober's pod belongs to; absent for what is none, or belongs to nothing. */
  readonly proberJob?: string;
  /** A router that tells the collector of answers, and takes labels to it. */
  readonly isCountingRouter: boolean;
  /** What it tells of a validation; absent for what is no pod of one. */
  readonly validation?: ObservedValidation;
}

/** Projects a pod of Petrel. */
export function projectPod(object: KubeObject): PodSummary {
  const { metadata } = object;
  const labels = metadata.labels ?? {};
  const modelDeployment = labels[LABEL.modelDeployment];
  const modelDeploymentUid = labels[LABEL.modelDeploymentUid];
  const templateId = labels[LABEL.podTemplate];
  const devices = heldByPod(object["spec"]);
  const trouble = podTrouble(object);
  const validation = projectValidationPod(object);
  const readySince = readySinceMilliseconds(object);
  const created = Date.parse(metadata.creationTimestamp ?? "");
  const isRouter = labels[LABEL.component] === COMPONENT.router;
  const controller = metadata.ownerReferences?.find((owner) => owner.controller === true)?.uid;
  const proberJob = labels[LABEL.component] === COMPONENT.prober ? controller : undefined;
  const address =
    isRouter || proberJob !== undefined ? asString(valueAt(object, "status", "podIP")) : undefined;
  return {
    namespace: metadata.namespace ?? "",
    name: metadata.name,
    component: labels[LABEL.component] ?? "",
    ...(modelDeployment === undefined ? {} : { modelDeployment }),
    ...(modelDeploymentUid === undefined ? {} : { modelDeploymentUid }),
    observed: {
      name: metadata.name,
      revision: labels[LABEL.modelRevision] ?? "",
      pool: labels[LABEL.pool] ?? "",
      isReady: podConditionStatus(object, "Ready") === "True" || lacksSidecarAlone(object),
      isTerminating: metadata.deletionTimestamp !== undefined || hasEnded(object),
      ...(Number.isFinite(created) ? { createdMilliseconds: created } : {}),
      ...(readySince === undefined ? {} : { readySinceMilliseconds: readySince }),
      ...(templateId === undefined ? {} : { templateId }),
      ...(Object.keys(devices).length === 0 ? {} : { devices }),
      ...(trouble === undefined ? {} : { trouble }),
    },
    ...(address === undefined ? {} : { address }),
    ...(proberJob === undefined ? {} : { proberJob }),
    isCountingRouter: isRouter && isCountingRouter(object),
    ...(validation === undefined ? {} : { validation }),
  };
}

/** One that is started again, or fails its checks for a while, is ready since then. */
function readySinceMilliseconds(object: KubeObject): number | undefined {
  const condition = podCondition(object, "Ready");
  if (valueAt(condition, "status") !== "True") return undefined;
  const since = Date.parse(asString(valueAt(condition, "lastTransitionTime")) ?? "");
  return Number.isFinite(since) ? since : undefined;
}

/**
 * A pod that is not ready for its sidecar alone, because that is being started again. It answers requests all the same,
 * and routers go on to send it some. Not so where requests pass through the sidecar.
 */
function lacksSidecarAlone(pod: KubeObject): boolean {
  if (inlinePorts(pod) !== undefined) return false;
  if (valueAt(podCondition(pod, "Ready"), "reason") !== "ContainersNotReady") return false;
  const unready = ["initContainerStatuses", "containerStatuses"]
    .flatMap((field) => asList(valueAt(pod, "status", field)))
    .filter((status) => valueAt(status, "ready") !== true)
    .map((status) => valueAt(status, "name"));
  return unready.length === 1 && unready[0] === CONTAINER.sidecar;
}

/** A pod whose containers have ended for good (evicted, say) counts for nothing, though its object is still there. */
function hasEnded(pod: KubeObject): boolean {
  const phase = asString(valueAt(pod, "status", "phase"));
  return phase === "Failed" || phase === "Succeeded";
}
