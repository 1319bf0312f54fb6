/**
 * What a container of a model pod reserves and may use.
 */
import type { PoolSpec } from "../../api/pool.ts";
import { quantities } from "../quantities.ts";
import type { ObservedRequests } from "./sidecar-settings.ts";

/**
 * What the scheduler reserves when the spec does not say. Without any request a pod gets CPU time only when nobody
 * else on the node wants it: requests then time out as soon as the node is busy. The model lies in the pod's ephemeral
 * storage; a node that runs short of it evicts first who has asked for less than it uses.
 */
export const DEFAULT_REQUESTS = { cpu: "250m", memory: "128Mi", "ephemeral-storage": "1Gi" } as const;

/** What a sidecar reserves for the files of a training log, and for the rest that it writes. */
const LOGGING_STORAGE = { "ephemeral-storage": "192Mi" } as const;

/** Resources of the model server of a pool. */
export function containerResources(pool: PoolSpec) {
  const limits = quantities(pool.resources?.limits ?? {});
  // A limit without a request is the request too (a rule of Kubernetes), so no default may stand before it.
  const requests = { ...DEFAULT_REQUESTS, ...limits, ...quantities(pool.resources?.requests ?? {}) };
  const claims = (pool.resourceClaims ?? []).map(({ name }) => ({ name }));
  return {
    requests,
    ...(Object.keys(limits).length === 0 ? {} : { limits }),
    ...(claims.length === 0 ? {} : { claims }),
  };
}

/** Resources of a sidecar: what the spec states, and what it gets where that says nothing. */
export function sidecarResources(
  usualRequests: Readonly<Record<string, string>>,
  usualLimits: Readonly<Record<string, string>>,
  observed: ObservedRequests | undefined,
) {
  const usual = observed?.log === undefined ? usualRequests : { ...usualRequests, ...LOGGING_STORAGE };
  const stated = observed?.observe.resources;
  const [limits, requests] = [quantities(stated?.limits ?? {}), quantities(stated?.requests ?? {})];
  const bounds = "memory" in limits || "memory" in requests ? limits : { ...usualLimits, ...limits };
  return {
    // A limit without a request is the request too (a rule of Kubernetes), so no default may stand before it.
    requests: { ...usual, ...limits, ...requests },
    ...(Object.keys(bounds).length === 0 ? {} : { limits: bounds }),
  };
}
