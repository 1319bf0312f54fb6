/**
 * The controllers of HorizontalPodAutoscalers and of KEDA: they write `spec.replicas` of what is their target.
 *
 * A number outside their bounds they mend at once, without any metric; 0 they leave, for it turns them off. Within the bounds
 * they write whatever their metrics make of a load that nobody else knows, now and then.
 */
import { asNumber, valueAt } from "../../../src/api/json.ts";
import type { KubeObject } from "../../../src/api/kube-object.ts";
import type { SeededRandom } from "../seeded-random.ts";
import type { Controller, Disturbance, Task } from "../task.ts";
import type { World } from "../world.ts";

/** Kinds of autoscalers, with the names of their bounds. */
export const AUTOSCALER_BOUNDS = {
  HorizontalPodAutoscaler: ["minReplicas", "maxReplicas"],
  ScaledObject: ["minReplicaCount", "maxReplicaCount"],
} as const;

/** Between which numbers an autoscaler moves the replicas. */
export function boundsOf({ kind, spec }: KubeObject): readonly [least: number, most: number] {
  const [least, most] = AUTOSCALER_BOUNDS[kind as keyof typeof AUTOSCALER_BOUNDS];
  return [asNumber(valueAt(spec, least)) ?? 0, asNumber(valueAt(spec, most)) ?? 0];
}

/** All autoscalers of the cluster. */
export class Autoscalers implements Controller, Disturbance {
  readonly name = "autoscaler";
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  tasks(): readonly Task[] {
    return this.#targets().flatMap(({ target, stated, least, most }) => {
      if (stated === 0 || (stated >= least && stated <= most)) return [];
      return [this.#write(target, stated < least ? least : most)];
    });
  }

  next(random: SeededRandom): Task | undefined {
    const chosen = random.pick(this.#targets().filter(({ stated }) => stated > 0));
    if (chosen === undefined) return undefined;
    const { target, stated, least, most } = chosen;
    const replicas = random.integer(least, most);
    return replicas === stated ? undefined : this.#write(target, replicas);
  }

  #targets() {
    return Object.keys(AUTOSCALER_BOUNDS)
      .flatMap((kind) => this.#world.objects(kind))
      .flatMap((autoscaler) => {
        const name = String(valueAt(autoscaler, "spec", "scaleTargetRef", "name"));
        const target = this.#world.find("ModelDeployment", autoscaler.metadata.namespace ?? "", name);
        if (target === undefined || target.metadata.deletionTimestamp !== undefined) return [];
        const [least, most] = boundsOf(autoscaler);
        return [{ target, stated: asNumber(valueAt(target, "spec", "replicas")) ?? 0, least, most }];
      });
  }

  #write(target: KubeObject, replicas: number): Task {
    const { namespace, name } = target.metadata;
    const spec = { ...(target["spec"] as object), replicas };
    return {
      what: `writes ${replicas} replicas of ${namespace}/${name}`,
      run: () =>
        this.#world
          .portFor(this.name)
          .replace({ ...target, spec }, { fieldManager: "kube-controller-manager" }),
    };
  }
}
