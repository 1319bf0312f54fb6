/**
 * All faults, by the type under which people ask for them. A new one is a file and a line here.
 */
import { errors } from "./errors.ts";
import type { Fault } from "./fault.ts";
import { hang } from "./hang.ts";
import { latency } from "./latency.ts";
import { poolLoss } from "./pool-loss.ts";

/** The faults. */
export const FAULTS = {
  PoolLoss: poolLoss,
  Errors: errors,
  Latency: latency,
  Hang: hang,
} as const satisfies Readonly<Record<string, Fault>>;

/** Type of a fault. */
export type FaultType = keyof typeof FAULTS;
