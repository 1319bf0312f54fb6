/**
 * What the API server refused of the prober of a drill. It ends the drill, and says nothing about the ModelDeployment, which
 * serves without it.
 */
import { RESOURCE } from "../../api/kube-resources.ts";
import { proberJobName, probersGroupName } from "../child-names.ts";
import type { Observation, ObservedDrill, Refusal } from "../observation.ts";
import type { DrillObstacle } from "./advance-drill.ts";

type Seen = Pick<Observation, "deployment" | "drills" | "refusals">;

function jobKey({ metadata }: Observation["deployment"], { uid }: ObservedDrill): string {
  return `${RESOURCE.job.kind}/${proberJobName(metadata.name, uid)}`;
}

function policyKey({ metadata }: Observation["deployment"]): string {
  return `${RESOURCE.networkPolicy.kind}/${probersGroupName(metadata.name)}`;
}

/** Why there can be no prober of a drill; undefined as far as is known. */
export function proberRefusal(
  { deployment, refusals = [] }: Seen,
  drill: ObservedDrill,
): DrillObstacle | undefined {
  const needed = [policyKey(deployment), jobKey(deployment, drill)];
  const refusal = refusals.find(({ object }) => needed.includes(object));
  return refusal === undefined
    ? undefined
    : { reason: "ProberRefused", message: `${refusal.object}: ${refusal.message}` };
}

/** What was refused of the ModelDeployment itself; undefined where that is not known. */
export function refusalsButOfProbers({
  deployment,
  drills = [],
  refusals,
}: Seen): readonly Refusal[] | undefined {
  const ofProbers = new Set([policyKey(deployment), ...drills.map((drill) => jobKey(deployment, drill))]);
  return refusals?.filter(({ object }) => !ofProbers.has(object));
}
