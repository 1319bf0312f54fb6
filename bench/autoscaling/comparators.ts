/**
 * What others do, by their documentation and sources: Kubernetes' HorizontalPodAutoscaler on CPU and on requests, Knative's
 * pod autoscaler, and the floor of the day before under an HPA.
 */
import type { Scaler, ScalerView } from "../../src/cli/simulate/replay.ts";

/** Requests that a replica works on at once, and those that it answers in a second. */
export interface ReplicaCapacity {
  readonly concurrency: number;
  readonly perSecond: number;
}

const HPA = {
  everySeconds: 15,
  tolerance: 0.1,
  stabilisationSeconds: 300,
  /** Most that is added in a period of 15 s: pods, and share. */
  addedPods: 4,
  addedShare: 1,
  /** Over which metrics-server has CPU, and a usual query has requests. */
  cpuSeconds: 30,
  rateSeconds: 60,
} as const;

/** Remembers recommendations; scales in only to the largest of the last minutes, and out within bounds. */
class HpaBehaviour {
  #recommended: { readonly second: number; readonly replicas: number }[] = [];

  bounded(second: number, current: number, recommended: number): number {
    this.#recommended.push({ second, replicas: recommended });
    this.#recommended = this.#recommended.filter((one) => one.second > second - HPA.stabilisationSeconds);
    const largest = Math.max(...this.#recommended.map(({ replicas }) => replicas));
    const stable = recommended < current ? Math.min(current, largest) : recommended;
    const limit = Math.max(current + HPA.addedPods, Math.ceil(current * (1 + HPA.addedShare)));
    return Math.max(1, Math.min(stable, limit));
  }
}

/** By the share of the CPU of ready pods; those that come count as idle before it scales out. */
export function hpaCpu(target: number, { concurrency }: ReplicaCapacity): Scaler {
  const behaviour = new HpaBehaviour();
  const recommended = (view: ScalerView): number => {
    const current = view.ready + view.coming;
    if (view.ready === 0) return current;
    const used = view.busy(HPA.cpuSeconds) / concurrency;
    const ratio = Math.min(1, used / view.ready) / target;
    if (view.coming === 0 || ratio < 1) {
      return Math.abs(1 - ratio) <= HPA.tolerance ? current : Math.ceil(ratio * view.ready);
    }
    const damped = (Math.min(1, used / view.ready) * view.ready) / current / target;
    return Math.abs(1 - damped) <= HPA.tolerance || damped < 1 ? current : Math.ceil(damped * current);
  };
  return {
    everySeconds: HPA.everySeconds,
    replicas: (view) => behaviour.bounded(view.second, view.ready + view.coming, recommended(view)),
  };
}

function replicasForRate(rate: number, current: number, target: number, perSecond: number): number {
  const needed = rate / (target * perSecond);
  return Math.abs(1 - needed / current) <= HPA.tolerance ? current : Math.ceil(needed);
}

/** By requests a second as an external metric with an average value, which needs no ready pods. */
export function hpaRate(target: number, { perSecond }: ReplicaCapacity): Scaler {
  return seasonalFloor(target, { concurrency: 0, perSecond }, () => 0);
}

/** HPA on requests, with a floor of what the same time of the day before needed, as soon as replicas take to come. */
export function seasonalFloor(
  target: number,
  { perSecond }: ReplicaCapacity,
  floorRate: (second: number) => number,
): Scaler {
  const behaviour = new HpaBehaviour();
  return {
    everySeconds: HPA.everySeconds,
    replicas: (view) => {
      const current = view.ready + view.coming;
      const byRate = replicasForRate(view.arrivalRate(HPA.rateSeconds), current, target, perSecond);
      const floor = Math.ceil(floorRate(view.second) / (target * perSecond));
      return Math.max(floor, behaviour.bounded(view.second, current, byRate));
    },
  };
}

const KPA = {
  everySeconds: 2,
  stableSeconds: 60,
  panicSeconds: 6,
  panicShare: 2,
  mostUp: 1_000,
  mostDown: 2,
} as const;

/** By concurrency, over a stable and a panic window; divides over ready pods alone. */
export function kpa(target: number, { concurrency }: ReplicaCapacity): Scaler {
  let [panicUntil, panicReplicas] = [-1, 0];
  return {
    everySeconds: KPA.everySeconds,
    replicas: (view) => {
      const ready = Math.max(1, view.ready);
      const perPod = target * concurrency;
      const bounded = (inFlight: number) =>
        Math.min(
          ready * KPA.mostUp,
          Math.max(Math.floor(ready / KPA.mostDown), Math.ceil(inFlight / perPod)),
        );
      const stable = bounded(view.inFlight(KPA.stableSeconds));
      const panic = bounded(view.inFlight(KPA.panicSeconds));
      if (panic / ready >= KPA.panicShare) panicUntil = view.second + KPA.stableSeconds;
      if (view.second >= panicUntil) {
        panicReplicas = 0;
        return Math.max(1, stable);
      }
      panicReplicas = Math.max(panicReplicas, stable, panic);
      return panicReplicas;
    },
  };
}
