/**
 * How a router reads and marks the EndpointSlices of other routers. Pure.
 *
 * A mark is one value of the whole list `endpoints`, which server-side apply gives to one field manager at a time:
 * not ready, serving, not terminating. A router never says this of itself, so a mark needs no note beside it. Its
 * own router undoes it by applying what it wants, as it does with whatever else stands there; nobody else does.
 */
import { isIP } from "node:net";
import { asList, asRecord, asString, valueAt } from "../api/json.ts";
import type { KubeObject } from "../api/kube-object.ts";
import { ANNOTATION, LABEL } from "../api/names.ts";

/** A router as its EndpointSlices tell of it. */
export interface Peer {
  /** Uid of its pod. */
  readonly uid: string;
  readonly podName: string;
  readonly address: string;
}

/** How an endpoint stands. */
export interface EndpointConditions {
  readonly ready: boolean;
  readonly serving: boolean;
  readonly terminating: boolean;
}

/** What another router marks a lost one with. */
export const MARKED: EndpointConditions = { ready: false, serving: true, terminating: false };

/** The router of an EndpointSlice; undefined when it does not tell. */
export function peerOf(slice: KubeObject): Peer | undefined {
  const endpoint = endpointOf(slice);
  const uid = asString(valueAt(endpoint, "targetRef", "uid"));
  const podName = asString(valueAt(endpoint, "targetRef", "name"));
  const address = asString(asList(valueAt(endpoint, "addresses"))[0]);
  if (uid === undefined || podName === undefined || address === undefined || isIP(address) === 0)
    return undefined;
  return { uid, podName, address };
}

/** Whether the Service sends new connections to the router of this EndpointSlice. */
export function takesConnections(slice: KubeObject): boolean {
  return valueAt(endpointOf(slice), "conditions", "ready") === true;
}

/** Whether the router of this EndpointSlice has said that it leaves. */
export function isLeaving(slice: KubeObject): boolean {
  return valueAt(endpointOf(slice), "conditions", "terminating") === true;
}

/** Whether the router of this EndpointSlice is about to mark another one: then it lives. */
export function isMarking({ metadata }: KubeObject): boolean {
  return metadata.annotations?.[ANNOTATION.marking] !== undefined;
}

/**
 * The EndpointSlices of a lost router that another one may mark, of those that were just read: each that takes
 * connections where the other one takes them itself. So the last one is never marked: a router that may be lost is
 * better than none.
 *
 * @param by uid of the router that would mark them.
 */
export function slicesToMark(slices: readonly KubeObject[], lost: string, by: string): readonly KubeObject[] {
  const taking = slices.filter(takesConnections);
  const covered = new Set(slicesOf(taking, by).map(serviceOf));
  return slicesOf(taking, lost).filter((slice) => covered.has(serviceOf(slice)));
}

/** The EndpointSlices of one router that are of the same ModelDeployments as others. */
export function counterpartsOf(
  others: readonly KubeObject[],
  slices: readonly KubeObject[],
  uid: string,
): readonly KubeObject[] {
  const services = new Set(others.map(serviceOf));
  return slicesOf(slices, uid).filter((slice) => services.has(serviceOf(slice)));
}

/** The EndpointSlices of one router, by the uid of its pod. */
export function slicesOf(slices: readonly KubeObject[], uid: string): readonly KubeObject[] {
  return slices.filter((slice) => peerOf(slice)?.uid === uid);
}

/** What to apply to one's own EndpointSlice before and after one marks others. */
export function renderMarking(slice: KubeObject, isMarking: boolean): KubeObject {
  return applyTo(slice, isMarking ? { annotations: { [ANNOTATION.marking]: "true" } } : {});
}

/** What to apply to mark an EndpointSlice: for this very version of it alone. */
export function renderMark(slice: KubeObject): KubeObject {
  const { resourceVersion } = slice.metadata;
  return {
    ...applyTo(slice, resourceVersion === undefined ? {} : { resourceVersion }),
    endpoints: asList(slice["endpoints"]).map((endpoint) => ({ ...asRecord(endpoint), conditions: MARKED })),
  };
}

/** An apply to this very object: with the uid, it does not bring back what was deleted meanwhile. */
function applyTo(
  { apiVersion, kind, metadata }: KubeObject,
  more: Partial<KubeObject["metadata"]>,
): KubeObject {
  const { name, namespace, uid } = metadata;
  return {
    apiVersion,
    kind,
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(uid === undefined ? {} : { uid }),
      ...more,
    },
  };
}

function endpointOf(slice: KubeObject): unknown {
  return asList(slice["endpoints"])[0];
}

function serviceOf({ metadata }: KubeObject): string {
  return metadata.labels?.[LABEL.modelDeployment] ?? "";
}
