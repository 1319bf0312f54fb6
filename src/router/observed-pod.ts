/**
 * What a router reads of a pod: whether a model server may get requests, and whether a router is on its way out.
 *
 * The kubelet's readiness plays no part: Envoy asks the model servers itself, and far more often.
 */
import { isIP } from "node:net";
import { asList, asString, valueAt } from "../api/json.ts";
import type { KubeObject } from "../api/kube-object.ts";
import { COMPONENT, CONTAINER, LABEL } from "../api/names.ts";
import type { ModelServerEndpoint } from "../render/envoy/endpoints.ts";
import { inlinePorts } from "../render/model-servers/inline-sidecar.ts";

/** A pod of Petrel. */
export interface ObservedPod {
  readonly name: string;
  readonly uid: string;
  readonly isTerminating: boolean;
  /** Its containers have ended for good, though its object is still there. */
  readonly hasEnded?: true;
  /** Of a model server that has been ready once and is not terminating. */
  readonly endpoint?: ModelServerEndpoint & { readonly modelDeployment: string };
}

/** Reads a pod. */
export function readPod(pod: KubeObject): ObservedPod {
  const { name, uid = "", deletionTimestamp } = pod.metadata;
  const phase = valueAt(pod, "status", "phase");
  const endpoint = deletionTimestamp === undefined ? readEndpoint(pod) : undefined;
  return {
    name,
    uid,
    isTerminating: deletionTimestamp !== undefined,
    ...(phase === "Failed" || phase === "Succeeded" ? { hasEnded: true } : {}),
    ...(endpoint === undefined ? {} : { endpoint }),
  };
}

function readEndpoint(pod: KubeObject): ObservedPod["endpoint"] {
  const { name, labels = {} } = pod.metadata;
  const {
    [LABEL.component]: component,
    [LABEL.modelDeployment]: modelDeployment,
    [LABEL.pool]: pool,
    [LABEL.modelRevision]: revision,
  } = labels;
  const ip = asString(valueAt(pod, "status", "podIP")) ?? "";
  const ports = inlinePorts(pod);
  const isServing =
    component === COMPONENT.modelServer &&
    valueAt(pod, "status", "phase") === "Running" &&
    hasStarted(pod, ports !== undefined);
  if (!isServing || isIP(ip) === 0) return undefined;
  if (modelDeployment === undefined || pool === undefined || revision === undefined) return undefined;
  return { pod: name, ip, pool, revision, modelDeployment, ...(ports === undefined ? {} : { ports }) };
}

/**
 * The startup probe of the model server asks for readiness, so "started" means that the model has been ready
 * since the container began. A pod that is listed before would count as a failed one and move traffic away. So would one
 * whose sidecar does not listen yet, where requests pass through that.
 */
function hasStarted(pod: KubeObject, isBehindSidecar: boolean): boolean {
  const isStarted = (list: string, name: string) =>
    asList(valueAt(pod, "status", list)).some(
      (status) => valueAt(status, "name") === name && valueAt(status, "started") === true,
    );
  return (
    isStarted("containerStatuses", CONTAINER.serve) &&
    (!isBehindSidecar || isStarted("initContainerStatuses", CONTAINER.sidecar))
  );
}
