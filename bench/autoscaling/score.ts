/**
 * What a scaler costs beside one that knows the future: the target is swept from 95 % down to 30 %, and the first that keeps
 * violations to 0.5 % of requests is the cheapest that does, for a lower target only adds replicas.
 */
import { arrivalsOf } from "../../src/cli/simulate/arrivals.ts";
import { type LoadTrace, secondsOf } from "../../src/cli/simulate/load-trace.ts";
import { type ReplayResult, replay, type Scaler } from "../../src/cli/simulate/replay.ts";
import { Chance } from "../../src/stats/chance.ts";
import { type Load, REPLICA } from "./traces.ts";

const TARGETS = Array.from({ length: 14 }, (_, step) => 0.95 - 0.05 * step);
const ALLOWED_VIOLATIONS = 0.005;
const ALLOWED_WAIT_SECONDS = 0.8;
/** Far above what any load needs: it bounds what a scaler may waste on a queue. */
const MOST_REPLICAS = 200;

/** A scaler for a target and a load. */
export type ScalerMaker = (target: number, load: Load) => Scaler;

/** What a scaler came to. */
export interface Score {
  /** Undefined where no target keeps the violations. */
  readonly target: number | undefined;
  readonly result: ReplayResult;
}

/** Replays one load for one scaler after the other, with the same arrivals for all. */
export class Scoring {
  readonly #load: Load;
  readonly #arrivals: Float64Array;

  constructor(load: Load, seed: number) {
    this.#load = load;
    this.#arrivals = arrivalsOf(load.trace, new Chance(seed));
  }

  /** One replay. */
  replayed(scaler: Scaler): ReplayResult {
    const { trace, coldStartSeconds } = this.#load;
    const service = { ...REPLICA, allowedWaitSeconds: ALLOWED_WAIT_SECONDS };
    const firstReplicas = Math.max(1, Math.ceil((trace.rates[0] ?? 0) / (0.7 * REPLICA.perSecond)));
    const fleet = { loadSeconds: () => coldStartSeconds, nodeSeconds: 0 };
    return replay(
      { arrivals: this.#arrivals, service, fleet, firstReplicas, maximumReplicas: MOST_REPLICAS },
      scaler,
    );
  }

  /** The cheapest that keeps violations to a share of the requests; the last one tried where none does. */
  cheapest(make: ScalerMaker, allowed = ALLOWED_VIOLATIONS): Score {
    let result: ReplayResult | undefined;
    for (const target of TARGETS) {
      result = this.replayed(make(target, this.#load));
      if (result.violations <= allowed * result.requests) return { target, result };
    }
    if (result === undefined) throw new Error("expected at least one target");
    return { target: undefined, result };
  }
}

/** Knows the load: replicas for the most that comes until one that is asked for now would serve. */
export function oracle(target: number, { trace, coldStartSeconds }: Load): Scaler {
  return {
    everySeconds: 1,
    replicas: ({ second }) => {
      const most = mostBetween(trace, second, second + coldStartSeconds);
      return Math.max(1, Math.ceil(most / (target * REPLICA.perSecond)));
    },
  };
}

/** The highest rate from one second to another, 0 outside of the trace. */
export function mostBetween({ rates, stepSeconds }: LoadTrace, from: number, to: number): number {
  const last = Math.min(rates.length - 1, Math.floor(to / stepSeconds));
  let most = 0;
  for (let step = Math.max(0, Math.floor(from / stepSeconds)); step <= last; step++)
    most = Math.max(most, rates[step] ?? 0);
  return most;
}

/** Of the same time of the day before. */
export function dayBefore({ trace, coldStartSeconds }: Load): (second: number) => number {
  const day = 86_400;
  return (second) =>
    second < day ? 0 : mostBetween(trace, second - day, second - day + coldStartSeconds + 15);
}

/** Changes of the number of replicas in an hour. */
export function changesPerHour({ changes, seconds }: ReplayResult): number {
  return (3_600 * changes) / seconds;
}

/** Days of a load. */
export function daysOf({ trace }: Load): number {
  return secondsOf(trace) / 86_400;
}
