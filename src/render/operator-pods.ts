/**
 * The operators' pods, as a NetworkPolicy lets them in.
 */
import type { JsonRecord } from "../api/json.ts";

/** Where they are, and what selects them. */
export interface OperatorPods {
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** The peer of a NetworkPolicy. */
export function operatorPeer({ namespace, labels }: OperatorPods): JsonRecord {
  return {
    namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": namespace } },
    podSelector: { matchLabels: labels },
  };
}
