/**
 * An experiment as it is stored: told here once more, without the planner.
 */
import { asList, asString, valueAt } from "../../../src/api/json.ts";
import type { KubeObject } from "../../../src/api/kube-object.ts";
import type { TrafficPlan } from "../../../src/api/traffic-plan.ts";
import { experimentsOf } from "../experiment-history.ts";
import { type StoredPool, storedPools } from "../scaled-replicas.ts";
import type { World } from "../world.ts";
import { partsOf } from "./stored-release.ts";

const LETTERS = "ABCDEF";
const OWN_ARM = /^(Arm[A-F]|Holdout)$/;

/** What an arm has of the traffic. Those who are held out get stable's answers, so their revision says nothing. */
export interface Share {
  readonly name: string;
  /** In parts of 10,000. */
  readonly weight: number;
  readonly revision: string | undefined;
}

/** The shares that a plan gives to an experiment; empty for a plan without one. */
export function sharesIn(plan: TrafficPlan | undefined): readonly Share[] {
  return (plan?.arms ?? [])
    .filter(({ name }) => OWN_ARM.test(name))
    .map(({ name, weight, pools }) => ({
      name,
      weight,
      revision: name === "Holdout" ? undefined : pools[0]?.revision,
    }));
}

/** The shares that an experiment asks for, with the revisions that its status names. */
export function sharesOf(experiment: KubeObject): readonly Share[] {
  const told = asList(valueAt(experiment, "status", "arms"));
  const holdout = valueAt(experiment, "spec", "holdout");
  return [
    ...asList(valueAt(experiment, "spec", "arms")).map((arm, index) => ({
      name: `Arm${LETTERS[index]}`,
      weight: partsOf(valueAt(arm, "weight")),
      revision: asString(valueAt(told[index], "revision")),
    })),
    ...(holdout === undefined ? [] : [{ name: "Holdout", weight: partsOf(holdout), revision: undefined }]),
  ];
}

/** What became of an experiment, or undefined while it is under way. */
export function outcomeOf(experiment: KubeObject): string | undefined {
  return asString(valueAt(experiment, "status", "verdict", "outcome"));
}

/** Replicas that an arm is to have. */
export interface ArmAtRest {
  readonly revision: string;
  readonly pool: string;
  readonly replicas: number;
}

/**
 * The pool in which arms have their replicas: the first one with replicas in which the stable revision has no model of its own,
 * whatever a spec says of which the release was given up.
 */
export function poolOfArms(deployment: KubeObject, world: World): StoredPool | undefined {
  const stable = asString(valueAt(deployment, "status", "revisions", "stable")) ?? "";
  const record = world.find("ControllerRevision", deployment.metadata.namespace ?? "", stable);
  return storedPools(deployment).find(
    ({ name, replicas }) => valueAt(record, "data", "poolModels", name) === undefined && replicas > 0,
  );
}

/**
 * The model servers that arms have at rest: those of an experiment that waits for them, in the first pool that has no model of
 * its own, as many as its share needs and two at least, if the spec asks for as many.
 */
export function armsAtRest(deployment: KubeObject, world: World): readonly ArmAtRest[] {
  const pool = poolOfArms(deployment, world);
  if (pool === undefined) return [];
  return experimentsOf(deployment, world)
    .filter((experiment) => valueAt(experiment, "status", "reason") === "ReplicasNotReady")
    .flatMap(sharesOf)
    .flatMap(({ name, weight, revision }) => {
      const replicas = Math.min(pool.replicas, Math.max(2, Math.ceil((weight * pool.replicas) / 10_000)));
      return name === "Holdout" || revision === undefined ? [] : [{ revision, pool: pool.name, replicas }];
    });
}
