/**
 * Where a drill stands: what is stored of it, and what routers are asked for by it.
 *
 * Intent comes before effect: the traffic plan follows from the state that is *stored*, never from one that was only decided.
 * So a kill between any two writes leaves either no fault, or one of which the state tells.
 */
import type { DRILL_PHASES } from "../../api/drill-status.ts";
import type { DrillEvidence, DrillVerdict } from "./judge-drill.ts";

/** A phase of a drill. */
export type DrillPhase = (typeof DRILL_PHASES)[number];

/** A pool of the chain when a drill began. */
export interface DrillPool {
  readonly name: string;
  /** How many of its replicas the plan counted on: so many were ready in the target, and in one pool behind it. */
  readonly replicas: number;
}

/** What is stored of a drill. */
export interface DrillState {
  readonly phase: DrillPhase;
  /** Since when, by the operator's clock, in milliseconds since the Unix epoch. */
  readonly sinceMilliseconds: number;
  /** When routers end the fault by themselves; there from the moment at which it is asked for. */
  readonly expiryMilliseconds?: number;
  /** There once it is judged. It counts once the drill has ended: before, something of it may be left. */
  readonly verdict?: DrillVerdict;
  /** The chain when it began. */
  readonly pools?: readonly DrillPool[];
  readonly evidence?: DrillEvidence;
}

/** What routers are asked for. */
export type AskedOfRouters =
  | { readonly routes: "None" }
  /** Probes have routes of their own, with the same servers behind them. */
  | { readonly routes: "Probes" }
  /** And the fault on these. */
  | { readonly routes: "Fault"; readonly expiryMilliseconds: number };

/** What routers are asked for by a stored state. */
export function askedOfRouters(state: DrillState | undefined): AskedOfRouters {
  switch (state?.phase) {
    case undefined:
    case "Preflight":
    case "Removing":
    case "Ended":
      return { routes: "None" };
    case "Control":
    case "Reverting":
    case "Failback":
      return { routes: "Probes" };
    case "Injecting":
    case "Observing":
      // A fault without an end is none that anybody may ask for.
      return state.expiryMilliseconds === undefined
        ? { routes: "Probes" }
        : { routes: "Fault", expiryMilliseconds: state.expiryMilliseconds };
  }
}
