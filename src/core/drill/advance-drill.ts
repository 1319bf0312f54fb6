/**
 * The phases of a drill: the next state from the stored one and what is seen. Pure.
 *
 * Whatever happens, the way leads to `Removing` and from there to `Ended`: a drill that is stopped, blind or stuck takes
 * everything back and says why. A phase is left forwards on evidence alone, and on time alone towards the end.
 */
import type { ProbeRecord } from "../../api/probe-record.ts";
import type { DrillSettings } from "./drill-settings.ts";
import type { DrillPhase, DrillPool, DrillState } from "./drill-state.ts";
import { type FaultPeriods, faultPeriods } from "./fault-periods.ts";
import { controlProblem, type DrillVerdict, drillEvidence, judgeDrill } from "./judge-drill.ts";
import { rangeMilliseconds } from "./slot-sums.ts";

/** How long everything may take to be well, before a drill gives up. */
export const PREFLIGHT_LIMIT_MILLISECONDS = 600_000;
/** How long a change may take to get into every router and to be proven by witnesses. */
export const PROOF_LIMIT_MILLISECONDS = 30_000;
/** How long probes may take to begin, or to be told. */
export const PROBE_LIMIT_MILLISECONDS = 120_000;
/** So much earlier than routers by themselves, the operator takes the fault back. */
const EXPIRY_MARGIN_MILLISECONDS = 15_000;

/** Something that ends a drill, or keeps it from beginning. */
export interface DrillObstacle {
  /** In UpperCamelCase. */
  readonly reason: string;
  readonly message: string;
}

/** What there is to decide by. */
export interface DrillView {
  readonly nowMilliseconds: number;
  readonly settings: DrillSettings;
  /** What is stored; absent before the first look. */
  readonly state?: DrillState;
  /** What is not well, as preflight finds it. A drill that has begun is stopped by it. */
  readonly obstacle?: DrillObstacle;
  /** A person, the stop switch of the cluster, or a deletion ends the drill. */
  readonly stop?: DrillObstacle;
  /** Why there can be no prober. */
  readonly refusal?: DrillObstacle;
  /** Replicas that the plan counts on, in the pools of its chain. */
  readonly pools?: readonly DrillPool[];
  /** Whether every live router's Envoy has acknowledged the plan that follows from {@link state}. */
  readonly isAcknowledged: boolean;
  /** What the prober tells; absent while nothing is known. */
  readonly record?: ProbeRecord;
}

/** What follows. */
export interface DrillStep {
  readonly state: DrillState;
  /** When to look again though nothing changed, in milliseconds since the Unix epoch. */
  readonly wakeAtMilliseconds?: number;
}

const FINAL: ReadonlySet<DrillPhase> = new Set(["Removing", "Ended"]);

/** How long a phase may last: then it is over, one way or the other. */
function phaseLimit(phase: DrillPhase, settings: DrillSettings): number {
  switch (phase) {
    case "Preflight":
      return PREFLIGHT_LIMIT_MILLISECONDS;
    case "Control":
      return settings.controlMilliseconds + PROBE_LIMIT_MILLISECONDS;
    case "Injecting":
    case "Reverting":
      return PROOF_LIMIT_MILLISECONDS;
    case "Observing":
      return settings.faultMilliseconds + PROOF_LIMIT_MILLISECONDS;
    case "Failback":
      return settings.failbackMilliseconds + PROOF_LIMIT_MILLISECONDS;
    // Both wait for routers alone.
    case "Removing":
    case "Ended":
      return Number.POSITIVE_INFINITY;
  }
}

/** One step. It may be taken at any moment and any number of times. */
export function advanceDrill(view: DrillView): DrillStep {
  const { nowMilliseconds: now, settings } = view;
  const state = view.state ?? { phase: "Preflight", sinceMilliseconds: now };
  const next = nextState(view, state);
  const limit = phaseLimit(next.phase, settings);
  return {
    state: next,
    ...(Number.isFinite(limit) ? { wakeAtMilliseconds: next.sinceMilliseconds + limit } : {}),
  };
}

