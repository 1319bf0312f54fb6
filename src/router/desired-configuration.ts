/**
 * What the API wants of this router, from the ModelDeployments and pods of its namespace.
 *
 * Parts that did not change stay the same objects, so that what is rendered from them is rendered once.
 */
import type { TrafficPlan } from "../api/traffic-plan.ts";
import type { ModelServerEndpoint } from "../render/envoy/endpoints.ts";
import type { ObservedPod } from "./observed-pod.ts";
import type { ObservedTraffic } from "./planned-traffic.ts";
import type { ResolvedTraffic } from "./resolved-plans.ts";
import type { DesiredConfiguration } from "./sequence.ts";

/**
 * Puts together plans and endpoints.
 *
 * @param before the last result, whose unchanged parts are used again.
 * @param resolve looks for what a plan needs beside itself; gives the same object for the same plan and files.
 */
export function desiredConfiguration(
  deployments: readonly ObservedTraffic[],
  pods: readonly ObservedPod[],
  before: DesiredConfiguration,
  resolve: (name: string, plan: TrafficPlan) => ResolvedTraffic,
): DesiredConfiguration {
  const endpoints = endpointsByDeployment(pods);
  return new Map(
    deployments
      .filter(({ isLeaving }) => !isLeaving)
      .map(({ name, traffic, unresolved, invalid }) => [
        name,
        {
          ...(traffic === undefined ? {} : { traffic }),
          ...(unresolved === undefined ? {} : resolve(name, unresolved)),
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
