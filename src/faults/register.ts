/**
 * All faults, by the type under which people ask for them. A new one is a file and a line here.
 */
import type { FaultType } from "../api/failover-drill.ts";
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
} as const satisfies Readonly<Record<FaultType, Fault>>;
