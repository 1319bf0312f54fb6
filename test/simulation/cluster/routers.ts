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

  /** Whether a router that has not been ready yet may become so: it has taken up a plan wherever there is one. */
  mayBeReady(pod: KubeObject): boolean {
    const { carried } = this.#processOf(pod);
    return this.#deploymentsFor(pod).every(
      ({ metadata }) => metadata.deletionTimestamp !== undefined || carried.has(metadata.name),
    );
  }

  /** What live routers carry out for a ModelDeployment: whoever calls it gets answers by one of these plans. */
  plansInEffect(deployment: KubeObject): readonly TrafficPlan[] {
    const { namespace, name, uid } = deployment.metadata;
    return this.#world.objects("Pod").flatMap((pod) => {
      if (!isRouter(pod) || pod.metadata.namespace !== namespace || isTerminating(pod) || hasEnded(pod))
        return [];
      const carried = this.#processOf(pod).carried.get(name);
      if (carried === undefined || carried.uid !== uid) return [];
      return isReady(pod) || this.#takesRequests(pod, name) ? [carried.plan] : [];
    });
  }

  /** Whether its endpoint says so, which stays when only the pod has become unready. */
  #takesRequests(pod: KubeObject, modelDeployment: string): boolean {
    const identity = identityOf(pod);
    return (
      this.#world.find("EndpointSlice", identity.namespace, sliceName(modelDeployment, identity)) !==
      undefined
    );
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
    const slice = this.#world.find("EndpointSlice", identity.namespace, sliceName(name, identity));
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
    const identity = identityOf(pod);
    const { namespace } = identity;
    const slice = sliceName(name, identity);
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

  #processOf({ metadata: { uid = "" } }: KubeObject): RouterProcess {
    const known = this.#processes.get(uid);
    if (known !== undefined) return known;
    const process = { carried: new Map<string, CarriedPlan>(), pausedUntil: 0 };
    this.#processes.set(uid, process);
    return process;
  }
}

function identityOf(pod: KubeObject): RouterIdentity {
  const { namespace = "", name, uid = "" } = pod.metadata;
  const podIp = asString(valueAt(pod, "status", "podIP")) ?? "";
  return { namespace, podName: name, podUid: uid, podIp, nodeName: nodeOf(pod) ?? "" };
}
