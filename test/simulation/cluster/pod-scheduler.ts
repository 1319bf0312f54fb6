/**
 * kube-scheduler: binds each pod to a node that has room for it, or says in its own words why none has.
 */
import { asList, asNumber, asString, valueAt } from "../../../src/api/json.ts";
import type { KubeObject } from "../../../src/api/kube-object.ts";
import type { Controller, Task } from "../task.ts";
import type { World } from "../world.ts";
import type { Node } from "./nodes.ts";
import { hasEnded, isTerminating, nodeOf, podReference } from "./pod.ts";
import { unschedulableStatus } from "./pod-status.ts";

const GPU = "nvidia.com/gpu";

/** What a pod takes of a node. */
interface Demand {
  readonly cpuMillicores: number;
  readonly gpus: number;
}

/** Binds pods. */
export class PodScheduler implements Controller {
  readonly name = "scheduler";
  readonly #world: World;
  readonly #nodes: readonly Node[];

  constructor(world: World, nodes: readonly Node[]) {
    this.#world = world;
    this.#nodes = nodes;
  }

  tasks(): readonly Task[] {
    return this.#world.objects("Pod").flatMap((pod) => {
      if (nodeOf(pod) !== undefined || isTerminating(pod) || hasEnded(pod)) return [];
      const fitting = this.#nodes.find((node) => this.#missingOn(node, pod) === undefined);
      if (fitting !== undefined) {
        return [
          {
            what: `binds ${pod.metadata.name} to ${fitting.name}`,
            run: () => this.#write(pod, { nodeName: fitting.name }),
          },
        ];
      }
      const message = this.#explain(pod);
      const conditions = asList(valueAt(pod, "status", "conditions"));
      if (valueAt(conditions[0], "message") === message) return [];
      return [
        {
          what: `finds no node for ${pod.metadata.name}`,
          run: () => this.#write(pod, { status: unschedulableStatus(message) }),
        },
      ];
    });
  }

  #write(pod: KubeObject, fields: Parameters<World["writeAsComponent"]>[2]): Promise<void> {
    return this.#world.writeAsComponent(this.name, podReference(pod), fields);
  }

  /** What the node lacks for the pod, as the scheduler words it; undefined when it fits. */
  #missingOn(node: Node, pod: KubeObject): string | undefined {
    if (node.isLost) return "node(s) had untolerated taint {node.kubernetes.io/unreachable: }";
    const used = this.#world
      .objects("Pod")
      .filter((other) => nodeOf(other) === node.name && !hasEnded(other))
      .map(demandOf);
    const wanted = demandOf(pod);
    const total = (amount: (demand: Demand) => number) =>
      used.reduce((sum, demand) => sum + amount(demand), amount(wanted));
    if (total((demand) => demand.gpus) > node.gpus) return `Insufficient ${GPU}`;
    if (total((demand) => demand.cpuMillicores) > node.cpuMillicores) return "Insufficient cpu";
    return undefined;
  }

  #explain(pod: KubeObject): string {
    const counts = new Map<string, number>();
    for (const node of this.#nodes) {
      const missing = this.#missingOn(node, pod) ?? "";
      counts.set(missing, (counts.get(missing) ?? 0) + 1);
    }
    const reasons = [...counts].map(([reason, count]) => `${count} ${reason}`).sort();
    const all = this.#nodes.length;
    return `0/${all} nodes are available: ${reasons.join(", ")}. no new claims to deallocate, preemption: 0/${all} nodes are available: ${all} No preemption victims found for incoming pod.`;
  }
}

/** The sum over its containers of requests, or of limits where a device has only these. */
function demandOf(pod: KubeObject): Demand {
  const containers = [
    ...asList(valueAt(pod, "spec", "initContainers")),
    ...asList(valueAt(pod, "spec", "containers")),
  ];
  const sum = (list: "limits" | "requests", resource: string) =>
    containers.reduce<number>((total, container) => {
      return total + parseMilli(valueAt(container, "resources", list, resource));
    }, 0);
  return { cpuMillicores: sum("requests", "cpu"), gpus: sum("limits", GPU) / 1000 };
}

/** Thousandths of a quantity in the two forms that this world uses: `2` and `500m`. */
function parseMilli(quantity: unknown): number {
  const text = asString(quantity) ?? String(asNumber(quantity) ?? 0);
  return text.endsWith("m") ? Number(text.slice(0, -1)) : Number(text) * 1000;
}