function nextState(view: DrillView, state: DrillState): DrillState {
  const { nowMilliseconds: now, settings, stop, refusal, obstacle, pools } = view;
  const { phase, sinceMilliseconds } = state;
  if (phase === "Ended") return state;
  if (phase === "Removing") return view.isAcknowledged ? enter(view, state, "Ended") : state;
  if (stop !== undefined) return end(view, state, { outcome: "Aborted", ...stop });
  if (refusal !== undefined) return end(view, state, { outcome: "Inconclusive", ...refusal });
  // Times of a clock that was set back would never be over.
  if (now < sinceMilliseconds)
    return end(view, state, inconclusive("ClockSetBack", "the operator's clock was set back"));
  const isOver = now >= sinceMilliseconds + phaseLimit(phase, settings);
  if (phase === "Preflight") {
    if (obstacle === undefined)
      return { ...enter(view, state, "Control"), ...(pools === undefined ? {} : { pools }) };
    return isOver ? end(view, state, inconclusive(obstacle.reason, obstacle.message)) : state;
  }
  // Something real comes first: the drill makes room for it.
  if (obstacle !== undefined) return end(view, state, { outcome: "Aborted", ...obstacle });
  const advanced = advancedByProbes(view, state);
  if (advanced !== undefined) return advanced;
  return isOver ? end(view, state, lateVerdict(view, phase)) : state;
}

/** Where probes lead; undefined while they lead nowhere. */
function advancedByProbes(view: DrillView, state: DrillState): DrillState | undefined {
  const { nowMilliseconds: now, settings, record } = view;
  const { expiryMilliseconds = now } = state;
  // What was told before routers had the plan is of another one.
  if (state.phase === "Control" && !view.isAcknowledged) return undefined;
  const mustRevert = now >= expiryMilliseconds - EXPIRY_MARGIN_MILLISECONDS;
  if (state.phase === "Observing" && mustRevert) return enter(view, state, "Reverting");
  if (record === undefined) return undefined;
  const periods = faultPeriods(record);
  const length = (range: FaultPeriods["fault"]) =>
    range === undefined ? 0 : rangeMilliseconds(record, range);
  switch (state.phase) {
    case "Control":
      return afterControl(view, state, record, periods);
    case "Injecting":
      return periods.verified === undefined ? undefined : enter(view, state, "Observing");
    case "Observing": {
      // A fault that ended by itself is over: the rest of the drill tells what that means.
      const hasEnded = periods.fault !== undefined && periods.fault.to < record.sent.length;
      return length(periods.verified) >= settings.faultMilliseconds || hasEnded
        ? enter(view, state, "Reverting")
        : undefined;
    }
    case "Reverting":
      return periods.after === undefined ? undefined : enter(view, state, "Failback");
    case "Failback": {
      if (length(periods.after) < settings.failbackMilliseconds) return undefined;
      return end(view, state, judgeDrill(record, settings).verdict);
    }
    default:
      return undefined;
  }
}

function afterControl(
  view: DrillView,
  state: DrillState,
  record: ProbeRecord,
  periods: FaultPeriods,
): DrillState | undefined {
  const { nowMilliseconds: now, settings } = view;
  if (periods.fault !== undefined)
    return end(view, state, inconclusive("ControlBroken", "a fault was met before it was asked for"));
  const problem = controlProblem(record, periods, settings);
  if (problem?.reason === "ControlTooShort") return undefined;
  if (problem !== undefined) return end(view, state, { outcome: "Inconclusive", ...problem });
  const longest = PROOF_LIMIT_MILLISECONDS + settings.faultMilliseconds + EXPIRY_MARGIN_MILLISECONDS;
  return { ...enter(view, state, "Injecting"), expiryMilliseconds: now + longest };
}

/** Why a phase that took too long is given up. */
function lateVerdict({ record, isAcknowledged }: DrillView, phase: DrillPhase): DrillVerdict {
  if (!isAcknowledged && phase !== "Failback")
    return inconclusive("NotAcknowledged", "not every router took the plan in time");
  if (record === undefined) return inconclusive("NoProbes", "nothing is known of the probes");
  switch (phase) {
    case "Control":
      return inconclusive("NoProbes", "too few probes came before the fault");
    case "Injecting":
      return inconclusive(
        "FaultNotVerified",
        "the fault was asked for, and requests to the target did not meet it",
      );
    case "Reverting":
      return inconclusive(
        "RevertNotSeen",
        "the fault was taken back, and requests to the target still met it",
      );
    default:
      return inconclusive("NoProbes", "probes ended before the drill did");
  }
}

function inconclusive(reason: string, message: string): DrillVerdict {
  return { outcome: "Inconclusive", reason, message };
}

function enter(view: DrillView, state: DrillState, phase: DrillPhase): DrillState {
  return { ...state, phase, sinceMilliseconds: view.nowMilliseconds };
}

/** Judged: what was asked of routers is taken away. What was never asked of them is over at once. */
function end(view: DrillView, state: DrillState, verdict: DrillVerdict): DrillState {
  const phase = state.phase === "Preflight" ? "Ended" : "Removing";
  const evidence = view.record === undefined ? {} : { evidence: drillEvidence(view.record, view.settings) };
  return { ...enter(view, state, phase), verdict, ...evidence };
}

/** Whether a drill is judged. */
export function isJudged({ phase }: DrillState): boolean {
  return FINAL.has(phase);
}
