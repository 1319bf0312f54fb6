/**
 * What has happened so far, as far as invariants speak of it: more than the store tells, for it holds only the
 * present. Filled from the truth; the operator's own view has no part in it.
 */
import type { KubeObject } from "../../src/api/kube-object.ts";
import { LABEL } from "../../src/api/names.ts";
import type { TrafficPlan } from "../../src/api/traffic-plan.ts";
import type { PortCall } from "../memory-cluster/faulty-port.ts";
import { isReady } from "./cluster/pod.ts";
import type { Routers } from "./cluster/routers.ts";
import { storedPlan } from "./plan-history.ts";
import type { World, Write } from "./world.ts";

/** Whether a name is that of an operator process. */
export function isOperator(actor: string): boolean {
  return actor.startsWith("operator-");
}

/** The truth and its past. */
export class Facts {
  readonly world: World;
  readonly #routers: Routers;
  /** `NAMESPACE/NAME REVISION POOL` of which a pod was ready some time. */
  readonly #everReady = new Set<string>();
  readonly #foreign = new Set<string>();
  /** By process and object: the plans that counted when the call that is under way was sent. */
  readonly #plansWhenSent = new Map<string, readonly TrafficPlan[]>();

  constructor(world: World, routers: Routers) {
    this.world = world;
    this.#routers = routers;
    world.onWrite(({ after }) => {
      if (after?.kind === "Pod" && isReady(after)) this.#noteReady(after);
    });
  }

  /** Says that an object is none of the operator's business, whatever it is called. */
  markForeign({ metadata }: KubeObject): void {
    if (metadata.uid !== undefined) this.#foreign.add(metadata.uid);
  }

  /** Whether an object belongs to somebody else. */
  isForeign({ metadata }: KubeObject): boolean {
    return metadata.uid !== undefined && this.#foreign.has(metadata.uid);
  }

  /**
   * Whether a replica of a revision in a pool was ready some time. Told by labels, as the operator does: replicas of
   * a former ModelDeployment of the same name and model count, too, as long as they are not collected.
   */
  wasEverReady({ metadata }: KubeObject, revision: string, pool: string): boolean {
    return this.#everReady.has(`${metadata.namespace}/${metadata.name} ${revision} ${pool}`);
  }

  /** The plan that is stored for a ModelDeployment, and those that live routers carry out. */
  plansThatCount(deployment: KubeObject): readonly TrafficPlan[] {
    const stored = storedPlan(deployment);
    const inEffect = this.#routers.plansInEffect(deployment);
    return stored === undefined ? inEffect : [stored, ...inEffect];
  }

  /** The plans that live routers carry out for a ModelDeployment. */
  plansInEffect(deployment: KubeObject): readonly TrafficPlan[] {
    return this.#routers.plansInEffect(deployment);
  }

  /** The ModelDeployment of a child as it stands now; undefined when that is gone. */
  ownerOf(child: KubeObject): KubeObject | undefined {
    const owner = this.world.controllerOf(child);
    return owner?.kind === "ModelDeployment" && this.world.exists(owner.metadata.uid) ? owner : undefined;
  }

  /** A process sends a call: whatever changes until it arrives, the process cannot take it back. */
  noteSent(actor: string, { resource, namespace = "", name = "" }: PortCall): void {
    if (resource.kind !== "Deployment") return;
    const child = this.world.find("Deployment", namespace, name);
    const owner = child === undefined ? undefined : this.ownerOf(child);
    const plans = owner === undefined ? [] : this.plansThatCount(owner);
    this.#plansWhenSent.set(`${actor} ${namespace}/${name}`, plans);
  }

  /** The plans that counted when the call behind a write was sent. */
  plansWhenSent({ actor, before, after }: Write): readonly TrafficPlan[] {
    const { namespace, name } = (after ?? before)?.metadata ?? {};
    return this.#plansWhenSent.get(`${actor} ${namespace}/${name}`) ?? [];
  }

  #noteReady({ metadata }: KubeObject): void {
    const { namespace, labels = {} } = metadata;
    const owner = labels[LABEL.modelDeployment];
    this.#everReady.add(`${namespace}/${owner} ${labels[LABEL.modelRevision]} ${labels[LABEL.pool]}`);
  }
}
