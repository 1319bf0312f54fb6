/**
 * What the API wants of this router, from the ModelDeployments and pods of its namespace.
 *
 * Parts that did not change stay the same objects, so that what is rendered from them is rendered once.
 */
import type { ModelServerEndpoint } from "../render/envoy/endpoints.ts";
import type { ObservedPod } from "./observed-pod.ts";
import type { ObservedTraffic } from "./planned-traffic.ts";
import type { DesiredConfiguration } from "./sequence.ts";

/**
 * Puts together plans and endpoints.
 *
 * @param before the last result, whose unchanged parts are used again.
 */
export function desiredConfiguration(
  deployments: readonly ObservedTraffic[],
  pods: readonly ObservedPod[],
  before: DesiredConfiguration,
): DesiredConfiguration {
  const endpoints = endpointsByDeployment(pods);
  return new Map(
    deployments
      .filter(({ isLeaving }) => !isLeaving)
      .map(({ name, traffic, invalid }) => [
        name,
        {
          ...(traffic === undefined ? {} : { traffic }),
          ...(invalid === undefined ? {} : { invalid }),
          endpoints: sameWhenEqual(before.get(name)?.endpoints, endpoints.get(name) ?? []),
        },
      ]),
  );
}

function endpointsByDeployment(
  pods: readonly ObservedPod[],
): ReadonlyMap<string, readonly ModelServerEndpoint[]> {
  const endpoints = new Map<string, ModelServerEndpoint[]>();
  for (const { endpoint } of pods) {
    if (endpoint === undefined) continue;
    const { modelDeployment, ...rest } = endpoint;
    const list = endpoints.get(modelDeployment);
    if (list === undefined) endpoints.set(modelDeployment, [rest]);
    else list.push(rest);
  }
  for (const list of endpoints.values()) list.sort((left, right) => (left.pod < right.pod ? -1 : 1));
  return endpoints;
}

function sameWhenEqual(
  before: readonly ModelServerEndpoint[] | undefined,
  after: readonly ModelServerEndpoint[],
): readonly ModelServerEndpoint[] {
  return before !== undefined && JSON.stringify(before) === JSON.stringify(after) ? before : after;
}
