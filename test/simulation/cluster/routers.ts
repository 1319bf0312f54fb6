/**
 * The routers: each takes up the traffic plans of its namespace some time after they were stored, carries them out,
 * and some time after that reports so, on the same EndpointSlices as the real one.
 *
 * Between the two a router does more than it has told, never less. It is not an Envoy: what is under test here is
 * what the operator does with reports that come late, out of order between routers, or not at all.
 */
import { asString, valueAt } from "../../../src/api/json.ts";
import type { KubeObject } from "../../../src/api/kube-object.ts";
import { RESOURCE } from "../../../src/api/kube-resources.ts";
import { ANNOTATION } from "../../../src/api/names.ts";
import type { TrafficPlan } from "../../../src/api/traffic-plan.ts";
import { renderSlice, sliceName } from "../../../src/router/endpoint-slices.ts";
import type { RouterIdentity } from "../../../src/router/router-identity.ts";
import { type PlanHistory, storedPlan } from "../plan-history.ts";
import type { SeededRandom } from "../seeded-random.ts";
import type { Controller, Disturbance, Task } from "../task.ts";
import type { World } from "../world.ts";
import type { Node } from "./nodes.ts";
import { hasEnded, isReady, isRouter, isTerminating, nodeOf } from "./pod.ts";
import type { PodStage } from "./pod-status.ts";

/** A plan that a router carries out. */
export interface CarriedPlan {
  /** Of the ModelDeployment whose plan it is. */
  readonly uid: string;
  readonly plan: TrafficPlan;
}

interface RouterProcess {
  /** By name of the ModelDeployment. */
  readonly carried: Map<string, CarriedPlan>;
  /** Sees and says nothing before this time; monotonic milliseconds. */
  pausedUntil: number;
  /** It was started anew: it is not ready before it has read the newest plans. */
  readsAnew: boolean;
  /** By name of the ModelDeployment: the EndpointSlice that it reports on. */
  readonly slices: Map<string, string>;
}

/** All routers of all namespaces. */
export class Routers implements Controller, Disturbance {
  readonly name = "router";
  readonly #world: World;
  readonly #nodes: readonly Node[];
  readonly #history: PlanHistory;
  /** By uid of the pod. */
  readonly #processes = new Map<string, RouterProcess>();

  constructor(world: World, nodes: readonly Node[], history: PlanHistory) {
    this.#world = world;
    this.#nodes = nodes;
    this.#history = history;
  }

  tasks(): readonly Task[] {
    return this.#world.objects("Pod").flatMap((pod) => (this.#works(pod) ? this.#tasksOf(pod) : []));
  }

  /** A router falls behind. */
  next(random: SeededRandom): Task | undefined {
    const pod = random.pick(this.#world.objects("Pod").filter((pod) => isRouter(pod) && isReady(pod)));
    if (pod === undefined) return undefined;
    const seconds = random.integer(1, 60);
    return {
      what: `${pod.metadata.name} falls behind for ${seconds} s`,
      run: () => {
        this.#processOf(pod).pausedUntil = this.#world.clock.monotonic() + seconds * 1000;
      },
    };
  }

  /** Nobody is behind any more. */
  calm(): void {
    for (const process of this.#processes.values()) process.pausedUntil = 0;
  }

  /**
   * Whether a router that is not ready may become so: it has taken up a plan wherever there is one, and, where it was
   * started anew, the newest.
   */
  mayBeReady(pod: KubeObject): boolean {
    const { carried, readsAnew } = this.#processOf(pod);
    return this.#deploymentsFor(pod).every((deployment) => {
      const { deletionTimestamp, name } = deployment.metadata;
      const epoch = carried.get(name)?.plan.epoch;
      if (deletionTimestamp !== undefined) return true;
      return readsAnew ? epoch === storedPlan(deployment)?.epoch : epoch !== undefined;
    });
  }

  /** Told what becomes of a router's pod. Its Envoy may go on with what it has when the router itself is started anew. */
  entered(pod: KubeObject, stage: PodStage): void {
    const process = this.#processOf(pod);
    if (stage === "Crashed") Object.assign(process, { readsAnew: true, pausedUntil: 0 });
    if (stage === "Ready") process.readsAnew = false;
  }

  /** Pods of routers that work. */
  working(): readonly KubeObject[] {
    return this.#world.objects("Pod").filter((pod) => this.#works(pod));
  }

  /** The pod of the router that answers at an address; undefined while there is none. */
  answeringAt(address: string): KubeObject | undefined {
    return this.working().find((pod) => valueAt(pod, "status", "podIP") === address);
  }

