/**
 * The Secret of a namespace's collector, read from the API by its name whenever it is needed: what is secret stays in no
 * cache.
 */
import { asString, valueAt } from "../api/json.ts";
import type { KubeObject } from "../api/kube-object.ts";
import { RESOURCE } from "../api/kube-resources.ts";
import { isNotFound, type KubePort } from "../kube/port.ts";
import { collectorLabels } from "../render/collector.ts";
import { COLLECTOR_NAME } from "../render/collector-names.ts";

/**
 * Reads it. Undefined where there is none, and where it is somebody else's or on its way out: then it is no knowledge of
 * ours. Rejects when the API does not tell.
 */
export async function collectorSecret(
  port: Pick<KubePort, "get">,
  namespace: string,
): Promise<KubeObject | undefined> {
  try {
    const secret = await port.get({ resource: RESOURCE.secret, name: COLLECTOR_NAME, namespace });
    const { labels = {}, deletionTimestamp } = secret.metadata;
    const isOurs = Object.entries(collectorLabels).every(([name, value]) => labels[name] === value);
    return isOurs && deletionTimestamp === undefined ? secret : undefined;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** The text under a key of the Secret; empty where there is none. */
export function secretText(secret: KubeObject | undefined, key: string): string {
  return Buffer.from(asString(valueAt(secret, "data", key)) ?? "", "base64").toString("utf8");
}
