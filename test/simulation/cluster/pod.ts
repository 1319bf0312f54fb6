/**
 * Reading of pods, as the parts of a cluster read them. Pure.
 */
import { asList, asString, valueAt } from "../../../src/api/json.ts";
import type { KubeObject, ObjectReference } from "../../../src/api/kube-object.ts";
import { RESOURCE } from "../../../src/api/kube-resources.ts";
import { COMPONENT, CONTAINER, LABEL } from "../../../src/api/names.ts";

/** Names a pod. */
export function podReference({ metadata }: KubeObject): ObjectReference {
  return { resource: RESOURCE.pod, namespace: metadata.namespace ?? "", name: metadata.name };
}

/** Whether its condition Ready is True. */
export function isReady(pod: KubeObject): boolean {
  const conditions = asList(valueAt(pod, "status", "conditions"));
  const ready = conditions.find((condition) => valueAt(condition, "type") === "Ready");
  return valueAt(ready, "status") === "True";
}

/** Whether it is being deleted. */
export function isTerminating({ metadata }: KubeObject): boolean {
  return metadata.deletionTimestamp !== undefined;
}

/** Whether its containers have ended for good. */
export function hasEnded(pod: KubeObject): boolean {
  const phase = valueAt(pod, "status", "phase");
  return phase === "Failed" || phase === "Succeeded";
}

/** The node that it is bound to. */
export function nodeOf(pod: KubeObject): string | undefined {
  return asString(valueAt(pod, "spec", "nodeName"));
}

/** Whether it is a router. */
export function isRouter({ metadata }: KubeObject): boolean {
  return metadata.labels?.[LABEL.component] === COMPONENT.router;
}

/** URI of the model that its init container fetches; undefined where there is none. */
export function modelUri(pod: KubeObject): string | undefined {
  const fetch = asList(valueAt(pod, "spec", "initContainers")).find(
    (container) => valueAt(container, "name") === CONTAINER.fetch,
  );
  const words = asList(valueAt(fetch, "args"));
  return asString(words[words.indexOf("--uri") + 1]);
}
