/**
 * Who this router is: its pod, as the downward API tells it.
 */
import { isIPv6 } from "node:net";

/** The pod that a router runs in. */
export interface RouterIdentity {
  readonly namespace: string;
  readonly podName: string;
  readonly podUid: string;
  readonly podIp: string;
  readonly nodeName: string;
}

/** The address that listens on all interfaces of the pod. */
export function wildcardAddress({ podIp }: Pick<RouterIdentity, "podIp">): string {
  return isIPv6(podIp) ? "::" : "0.0.0.0";
}
