/**
 * What probes say of another router. Pure.
 *
 * A router that has never answered is not judged: it may be that nothing lets these probes through (a network policy,
 * say), and then they tell nothing about connections of clients.
 */

/** How one probe ended. `Unknown`: this process stood still, so that nothing follows from a missing answer. */
export type ProbeOutcome = "Answered" | "Failed" | "Unknown";

/** What is known of one router. */
export interface PeerHealth {
  readonly hasAnswered: boolean;
  /** Failed probes in a row. */
  readonly failures: number;
  /** When the last of the needed failures came, in monotonic milliseconds; absent while the router is not lost. */
  readonly lostSince?: number;
}

/** Failed probes in a row by which a router is lost. */
const NEEDED_FAILURES = 2;

/** Before the first probe. */
export const UNKNOWN_PEER: PeerHealth = { hasAnswered: false, failures: 0 };

/** Takes in the outcome of a probe that ended at `now`, in monotonic milliseconds. */
export function afterProbe(before: PeerHealth, outcome: ProbeOutcome, now: number): PeerHealth {
  if (outcome === "Answered") return { hasAnswered: true, failures: 0 };
  if (outcome === "Unknown") return before;
  const failures = before.failures + 1;
  const isLost = before.hasAnswered && failures >= NEEDED_FAILURES;
  return { ...before, failures, ...(isLost ? { lostSince: before.lostSince ?? now } : {}) };
}

/** Whether the last probe was answered. */
export function isAnswering({ hasAnswered, failures }: PeerHealth): boolean {
  return hasAnswered && failures === 0;
}
