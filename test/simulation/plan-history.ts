/**
 * Every traffic plan and every role that was ever stored, by ModelDeployment: what a router may see, and in which
 * order, and what the operator may carry out.
 */
import { asString, valueAt } from "../../src/api/json.ts";
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

/** Names of the revisions that have a role in the status of a ModelDeployment. */
export function storedRoles(deployment: KubeObject): readonly string[] {
  return ["stable", "candidate", "next"].flatMap(
    (role) => asString(valueAt(deployment, "status", "revisions", role)) ?? [],
  );
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
  /** By uid of the ModelDeployment: names of the revisions that had a role. */
  readonly #revisions = new Map<string, Set<string>>();
  /** By uid of the ModelDeployment: names of the revisions that were stable. */
  readonly #stable = new Map<string, Set<string>>();

  constructor(world: World) {
    world.onWrite(({ after }) => {
      if (after?.kind !== "ModelDeployment") return;
      const revisions = this.#revisions.get(after.metadata.uid ?? "") ?? new Set();
      this.#revisions.set(after.metadata.uid ?? "", revisions);
      for (const revision of storedRoles(after)) revisions.add(revision);
      const stable = asString(valueAt(after, "status", "revisions", "stable"));
      const former = this.#stable.get(after.metadata.uid ?? "") ?? new Set();
      this.#stable.set(after.metadata.uid ?? "", stable === undefined ? former : former.add(stable));
      const plan = storedPlan(after);
      if (plan === undefined) return;
      const plans = this.#plans.get(after.metadata.uid ?? "") ?? [];
      this.#plans.set(after.metadata.uid ?? "", plans);
      if (plans.at(-1)?.epoch !== plan.epoch) plans.push(plan);
    });
  }

  /** Whether a revision was ever stored with a role. */
  hasNamed(uid: string, revision: string): boolean {
    return this.#revisions.get(uid)?.has(revision) === true;
  }

  /** Whether a revision was ever stored as stable. */
  wasStable(uid: string, revision: string): boolean {
    return this.#stable.get(uid)?.has(revision) === true;
  }

  /** Whether a plan with this port was ever stored. */
  hasUsedPort(uid: string, port: unknown): boolean {
    return (this.#plans.get(uid) ?? []).some((plan) => plan.port === port);
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
