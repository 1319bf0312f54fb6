/**
 * Why a pod of model servers is not ready, as far as the API tells: in the words of the scheduler, of `fetch` and of
 * the model server. Pure.
 *
 * Texts that change with every retry (back-off times) are left out, so that a pod that fails the same way again is no
 * news.
 */
import { asList, asNumber, asString, type JsonRecord, parseJson, valueAt } from "../../api/json.ts";
import type { KubeObject } from "../../api/kube-object.ts";
import { CONTAINER, SERVE_CHECK } from "../../api/names.ts";
import type { PodTrouble } from "../observation.ts";

/** A condition of a pod; undefined where it has none of the type. */
export function podCondition(pod: KubeObject, type: string): unknown {
  return asList(valueAt(pod, "status", "conditions")).find((entry) => valueAt(entry, "type") === type);
}

/** Status of a condition of a pod. */
export function podConditionStatus(pod: KubeObject, type: string): string | undefined {
  return asString(valueAt(podCondition(pod, type), "status"));
}

/** Why a pod is not ready; undefined when nothing is known to be wrong with it. */
export function podTrouble(pod: KubeObject): PodTrouble | undefined {
  const scheduled = podCondition(pod, "PodScheduled");
  if (valueAt(scheduled, "status") === "False" && valueAt(scheduled, "reason") === "Unschedulable") {
    return { type: "Unschedulable", message: asString(valueAt(scheduled, "message")) ?? "no node fits" };
  }
  for (const field of ["initContainerStatuses", "containerStatuses"]) {
    for (const container of asList(valueAt(pod, "status", field))) {
      const trouble = modelImageTrouble(pod, container) ?? containerTrouble(container);
      if (trouble !== undefined) return trouble;
    }
  }
  return undefined;
}

/** Waiting for these is the ordinary way of a pod. */
const ORDINARY_WAITING = new Set(["ContainerCreating", "PodInitializing"]);
const IMAGE_TROUBLE = new Set(["ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName"]);

/** A model that is an image is fetched by the kubelet, which tells its trouble as that of the container that waits. */
function modelImageTrouble(pod: KubeObject, container: unknown): PodTrouble | undefined {
  if (valueAt(container, "name") !== CONTAINER.fetch) return undefined;
  const waiting = valueAt(container, "state", "waiting");
  if (!IMAGE_TROUBLE.has(asString(valueAt(waiting, "reason")) ?? "")) return undefined;
  const message = asString(valueAt(waiting, "message")) ?? "";
  const images = asList(valueAt(pod, "spec", "volumes")).flatMap(
    (volume) => asString(valueAt(volume, "image", "reference")) ?? [],
  );
  const image = images.find((reference) => message.includes(reference));
  if (image === undefined) return undefined;
  return { type: "FetchFailed", message: `the model's image ${image} cannot be pulled` };
}

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
  if (container === CONTAINER.serve && told !== undefined) {
    const isAboutProvider = valueAt(report, "check") === SERVE_CHECK.executionProvider;
    return { type: isAboutProvider ? "ExecutionProviderMissing" : "ModelNotLoaded", message: told };
  }
  return {
    type: "ContainerWaiting",
    message: `container ${container} ended: ${ended["reason"]}, exit code ${ended["exitCode"]}`,
  };
}
