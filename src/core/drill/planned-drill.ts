/**
 * A drill as a part of the traffic plan: what routers carry out of it, from what it asks of them. Pure.
 *
 * Taking the fault back, and taking the drill out of the plan, are the same change as any other one of the plan: acknowledged
 * by its epoch.
 */
import { formatDuration } from "../../api/duration.ts";
import type { PlannedDrill, PlannedFault } from "../../api/planned-drill.ts";
import type { TrafficPlan } from "../../api/traffic-plan.ts";
import type { AskedOfRouters } from "./drill-state.ts";

/** What every try of the target meets, as a fault says it. */
export type FaultEffect = Pick<PlannedFault, "status" | "delay">;

/** A drill as its routes need it. */
export interface RoutedDrill extends Pick<PlannedDrill, "name" | "pool" | "key"> {
  readonly effect: FaultEffect;
  /** How long routers let the fault be, whatever their clocks show. */
  readonly longestMilliseconds: number;
}

/** The part of the plan; nothing while nothing is asked for. */
export function plannedDrill(asked: AskedOfRouters, drill: RoutedDrill): Pick<TrafficPlan, "drill"> {
  if (asked.routes === "None") return {};
  const { name, pool, key, effect, longestMilliseconds } = drill;
  const routes = { name, pool, key };
  if (asked.routes === "Probes") return { drill: routes };
  const until = new Date(asked.expiryMilliseconds).toISOString();
  return { drill: { ...routes, fault: { ...effect, until, longest: formatDuration(longestMilliseconds) } } };
}
