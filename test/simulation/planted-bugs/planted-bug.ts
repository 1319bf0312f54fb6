/**
 * An error that somebody could make in the operator, to see whether the simulation notices. It takes the place of a
 * real part: of a decision, or of the port to the API.
 */
import { valueAt } from "../../../src/api/json.ts";
import type { KubeObject, ObjectReference } from "../../../src/api/kube-object.ts";
import { decide } from "../../../src/core/decide.ts";
import type { Decision } from "../../../src/core/decision.ts";
import type { Observation } from "../../../src/core/observation.ts";
import {
  decideRouters,
  type RouterDecision,
  type RouterObservation,
} from "../../../src/core/router/decide-routers.ts";
import type { KubePort } from "../../../src/kube/port.ts";
import type { Substitutes } from "../operators/operator-process.ts";

/** One error and what has to notice it. */
export interface PlantedBug {
  readonly what: string;
  readonly substitutes: Substitutes;
  /** Names of invariants; one of them must be what breaks first in one of the seeds. */
  readonly noticedBy: readonly string[];
  /** Seeds within which it has to be noticed, {@link DEFAULT_SEEDS_TO_NOTICE} unless it needs a rare world. */
  readonly withinSeeds?: number;
}

/** Most errors show in the first few seeds. */
export const DEFAULT_SEEDS_TO_NOTICE = 60;

/** The real decision, changed afterwards. */
export function deciding(change: (decision: Decision, observation: Observation) => Decision): Substitutes {
  return { decide: (observation) => change(decide(observation), observation) };
}

/** The real decision about a changed observation. */
export function seeing(change: (observation: Observation) => Observation): Substitutes {
  return { decide: (observation) => decide(change(observation)) };
}

/** The real decision with another status. */
export function withStatus(decision: Decision, status: Partial<Decision["status"]>): Decision {
  return { ...decision, status: { ...decision.status, ...status } };
}

/** The real decision with another traffic plan; what there was no plan for stays without. */
export function planning(
  change: (plan: Plan, observation: Observation, decision: Decision) => Partial<Plan>,
): Substitutes {
  return deciding((decision, observation) => {
    const { traffic } = decision.status;
    if (traffic === undefined) return decision;
    return withStatus(decision, { traffic: { ...traffic, ...change(traffic, observation, decision) } });
  });
}

/** A traffic plan. */
export type Plan = NonNullable<Decision["status"]["traffic"]>;

/** A condition. */
export type Condition = NonNullable<Decision["status"]["conditions"]>[number];

/** The real decision with other conditions. */
export function telling(
  change: (conditions: readonly Condition[], observation: Observation) => readonly Condition[],
): Substitutes {
  return deciding((decision, observation) =>
    withStatus(decision, { conditions: [...change(decision.status.conditions ?? [], observation)] }),
  );
}

/** The real decision without some of what it applies. */
export function notApplying(isLeftOut: (object: KubeObject) => boolean): Substitutes {
  return deciding((decision) => ({
    ...decision,
    apply: decision.apply.filter((object) => !isLeftOut(object)),
  }));
}

/** The real decision without some of what it removes. */
export function notRemoving(isLeftOut: (reference: ObjectReference) => boolean): Substitutes {
  return deciding((decision) => ({
    ...decision,
    remove: decision.remove.filter(({ reference }) => !isLeftOut(reference)),
  }));
}

/** The real decision about routers, changed afterwards. */
export function routing(
  change: (decision: RouterDecision, observation: RouterObservation) => RouterDecision,
): Substitutes {
  return { decideRouters: (observation) => change(decideRouters(observation), observation) };
}

/** The real port, with some calls changed. */
export function calling(change: (port: KubePort) => Partial<KubePort>): Substitutes {
  return {
    port: (port) => ({
      list: (resource, options) => port.list(resource, options),
      watch: (resource, options, signal) => port.watch(resource, options, signal),
      get: (reference) => port.get(reference),
      create: (object, options) => port.create(object, options),
      replace: (object, options) => port.replace(object, options),
      apply: (object, options, target) => port.apply(object, options, target),
      delete: (reference, options) => port.delete(reference, options),
      ...change(port),
    }),
  };
}

/** The object with another spec. */
export function withSpec(object: KubeObject, changes: object): KubeObject {
  const spec = valueAt(object, "spec");
  return { ...object, spec: { ...(typeof spec === "object" ? spec : {}), ...changes } };
}
