/**
 * What a pool of a deployment would have done on a load: the real planner in a replay, for one setting of the target. Pure.
 */
import { neededReplicas } from "../../core/autoscaling/reactive.ts";
import type { AutoscalingSettings } from "../../core/autoscaling/recommend.ts";
import type { Chance } from "../../stats/chance.ts";
import { type LoadTrace, secondsOf } from "./load-trace.ts";
import { petrelScaler } from "./petrel-scaler.ts";
import { type Fault, type ReplayResult, replay, type ServiceSettings } from "./replay.ts";

/** Quantile of a standard normal at 95 %. */
const NORMAL_95 = 1.645;

/** All settings but those of autoscaling. */
export interface SimulationSettings {
  readonly trace: LoadTrace;
  readonly arrivals: Float64Array;
  readonly service: ServiceSettings;
  /** Half of all loads are faster than the first, 95 % than the second: logarithms are normal. */
  readonly loadSeconds: number;
  readonly slowLoadSeconds: number;
  readonly replicasPerNode?: number;
  readonly nodeSeconds: number;
  readonly forecast: boolean;
  readonly faults: readonly Fault[];
}

/** A part of the time, for a picture. */
export interface SimulatedBucket {
  /** Requests a second: the highest second. */
  readonly rate: number;
  /** Replicas that serve, the fewest, and all that are paid for, the most. */
  readonly ready: number;
  readonly paid: number;
  /** Share of requests that waited too long. */
  readonly violations: number;
}

/** What came of one target. */
export interface SimulatedRun {
  readonly result: ReplayResult;
  readonly buckets: readonly SimulatedBucket[];
  /** Share of decisions for which a forecaster was used, by its name. */
  readonly forecasters: Readonly<Record<string, number>>;
}

/** Simulates one setting, with so many buckets for a picture at most. */
export function simulated(
  settings: SimulationSettings,
  autoscaling: AutoscalingSettings,
  mostBuckets: number,
  chance: Chance,
): SimulatedRun {
  const { trace, arrivals, service, loadSeconds, slowLoadSeconds } = settings;
  const { minReplicas, maxReplicas } = autoscaling;
  const deviation = Math.log(slowLoadSeconds / loadSeconds) / NORMAL_95;
  const used = new Map<string, number>();
  const isNodeBound = settings.replicasPerNode !== undefined;
  const scaler = petrelScaler({
    autoscaling,
    startMilliseconds: trace.startMilliseconds,
    // What a cluster would have measured: a new node counts where replicas may have to wait for one.
    coldStartMilliseconds: 1_000 * (slowLoadSeconds + (isNodeBound ? settings.nodeSeconds : 0)),
    forecast: settings.forecast,
    onDecision: ({ used: name }) => {
      if (name !== undefined) used.set(name, (used.get(name) ?? 0) + 1);
    },
  });
  const buckets = new Buckets(arrivals, Math.ceil(secondsOf(trace) / mostBuckets));
  const firstLoad = { rate: trace.rates[0] ?? 0, serviceSeconds: service.serviceSeconds };
  const firstNeeded = Math.ceil(neededReplicas(firstLoad, autoscaling.targets) ?? 0);
  const result = replay(
    {
      ...{ arrivals, service, faults: settings.faults, maximumReplicas: maxReplicas },
      fleet: {
        loadSeconds: () => loadSeconds * Math.exp(deviation * chance.normal()),
        nodeSeconds: settings.nodeSeconds,
        ...(settings.replicasPerNode === undefined ? {} : { replicasPerNode: settings.replicasPerNode }),
      },
      firstReplicas: Math.min(maxReplicas, Math.max(minReplicas, firstNeeded)),
      onSecond: (state) => buckets.add(state),
    },
    scaler,
  );
  const decisions = Math.max(1, Math.floor((arrivals.length - 1) / scaler.everySeconds));
  const forecasters = Object.fromEntries([...used].map(([name, count]) => [name, count / decisions]));
  return { result, buckets: buckets.all(), forecasters };
}

/** Gathers seconds. */
class Buckets {
  readonly #arrivals: Float64Array;
  readonly #length: number;
  #second = 0;
  readonly #closed: SimulatedBucket[] = [];
  #rate = 0;
  #ready = Number.POSITIVE_INFINITY;
  #paid = 0;
  #requests = 0;
  #violations = 0;

  constructor(arrivals: Float64Array, length: number) {
    this.#arrivals = arrivals;
    this.#length = length;
  }

  add({
    ready,
    coming,
    violations,
  }: {
    readonly ready: number;
    readonly coming: number;
    readonly violations: number;
  }): void {
    const rate = this.#arrivals[this.#second] ?? 0;
    this.#rate = Math.max(this.#rate, rate);
    this.#ready = Math.min(this.#ready, ready);
    this.#paid = Math.max(this.#paid, ready + coming);
    this.#requests += rate;
    this.#violations += violations;
    this.#second++;
    if (this.#second % this.#length === 0) this.#close();
  }

  all(): readonly SimulatedBucket[] {
    if (this.#second % this.#length !== 0) this.#close();
    return this.#closed;
  }

  #close(): void {
    const violations = this.#requests === 0 ? 0 : this.#violations / this.#requests;
    this.#closed.push({ rate: this.#rate, ready: this.#ready, paid: this.#paid, violations });
    [this.#rate, this.#ready, this.#paid, this.#requests, this.#violations] = [
      0,
      Number.POSITIVE_INFINITY,
      0,
      0,
      0,
    ];
  }
}
