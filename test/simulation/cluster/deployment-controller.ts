/**
 * The Deployment and ReplicaSet controllers in one: as many pods of the newest template as are asked for, replaced
 * within `maxSurge` and `maxUnavailable`.
 *
 * Simplified: pods belong to the Deployment itself, and a template is told by its hash. Like the real one it counts
 * pods that terminate as gone, and takes those that are not ready first.
 */

import { contentHash } from "../../../src/api/content-hash.ts";
import { asNumber, asRecord, valueAt } from "../../../src/api/json.ts";
import type { KubeObject } from "../../../src/api/kube-object.ts";
import { referenceTo } from "../../../src/kube/object-key.ts";
import type { Controller, Task } from "../task.ts";
import type { World } from "../world.ts";
import { hasEnded, isReady, isTerminating, podReference } from "./pod.ts";

const TEMPLATE_LABEL = "pod-template-hash";

/** Makes and removes pods. */
export class DeploymentController implements Controller {
  readonly name = "deployment-controller";
  readonly #world: World;
  /** By template, which is the same frozen value as long as it does not change. */
  readonly #hashes = new WeakMap<object, string>();

  constructor(world: World) {
    this.#world = world;
  }

  tasks(): readonly Task[] {
    return this.#world.objects("Deployment").flatMap((deployment) => {
      return isTerminating(deployment) ? [] : this.#tasksOf(deployment);
    });
  }

  #tasksOf(deployment: KubeObject): readonly Task[] {
    const { uid } = deployment.metadata;
    const pods = this.#world
      .objects("Pod")
      .filter((pod) => pod.metadata.ownerReferences?.some((owner) => owner.uid === uid) === true)
      .filter((pod) => !isTerminating(pod) && !hasEnded(pod));
    const hash = this.#templateHash(deployment);
    const replicas = asNumber(valueAt(deployment, "spec", "replicas")) ?? 1;
    const next = this.#nextPodTask(deployment, pods, hash, replicas);
    const status = { replicas: pods.length, readyReplicas: pods.filter(isReady).length };
    const statusIsTrue =
      valueAt(deployment, "status", "replicas") === status.replicas &&
      valueAt(deployment, "status", "readyReplicas") === status.readyReplicas;
    return [
      ...(next === undefined ? [] : [next]),
      ...(statusIsTrue ? [] : [this.#statusTask(deployment, status)]),
    ];
  }

  #nextPodTask(
    deployment: KubeObject,
    pods: readonly KubeObject[],
    hash: string,
    replicas: number,
  ): Task | undefined {
    const maxSurge = asNumber(valueAt(deployment, "spec", "strategy", "rollingUpdate", "maxSurge")) ?? 1;
    const maxUnavailable =
      asNumber(valueAt(deployment, "spec", "strategy", "rollingUpdate", "maxUnavailable")) ?? 0;
    const current = pods.filter((pod) => pod.metadata.labels?.[TEMPLATE_LABEL] === hash);
    const former = pods.filter((pod) => !current.includes(pod));
    if (current.length > replicas) return this.#deleteTask(current);
    if (former.length > 0 && replicas === 0) return this.#deleteTask(former);
    const room = replicas + (former.length > 0 ? maxSurge : 0);
    if (current.length < replicas && pods.length < room) return this.#createTask(deployment, hash);
    const spare = pods.filter(isReady).length - (replicas - maxUnavailable);
    const unready = former.filter((pod) => !isReady(pod));
    if (unready.length > 0) return this.#deleteTask(unready);
    return former.length > 0 && spare > 0 ? this.#deleteTask(former) : undefined;
  }

  #createTask(deployment: KubeObject, hash: string): Task {
    const { name, namespace = "", uid = "" } = deployment.metadata;
    const template = asRecord(valueAt(deployment, "spec", "template")) ?? {};
    const labels = asRecord(valueAt(template, "metadata", "labels")) ?? {};
    return {
      what: `creates a pod of ${namespace}/${name}`,
      run: () =>
        this.#world.portFor(this.name).create(
          {
            apiVersion: "v1",
            kind: "Pod",
            metadata: {
              name: `${name}-${hash}-${this.#world.uniqueSuffix()}`,
              namespace,
              labels: { ...strings(labels), [TEMPLATE_LABEL]: hash },
              ownerReferences: [
                {
                  apiVersion: "apps/v1",
                  kind: "Deployment",
                  name,
                  uid,
                  controller: true,
                  blockOwnerDeletion: true,
                },
              ],
            },
            spec: template["spec"],
          },
          { fieldManager: this.name },
        ),
    };
  }

  /** Pods that are not ready first, then the youngest. */
  #deleteTask(pods: readonly KubeObject[]): Task | undefined {
    const victim = pods.toReversed().find((pod) => !isReady(pod)) ?? pods.at(-1);
    if (victim === undefined) return undefined;
    return {
      what: `deletes ${victim.metadata.namespace}/${victim.metadata.name}`,
      run: () => this.#world.portFor(this.name).delete(podReference(victim), {}),
    };
  }

  #statusTask(
    deployment: KubeObject,
    status: { readonly replicas: number; readonly readyReplicas: number },
  ): Task {
    const { name, namespace } = deployment.metadata;
    return {
      what: `reports ${status.readyReplicas} of ${status.replicas} pods of ${namespace}/${name} as ready`,
      run: () => this.#world.writeAsComponent(this.name, referenceTo(deployment), { status }),
    };
  }

  #templateHash(deployment: KubeObject): string {
    const template = asRecord(valueAt(deployment, "spec", "template")) ?? {};
    const known = this.#hashes.get(template);
    if (known !== undefined) return known;
    const hash = contentHash(template);
    this.#hashes.set(template, hash);
    return hash;
  }
}

function strings(record: Readonly<Record<string, unknown>>): Record<string, string> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, String(value)]));
}
