/**
 * Which pod is the prober of a drill: the one of the Job that the operator made for it, in the namespace of the drill.
 *
 * Labels alone name nobody: whoever may make a pod may write them. The key of a drill goes to no other address, and no verdict
 * comes from one.
 */
import { RESOURCE } from "../api/kube-resources.ts";
import { proberJobName } from "../core/child-names.ts";
import { type Caches, proberKey } from "./caches.ts";
import { childrenOf } from "./gather.ts";
import type { PodSummary } from "./projections/pod.ts";

/**
 * IP address of the prober of a drill, by its uid, of the ModelDeployment of this key; undefined while there is none. Of several
 * pods the first one that runs: what it has counted no later one can go on with.
 */
export function proberAddress(caches: Caches, key: string, drill: string): string | undefined {
  const deployment = caches.modelDeployments.get(key)?.deployment;
  if (deployment === undefined) return undefined;
  const { namespace, name } = deployment.metadata;
  const job = childrenOf(caches, deployment, RESOURCE.job.kind).find(
    ({ object }) => object.metadata.name === proberJobName(name, drill),
  );
  const uid = job?.object.metadata.uid;
  if (uid === undefined) return undefined;
  return caches.pods
    .byIndex("prober", proberKey(namespace, uid))
    .filter(({ address }) => address !== undefined)
    .toSorted(firstThatRuns)[0]?.address;
}

function firstThatRuns({ observed: left }: PodSummary, { observed: right }: PodSummary): number {
  return (
    Number(left.isTerminating) - Number(right.isTerminating) ||
    (left.createdMilliseconds ?? 0) - (right.createdMilliseconds ?? 0) ||
    (left.name < right.name ? -1 : 1)
  );
}
