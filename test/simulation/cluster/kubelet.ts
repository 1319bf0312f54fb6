/**
 * The kubelets of all nodes, and the node controller that speaks for the silent ones.
 *
 * Each pod goes through its stages one task at a time, so how long anything takes is the scheduler's choice. A
 * model whose URI says `broken` never becomes ready: `broken-digest` is not fetched, `broken-graph` not loaded.
 */
import type { KubeObject } from "../../../src/api/kube-object.ts";
import type { SeededRandom } from "../seeded-random.ts";
import type { Controller, Disturbance, Task } from "../task.ts";
import type { World } from "../world.ts";
import { type Evaluations, isEvaluation } from "./evaluations.ts";
import type { Node } from "./nodes.ts";
import { hasEnded, isReady, isRouter, isTerminating, modelUri, nodeOf, podReference } from "./pod.ts";
import { boundStatus, type PodStage, type PodState } from "./pod-status.ts";
import { isProber, type Probers } from "./probers.ts";

/** The routers in their pods. */
export interface RouterProcesses {
  /** Whether a router has all that it needs to be ready. */
  mayBeReady(pod: KubeObject): boolean;
  /** Told what becomes of its pod. */
  entered(pod: KubeObject, stage: PodStage): void;
}

/** Where each stage leads when nothing goes wrong; the others stay as they are. */
const NEXT: Readonly<Partial<Record<PodStage, PodStage>>> = {
  Initializing: "Starting",
  Starting: "Ready",
  Unready: "Ready",
  Crashed: "Starting",
};

/** Runs pods. */
export class Kubelet implements Controller, Disturbance {
  readonly name = "kubelet";
  readonly #world: World;
  readonly #nodes: readonly Node[];
  readonly #routers: RouterProcesses;
  readonly #evaluations: Evaluations;
  readonly #probers: Probers;
  /** By uid of the pod. */
  readonly #states = new Map<string, PodState>();

  constructor(
    world: World,
    nodes: readonly Node[],
    routers: RouterProcesses,
    evaluations: Evaluations,
    probers: Probers,
  ) {
    this.#probers = probers;
    this.#world = world;
    this.#nodes = nodes;
    this.#routers = routers;
    this.#evaluations = evaluations;
  }

  tasks(): readonly Task[] {
    return this.#world.objects("Pod").flatMap((pod) => {
      const node = this.#nodes.find(({ name }) => name === nodeOf(pod));
      if (node === undefined) return [];
      return (node.isLost ? this.#taskOfNodeController(pod) : this.#taskOfKubelet(pod)) ?? [];
    });
  }

  /** Something goes wrong with a pod, or with a node. */
  next(random: SeededRandom): Task | undefined {
    if (random.chance(0.12)) return this.#nodeTrouble(random);
    const pods = this.#world.objects("Pod").filter((pod) => this.#isOnLiveNode(pod) && !isTerminating(pod));
    const pod = random.pick(pods);
    const state = pod === undefined ? undefined : this.#states.get(pod.metadata.uid ?? "");
    if (pod === undefined || state === undefined) return undefined;
    const stage = this.#trouble(random, state.stage);
    if (stage === undefined) return undefined;
    return this.#enter(pod, { ...state, stage, restartCount: state.restartCount + 1 }, "is");
  }

  /** Every node comes back. */
  calm(): void {
    for (const node of this.#nodes) node.isLost = false;
  }

  #trouble(random: SeededRandom, stage: PodStage): PodStage | undefined {
    if (stage === "FetchFailed" || stage === "LoadFailed") return stage;
    if (stage !== "Ready") return undefined;
    return random.weighted<PodStage>([
      [3, "Crashed"],
      [2, "Unready"],
      [1, "Evicted"],
    ]);
  }

  #nodeTrouble(random: SeededRandom): Task | undefined {
    const lost = this.#nodes.find((node) => node.isLost);
    const node = lost ?? random.pick(this.#nodes);
    if (node === undefined) return undefined;
    return {
      what: `${node.name} ${node.isLost ? "comes back" : "is lost"}`,
      run() {
        node.isLost = !node.isLost;
      },
    };
  }

  #isOnLiveNode(pod: KubeObject): boolean {
    return this.#nodes.some((node) => node.name === nodeOf(pod) && !node.isLost);
  }

  /** First the pods of a silent node count as not ready, then they are evicted; they stay until it comes back. */
  #taskOfNodeController(pod: KubeObject): Task | undefined {
    const state = this.#states.get(pod.metadata.uid ?? "");
    if (isReady(pod) && state !== undefined)
      return this.#enter(pod, { ...state, nodeIsLost: true }, "is, on a lost node,");
    if (isTerminating(pod)) return undefined;
    return {
      what: `evicts ${pod.metadata.name} from a lost node`,
      run: () => this.#world.portFor("node-controller").delete(podReference(pod), {}),
    };
  }

  #taskOfKubelet(pod: KubeObject): Task | undefined {
    const { uid = "", name } = pod.metadata;
    const reference = podReference(pod);
    if (isTerminating(pod)) {
      return { what: `ends ${name}`, run: () => this.#world.server.confirmTermination(reference) };
    }
    // One of a Job stays until its Job goes.
    if (isEvaluation(pod)) return this.#evaluations.taskOfPod(pod);
    if (isProber(pod)) return this.#probers.taskOfPod(pod);
    // A pod that has ended is removed by the pod collector some time.
    if (hasEnded(pod)) {
      return {
        what: `cleans ${name} up`,
        run: () => this.#world.portFor("pod-collector").delete(reference, {}),
      };
    }
    const state = this.#states.get(uid);
    if (state === undefined) {
      const podIp = `10.0.${Math.floor(this.#states.size / 250)}.${1 + (this.#states.size % 250)}`;
      return this.#enter(pod, { stage: "Initializing", restartCount: 0, podIp, nodeIsLost: false }, "is");
    }
    if (state.nodeIsLost) {
      const returned = { ...state, nodeIsLost: false };
      return this.#enter(
        pod,
        isRouter(pod) ? { ...returned, stage: "Unready" } : returned,
        "is, back on its node,",
      );
    }
    const stage = failureOf(pod, state.stage) ?? NEXT[state.stage];
    if (stage === undefined) return undefined;
    if (stage === "Ready" && isRouter(pod) && !this.#routers.mayBeReady(pod)) return undefined;
    return this.#enter(pod, { ...state, stage }, "is");
  }

  #enter(pod: KubeObject, state: PodState, verb: string): Task {
    const { name, uid = "" } = pod.metadata;
    const former = this.#states.get(uid)?.stage ?? "new";
    return {
      what: `${name} ${verb} ${state.stage} (was ${former})`,
      run: async () => {
        this.#states.set(uid, state);
        if (isRouter(pod)) this.#routers.entered(pod, state.stage);
        const status = boundStatus(pod, state);
        await this.#world.writeAsComponent(this.name, podReference(pod), { status });
      },
    };
  }
}

function failureOf(pod: KubeObject, stage: PodStage): PodStage | undefined {
  const uri = modelUri(pod) ?? "";
  if (stage === "Initializing" && uri.includes("broken-digest")) return "FetchFailed";
  return stage === "Starting" && uri.includes("broken-graph") ? "LoadFailed" : undefined;
}
