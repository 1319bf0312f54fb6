/**
 * Asks the API server whether what the whole namespace shares may go. A cache that is behind, as that of an instance which
 * no longer leads, knows nothing of a ModelDeployment that has just come, and would take away what it rests on. Such things
 * go so rarely that the question costs nothing.
 */
import type { KubeObject } from "../api/kube-object.ts";
import { RESOURCE } from "../api/kube-resources.ts";
import type { KubePort } from "../kube/port.ts";

const PAGE_SIZE = 100;

/**
 * Rejects when a ModelDeployment of the namespace needs it.
 *
 * @param what it is, for the message: `routers`.
 */
export async function confirmUnneeded(
  port: Pick<KubePort, "list">,
  namespace: string,
  what: string,
  needs: (modelDeployment: KubeObject) => boolean,
): Promise<void> {
  let continueToken: string | undefined;
  do {
    const page = await port.list(RESOURCE.modelDeployment, {
      namespace,
      limit: PAGE_SIZE,
      ...(continueToken === undefined ? {} : { continueToken }),
    });
    const needing = page.items.find(needs);
    if (needing !== undefined)
      throw new Error(`namespace ${namespace}: ${needing.metadata.name} needs its ${what} by now`);
    continueToken = page.continueToken;
  } while (continueToken !== undefined);
}
