/**
 * Every traffic plan that was ever stored, by ModelDeployment: what a router may see, and in which order.
 */
import { valueAt } from "../../src/api/json.ts";
import type { KubeObject } from "../../src/api/kube-object.ts";
import type { TrafficPlan } from "../../src/api/traffic-plan.ts";
import { checkPlan } from "../../src/router/planned-traffic.ts";
import type { World } from "./world.ts";

const checked = new WeakMap<object, TrafficPlan | undefined>();

/** The plan in the status of a ModelDeployment, if there is one that routers take. */
export function storedPlan(deployment: KubeObject): TrafficPlan | undefined {
  const plan = valueAt(deployment, "status", "traffic");
  if (typeof plan !== "object" || plan === null) return undefined;
  if (!checked.has(plan)) checked.set(plan, planOrNothing(plan));
  return checked.get(plan);
}

function planOrNothing(value: unknown): TrafficPlan | undefined {
  try {
    return checkPlan(value);
  } catch {
    return undefined;
  }
}

/** Remembers plans. */
export class PlanHistory {
  /** By uid of the ModelDeployment, oldest first. */
  readonly #plans = new Map<string, TrafficPlan[]>();

  constructor(world: World) {
    world.onWrite(({ after }) => {
      const plan = after === undefined ? undefined : storedPlan(after);
      if (after?.kind !== "ModelDeployment" || plan === undefined) return;
      const plans = this.#plans.get(after.metadata.uid ?? "") ?? [];
      this.#plans.set(after.metadata.uid ?? "", plans);
      if (plans.at(-1)?.epoch !== plan.epoch) plans.push(plan);
    });
  }

  /**
   * Plans that a router that has got to an epoch may see next: the one after it, and the newest, for a watch that
   * was away goes on from there. One that has seen none lists, and gets the newest. Empty when it has seen all.
   */
  after(uid: string, epoch: number | undefined): readonly TrafficPlan[] {
    const plans = this.#plans.get(uid) ?? [];
    const newest = plans.at(-1);
    if (newest === undefined || newest.epoch === epoch) return [];
    const next = epoch === undefined ? newest : plans.find((plan) => plan.epoch > epoch);
    return next === undefined || next === newest ? [newest] : [next, newest];
  }
}
