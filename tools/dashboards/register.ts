/**
 * All dashboards, in the order in which they lead from the whole to a part.
 */
import type { Dashboard } from "@grafana/schema";
import { dashboard } from "./dashboard.ts";
import { deployment } from "./deployment.ts";
import { fleet } from "./fleet.ts";
import { quality } from "./quality.ts";
import { rollout } from "./rollout.ts";

/** By the name of its file, without `.json`. */
export const DASHBOARDS: ReadonlyMap<string, Dashboard> = new Map(
  [fleet, deployment, rollout, quality].map((one) => [one.name, dashboard(one)]),
);
