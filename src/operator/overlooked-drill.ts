/**
 * Whether the drill whose turn it is has gone, or is only not seen yet.
 *
 * When it has gone, another one may have its turn at once. Each kind of object has a watch of its own, and one may be far behind
 * another, so before anything follows from it the API server is asked: two drills must never be at one target.
 */
import { RESOURCE } from "../api/kube-resources.ts";
import type { ModelDeployment } from "../api/model-deployment.ts";
import { isNotFound, type KubePort } from "../kube/port.ts";
import { type Caches, ownerKey } from "./caches.ts";

/**
 * Asks for the drill that the status names when the cache does not have it.
 *
 * @throws {Error} when it stands: what has been gathered is too old to decide by.
 */
export async function requireDrillSeen(
  port: Pick<KubePort, "get">,
  { metadata, status }: ModelDeployment,
  { drills }: Pick<Caches, "drills">,
): Promise<void> {
  if (status.drill === undefined) return;
  const { name, uid } = status.drill;
  const known = drills.get(ownerKey(metadata.namespace, name));
  if (known?.uid === uid) return;
  const reference = { resource: RESOURCE.failoverDrill, namespace: metadata.namespace, name };
  const stored = await port.get(reference).catch((error: unknown) => {
    if (isNotFound(error)) return undefined;
    throw error;
  });
  if (stored?.metadata.uid !== uid) return;
  throw new Error(
    `the watch of ${reference.resource.kind}s is behind: ${name} stands, and has not been seen yet`,
  );
}
