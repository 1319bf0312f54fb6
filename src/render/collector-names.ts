/**
 * How the parts of a namespace find its collector, and what is theirs in its Secret.
 */

/** Name of every object of the collector. */
export const COLLECTOR_NAME = "petrel-collector";

/** Ports of the collector's pod and Service. */
export const COLLECTOR_PORT = { feedback: 8085, internal: 8086, http: 9090 } as const;

/** Keys of the Secret. */
export const COLLECTOR_KEY = {
  settings: "settings.json",
  keys: "keys.json",
  accessTokens: "access-tokens",
  /** With what a model revision signs. Names of revisions are unique in a namespace. */
  ofRevision: (revision: string) => `key.${revision}.json`,
} as const;

/** The host by which routers and Envoy find it. */
export function collectorHost(namespace: string): string {
  return `${COLLECTOR_NAME}.${namespace}.svc`;
}
