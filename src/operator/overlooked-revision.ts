/**
 * Whether the stable revision of a ModelDeployment is lost, or only not seen yet.
 *
 * What is lost gives way to the next revision at once, for nobody can know it any more. Each kind of object has a watch of
 * its own, and one may be far behind another, so before anything follows from it the API server is asked.
 */
import { RESOURCE } from "../api/kube-resources.ts";
import type { ModelDeployment } from "../api/model-deployment.ts";
import { LABEL, MANAGED_BY } from "../api/names.ts";
import type { LiveObjects } from "../core/observation.ts";
import { isNotFound, type KubePort } from "../kube/port.ts";
import { liveKey } from "./gather.ts";

/**
 * Asks for the stable revision when the caches do not have it.
 *
 * @throws {Error} when it stands: what has been gathered is too old to decide by.
 */
export async function requireStableSeen(
  port: Pick<KubePort, "get">,
  { metadata, status }: ModelDeployment,
  live: LiveObjects,
): Promise<void> {
  const name = status.revisions?.stable;
  const { kind } = RESOURCE.controllerRevision;
  if (name === undefined || live.has(liveKey({ kind, metadata: { name } }))) return;
  const reference = { resource: RESOURCE.controllerRevision, namespace: metadata.namespace, name };
  const stored = await port.get(reference).catch((error: unknown) => {
    if (isNotFound(error)) return undefined;
    throw error;
  });
  const { labels, ownerReferences, deletionTimestamp } = stored?.metadata ?? {};
  const isOurs = ownerReferences?.some(({ controller, uid }) => controller === true && uid === metadata.uid);
  if (isOurs !== true || deletionTimestamp !== undefined || labels?.[LABEL.managedBy] !== MANAGED_BY) return;
  throw new Error(`the watch of ${kind}s is behind: ${name} stands, and has not been seen yet`);
}
