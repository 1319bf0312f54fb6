/**
 * Every invariant of the simulation.
 */
import { brokenModels } from "./broken-models.ts";
import { capacityBeforeTraffic } from "./capacity-before-traffic.ts";
import { convergence } from "./convergence.ts";
import { epochs } from "./epochs.ts";
import { foreignObjects } from "./foreign-objects.ts";
import type { Invariant, RestInvariant } from "./invariant.ts";
import { leftovers } from "./leftovers.ts";
import { ports } from "./ports.ts";
import { promotion } from "./promotion.ts";
import { trafficReadiness } from "./traffic-readiness.ts";
import { trafficWeights } from "./traffic-weights.ts";

/** Checked at every write. */
export const INVARIANTS: readonly Invariant[] = [
  trafficWeights,
  trafficReadiness,
  brokenModels,
  capacityBeforeTraffic,
  promotion,
  foreignObjects,
  epochs,
];

/** Checked once everything has come to rest. */
export const REST_INVARIANTS: readonly RestInvariant[] = [convergence, ports, leftovers];
