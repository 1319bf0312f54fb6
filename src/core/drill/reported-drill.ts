/**
 * The state of a drill as its status tells it, and back. Pure.
 *
 * The status is all that is remembered. What cannot be read in it counts as long over, so that nothing lasts for it.
 */
import type { FailoverDrillStatus } from "../../api/drill-status.ts";
import { reportedMessage } from "../conditions/condition-words.ts";
import type { DrillObstacle } from "./advance-drill.ts";
import type { DrillPhase, DrillState } from "./drill-state.ts";

/** The stored state; undefined while the drill has not begun. */
export function storedState({
  phase,
  since = "",
  faultUntil,
  pools,
  verdict,
  evidence,
}: FailoverDrillStatus): DrillState | undefined {
  if (phase === undefined || phase === "Pending") return undefined;
  return {
    phase,
    sinceMilliseconds: timeOf(since),
    ...(faultUntil === undefined ? {} : { expiryMilliseconds: timeOf(faultUntil) }),
    ...(pools === undefined ? {} : { pools }),
    ...(verdict === undefined ? {} : { verdict }),
    ...(evidence === undefined ? {} : { evidence }),
  };
}

function timeOf(text: string): number {
  const time = Date.parse(text);
  return Number.isFinite(time) ? time : 0;
}

function timeText(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}

/** What is said of a drill. */
export interface ToldDrill {
  readonly before: FailoverDrillStatus;
  readonly generation: number;
  /** What it waits for, as long as it does. */
  readonly obstacle?: DrillObstacle;
  /** What serves. */
  readonly revision?: string;
}

const WORDS: Readonly<Record<DrillPhase, DrillObstacle>> = {
  Preflight: { reason: "Preflight", message: "everything is well; the probes are about to begin" },
  Control: { reason: "ProbesRun", message: "probes run before the fault, to see that nothing is wrong" },
  Injecting: {
    reason: "FaultAsked",
    message: "the fault is asked for; witnesses are to prove that it is there",
  },
  Observing: { reason: "FaultIsThere", message: "the probes meet the fault" },
  Reverting: {
    reason: "FaultTakenBack",
    message: "the fault is taken back; witnesses are to prove that it is gone",
  },
  Failback: { reason: "FaultIsGone", message: "the fault is gone; probes find their way back" },
  Removing: { reason: "Removing", message: "the routes of the probes are taken away" },
  Ended: { reason: "Ended", message: "nothing of it is left" },
};

/** The status of a drill that has not begun. */
export function pendingStatus(
  { before, generation }: ToldDrill,
  { reason, message }: DrillObstacle,
): FailoverDrillStatus {
  return {
    ...before,
    observedGeneration: generation,
    phase: "Pending",
    reason,
    message: reportedMessage(message),
  };
}

/** The status of a state. */
export function drillStatus(
  { before, generation, obstacle, revision }: ToldDrill,
  state: DrillState,
): FailoverDrillStatus {
  const { phase, sinceMilliseconds, expiryMilliseconds, pools, verdict, evidence } = state;
  const isNew = before.phase !== phase;
  const since = isNew ? timeText(sinceMilliseconds) : (before.since ?? timeText(sinceMilliseconds));
  const waits = phase === "Preflight" ? obstacle : undefined;
  const { reason, message } = verdict ?? waits ?? WORDS[phase];
  // Of a phase that begins anew the last time counts: each is told once, however often a turn is lost.
  const history = (before.history ?? []).filter((told) => !isNew || told.phase !== phase);
  const served = before.revision ?? revision;
  return {
    observedGeneration: generation,
    phase,
    since,
    ...(expiryMilliseconds === undefined ? {} : { faultUntil: timeText(expiryMilliseconds) }),
    reason,
    message: reportedMessage(message),
    ...(served === undefined ? {} : { revision: served }),
    ...(pools === undefined ? {} : { pools: [...pools] }),
    ...(verdict === undefined ? {} : { verdict: { ...verdict, message: reportedMessage(verdict.message) } }),
    ...(evidence === undefined ? {} : { evidence }),
    history: isNew ? [...history, { phase, at: since }] : history,
  };
}

/** Whether nothing more is to be done or said about it. */
export function isDone(
  { phase, verdict, observedGeneration }: FailoverDrillStatus,
  generation: number,
): boolean {
  return phase === "Ended" && verdict !== undefined && observedGeneration === generation;
}