  /** What live routers carry out for a ModelDeployment: whoever calls it gets answers by one of these plans. */
  plansInEffect(deployment: KubeObject): readonly TrafficPlan[] {
    const { namespace, name, uid } = deployment.metadata;
    return this.#world.objects("Pod").flatMap((pod) => {
      if (!isRouter(pod) || pod.metadata.namespace !== namespace || isTerminating(pod) || hasEnded(pod))
        return [];
      const carried = this.#processOf(pod).carried.get(name);
      if (carried === undefined || carried.uid !== uid) return [];
      return this.#takesRequests(pod, name) ? [carried.plan] : [];
    });
  }

  /** Whether its endpoint says so: nobody is led to a router without one, and it stays when only the pod is not ready. */
  #takesRequests(pod: KubeObject, modelDeployment: string): boolean {
    const { namespace = "" } = pod.metadata;
    return this.#world.find("EndpointSlice", namespace, this.#sliceOf(pod, modelDeployment)) !== undefined;
  }

  #works(pod: KubeObject): boolean {
    const node = this.#nodes.find(({ name }) => name === nodeOf(pod));
    return (
      isRouter(pod) &&
      !isTerminating(pod) &&
      valueAt(pod, "status", "phase") === "Running" &&
      node?.isLost === false &&
      this.#processOf(pod).pausedUntil <= this.#world.clock.monotonic()
    );
  }

  /** ModelDeployments with a plan in the router's namespace. */
  #deploymentsFor(pod: KubeObject): readonly KubeObject[] {
    return this.#world
      .objects("ModelDeployment")
      .filter(
        (deployment) =>
          deployment.metadata.namespace === pod.metadata.namespace && storedPlan(deployment) !== undefined,
      );
  }

  #tasksOf(pod: KubeObject): readonly Task[] {
    const { carried } = this.#processOf(pod);
    const wanted = this.#deploymentsFor(pod).filter(
      ({ metadata }) => metadata.deletionTimestamp === undefined,
    );
    const gone = [...carried.keys()].filter((name) => !wanted.some(({ metadata }) => metadata.name === name));
    return [
      ...wanted.flatMap((deployment) => this.#tasksFor(pod, deployment)),
      ...gone.map((name) => this.#letGo(pod, name)),
    ];
  }

  #tasksFor(pod: KubeObject, deployment: KubeObject): readonly Task[] {
    const { carried } = this.#processOf(pod);
    const { name, uid = "" } = deployment.metadata;
    const present = carried.get(name);
    const next = this.#history.after(uid, present?.uid === uid ? present.plan.epoch : undefined);
    if (next.length > 0) {
      return next.map((plan) => ({
        what: `${pod.metadata.name} takes up ${name}@${plan.epoch}`,
        run() {
          carried.set(name, { uid, plan });
        },
      }));
    }
    if (present === undefined) return [];
    const identity = identityOf(pod);
    const slice = this.#world.find("EndpointSlice", identity.namespace, this.#sliceOf(pod, name));
    const { epoch, port } = present.plan;
    if (slice?.metadata.annotations?.[ANNOTATION.acknowledgedEpoch] === String(epoch)) return [];
    const report = renderSlice(name, { serving: { epoch, port } }, "Serving", identity);
    return [
      {
        what: `${pod.metadata.name} acknowledges ${name}@${epoch}`,
        run: () =>
          this.#world.portFor(this.name).apply(report, { fieldManager: "petrel-router", force: true }),
      },
    ];
  }

  #letGo(pod: KubeObject, name: string): Task {
    const { namespace = "" } = pod.metadata;
    const slice = this.#sliceOf(pod, name);
    return {
      what: `${pod.metadata.name} lets ${name} go`,
      run: async () => {
        this.#processOf(pod).carried.delete(name);
        if (this.#world.find("EndpointSlice", namespace, slice) === undefined) return;
        await this.#world
          .portFor(this.name)
          .delete({ resource: RESOURCE.endpointSlice, namespace, name: slice }, {});
      },
    };
  }

  /** Its name follows from names that never change, and costs a hash. */
  #sliceOf(pod: KubeObject, modelDeployment: string): string {
    const { slices } = this.#processOf(pod);
    const known = slices.get(modelDeployment);
    if (known !== undefined) return known;
    const name = sliceName(modelDeployment, identityOf(pod));
    slices.set(modelDeployment, name);
    return name;
  }

  #processOf({ metadata: { uid = "" } }: KubeObject): RouterProcess {
    const known = this.#processes.get(uid);
    if (known !== undefined) return known;
    const process = {
      carried: new Map<string, CarriedPlan>(),
      pausedUntil: 0,
      readsAnew: false,
      slices: new Map<string, string>(),
    };
    this.#processes.set(uid, process);
    return process;
  }
}

function identityOf(pod: KubeObject): RouterIdentity {
  const { namespace = "", name, uid = "" } = pod.metadata;
  const podIp = asString(valueAt(pod, "status", "podIP")) ?? "";
  return { namespace, podName: name, podUid: uid, podIp, nodeName: nodeOf(pod) ?? "" };
}
