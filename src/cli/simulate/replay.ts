/**
 * A replay of load against a scaler: a queue of fluid, second by second, before replicas that take their time to come. Pure.
 *
 * In a second the replicas that serve take their fill of what waits; who then still waits longer than allowed is a violation.
 * Nobody gives up and nothing is refused: a scaler that was late pays until the queue is gone. Replicas are paid for from
 * when they are asked for, loading included.
 */
import { type FleetSettings, ReplicaFleet } from "./replica-fleet.ts";

/** What one replica does. */
export interface ServiceSettings {
  /** Seconds that a request takes. */
  readonly serviceSeconds: number;
  /** Requests that a replica works on at once. */
  readonly concurrency: number;
  /** Seconds that a request may wait before it is a violation. */
  readonly allowedWaitSeconds: number;
}

/** Something that goes wrong. */
export type Fault =
  /** Replicas break at once, and are made anew. */
  | { readonly type: "ReplicaLoss"; readonly atSecond: number; readonly replicas: number }
  /** Nothing is known of the load for a while. */
  | { readonly type: "SignalLoss"; readonly atSecond: number; readonly lastsSeconds: number };

/** What a scaler sees. Means are over the last seconds, fewer at the beginning. */
export interface ScalerView {
  readonly second: number;
  readonly ready: number;
  readonly coming: number;
  /** Nothing is known of the load now; the means must not be looked at. */
  readonly isBlind: boolean;
  /** Requests a second that arrived. */
  arrivalRate(seconds: number): number;
  /** Requests a second that were answered. */
  answerRate(seconds: number): number;
  /** Requests that were worked on. */
  busy(seconds: number): number;
  /** Requests that were worked on or waited. */
  inFlight(seconds: number): number;
  /** The same without those that waited longer than allowed, whose senders have given up: what a router sees under way. */
  underWay(seconds: number): number;
}

/** Decides how many replicas there are to be. */
export interface Scaler {
  readonly everySeconds: number;
  replicas(view: ScalerView): number;
}

/** All that a replay needs beside a scaler. */
export interface ReplaySettings {
  readonly arrivals: Float64Array;
  readonly service: ServiceSettings;
  readonly fleet: FleetSettings;
  readonly faults?: readonly Fault[];
  /** Replicas that serve from the beginning. */
  readonly firstReplicas: number;
  /** No scaler gets more. */
  readonly maximumReplicas: number;
  /** Called after every second, for a picture of it. */
  readonly onSecond?: (state: {
    readonly ready: number;
    readonly coming: number;
    readonly violations: number;
  }) => void;
}

/** What came of it. */
export interface ReplayResult {
  readonly requests: number;
  readonly violations: number;
  readonly replicaSeconds: number;
  readonly nodeSeconds: number;
  /** How often another number of replicas was asked for. */
  readonly changes: number;
  readonly seconds: number;
  /** Shares of the time with fewer and with more replicas than the load of the second needs. */
  readonly timeUnder: number;
  readonly timeOver: number;
  readonly mostReplicas: number;
}

/** Sums up to each second, from which means over any time are had at once. */
class RunningSum {
  readonly #sums: Float64Array;
  #length = 0;

  constructor(seconds: number) {
    this.#sums = new Float64Array(seconds + 1);
  }

  add(value: number): void {
    this.#sums[this.#length + 1] = (this.#sums[this.#length] ?? 0) + value;
    this.#length++;
  }

  mean(seconds: number): number {
    const count = Math.min(seconds, this.#length);
    if (count === 0) return 0;
    return ((this.#sums[this.#length] ?? 0) - (this.#sums[this.#length - count] ?? 0)) / count;
  }
}

/** Replays it to the end. */
export function replay(settings: ReplaySettings, scaler: Scaler): ReplayResult {
  const { arrivals, service, faults = [] } = settings;
  const perReplica = service.concurrency / service.serviceSeconds;
  const fleet = new ReplicaFleet(settings.fleet, settings.firstReplicas);
  const [arrived, busy, inFlight, underWay] = [1, 2, 3, 4].map(() => new RunningSum(arrivals.length)) as [
    RunningSum,
    RunningSum,
    RunningSum,
    RunningSum,
  ];
  let [waiting, violations, replicaSeconds, nodeSeconds, changes, under, over, most] = [
    0, 0, 0, 0, 0, 0, 0, 0,
  ];
  let asked = settings.firstReplicas;
  for (let second = 0; second < arrivals.length; second++) {
    fleet.advance(second);
    for (const fault of faults) {
      if (fault.type === "ReplicaLoss" && fault.atSecond === second) fleet.lose(fault.replicas, second);
    }
    if (second % scaler.everySeconds === 0 && second > 0) {
      const wanted = scaler.replicas({
        second,
        ready: fleet.ready,
        coming: fleet.coming,
        isBlind: isBlindAt(faults, second),
        answerRate: (seconds) => busy.mean(seconds) / service.serviceSeconds,
        arrivalRate: (seconds) => arrived.mean(seconds),
        busy: (seconds) => busy.mean(seconds),
        inFlight: (seconds) => inFlight.mean(seconds),
        underWay: (seconds) => underWay.mean(seconds),
      });
      const next = Math.min(settings.maximumReplicas, wanted);
      if (next !== asked) {
        [asked, changes] = [next, changes + 1];
        fleet.scaleTo(next, second);
      }
    }
    const arriving = arrivals[second] ?? 0;
    const { ready, coming } = fleet;
    const capacity = ready * perReplica;
    waiting += arriving;
    const served = Math.min(waiting, capacity);
    waiting -= served;
    const allowed = service.allowedWaitSeconds * capacity;
    const violated = waiting > allowed ? arriving : 0;
    violations += violated;
    const working = served * service.serviceSeconds;
    arrived.add(arriving);
    busy.add(working);
    inFlight.add(working + waiting);
    underWay.add(working + Math.min(waiting, allowed));
    replicaSeconds += ready + coming;
    nodeSeconds += fleet.nodes;
    const needed = Math.ceil(arriving / perReplica);
    if (ready < needed) under++;
    if (ready > needed) over++;
    most = Math.max(most, ready + coming);
    settings.onSecond?.({ ready, coming, violations: violated });
  }
  const seconds = arrivals.length;
  return {
    ...{
      requests: arrivals.reduce((sum, count) => sum + count, 0),
      violations,
      replicaSeconds,
      nodeSeconds,
      changes,
    },
    ...{ seconds, timeUnder: under / seconds, timeOver: over / seconds, mostReplicas: most },
  };
}

function isBlindAt(faults: readonly Fault[], second: number): boolean {
  return faults.some(
    (fault) =>
      fault.type === "SignalLoss" && fault.atSecond <= second && second < fault.atSecond + fault.lastsSeconds,
  );
}
