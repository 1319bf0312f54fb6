/**
 * What a router reports about one ModelDeployment: it stands on the EndpointSlice that the router keeps for it.
 */
import { asList, asString, valueAt } from "../../api/json.ts";
import type { KubeObject } from "../../api/kube-object.ts";
import { ANNOTATION, LABEL } from "../../api/names.ts";

/** A router's report about one ModelDeployment. */
export interface RouterReport {
  readonly namespace: string;
  readonly modelDeployment: string;
  /** Name of the router's pod. */
  readonly router: string;
  /** Its endpoint is not marked as not ready: the Service sends it requests. */
  readonly takesRequests: boolean;
  readonly acknowledgedEpoch: number;
  readonly rejection?: string;
  /** What is wrong with a Secret or ConfigMap that the plan needs. */
  readonly credentialProblem?: string;
}

/** Reads the report from a router's EndpointSlice. */
export function projectRouterReport(object: KubeObject): RouterReport {
  const { metadata } = object;
  const epoch = Number(metadata.annotations?.[ANNOTATION.acknowledgedEpoch] ?? "0");
  const rejection = metadata.annotations?.[ANNOTATION.rejection];
  const credentialProblem = metadata.annotations?.[ANNOTATION.credentialProblem];
  const endpoint = asList(object["endpoints"])[0];
  return {
    namespace: metadata.namespace ?? "",
    modelDeployment: metadata.labels?.[LABEL.modelDeployment] ?? "",
    router: asString(valueAt(endpoint, "targetRef", "name")) ?? "",
    takesRequests: endpoint !== undefined && valueAt(endpoint, "conditions", "ready") !== false,
    acknowledgedEpoch: Number.isSafeInteger(epoch) && epoch > 0 ? epoch : 0,
    ...(rejection === undefined ? {} : { rejection }),
    ...(credentialProblem === undefined ? {} : { credentialProblem }),
  };
}
