/**
 * How the pods of model servers give way to those of another template. Pure.
 *
 * A device may not be free for a pod more, and nothing but the end of another pod may ever free one: pods with
 * devices are replaced in their places. That must never cost what serves: not where the end of a pod frees nothing
 * that its successor needs, and not where there is no second pod that serves meanwhile.
 */
import { type Devices, heldByPod, heldByPoolPod } from "../../api/devices.ts";
import type { Replacement } from "../../render/model-servers/pod-placement.ts";
import type { PlannedModelServers } from "../capacity/plan-capacity.ts";
import { observedServers } from "../model-servers.ts";
import type { Observation } from "../observation.ts";
import { podsOf } from "../readiness.ts";

/** Decides how the pods of these model servers are replaced. */
export function replacementOf(observation: Observation, servers: PlannedModelServers): Replacement {
  const { revision, pool, replicas } = servers;
  const needed = heldByPoolPod(pool);
  const standing = observedServers(observation, servers);
  // Those that stand are sized only after the template is applied.
  const isAlone = replicas <= 1 || standing?.replicas === 1;
  if (Object.keys(needed).length === 0 || isAlone) return "BeforeItGoes";
  // Both: the template is newer than the pods in the middle of an update, and known before them at the beginning.
  const holdings = [
    ...(standing === undefined ? [] : [heldByPod(standing.template["spec"])]),
    ...podsOf(observation, revision.name, pool.name).map(({ devices }) => devices ?? {}),
  ];
  const frees = (held: Devices) =>
    Object.entries(needed).every(([device, amount]) => (held[device] ?? 0) >= amount);
  return holdings.every(frees) ? "InItsPlace" : "BeforeItGoes";
}
