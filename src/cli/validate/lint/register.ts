/**
 * All lints, in the order in which they are asked.
 */
import { batchDelayBeyondTry } from "./batch-delay-beyond-try.ts";
import { driftWithoutUsers } from "./drift-without-users.ts";
import { emptyFallbackPool } from "./empty-fallback-pool.ts";
import { gateWithoutPods } from "./gate-without-pods.ts";
import { gpuUnused } from "./gpu-unused.ts";
import { latencyBeyondTry } from "./latency-beyond-try.ts";
import type { Lint } from "./lint.ts";
import { littleEphemeralStorage } from "./little-ephemeral-storage.ts";
import { moreThreadsThanCpu } from "./more-threads-than-cpu.ts";
import { noFailover } from "./no-failover.ts";
import { noFallbackPool } from "./no-fallback-pool.ts";
import { noTimeForRetry } from "./no-time-for-retry.ts";
import { providerWithoutGpu } from "./provider-without-gpu.ts";
import { suspended } from "./suspended.ts";
import { tokenInClear } from "./token-in-clear.ts";
import { unpinnedImage } from "./unpinned-image.ts";
import { unreadableSchedule } from "./unreadable-schedule.ts";

/** The lints. */
export const LINTS: readonly Lint[] = [
  // Somebody else must be able to answer.
  noFailover,
  noFallbackPool,
  emptyFallbackPool,
  // Time must suffice for what it is meant for.
  noTimeForRetry,
  batchDelayBeyondTry,
  // A gate must be able to fail, and to pass.
  latencyBeyondTry,
  gateWithoutPods,
  // An event must come.
  unreadableSchedule,
  // What is reserved must be what is used.
  littleEphemeralStorage,
  providerWithoutGpu,
  gpuUnused,
  moreThreadsThanCpu,
  // The same manifest must mean the same tomorrow.
  unpinnedImage,
  suspended,
  tokenInClear,
  // Figures must mean what they seem to.
  driftWithoutUsers,
];
