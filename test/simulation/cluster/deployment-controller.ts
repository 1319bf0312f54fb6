/**
 * The Deployment and ReplicaSet controllers in one: as many pods of the newest template as are asked for, replaced
 * within `maxSurge` and `maxUnavailable`.
 *
 * Simplified: pods belong to the Deployment itself, and a template is told by its hash. Like the real one, to which
 * test/contract holds it, it counts pods that terminate as gone, takes those that are not ready first, and goes no
 * further with an update than the new pods get ready.
 */

import { contentHash } from "../../../src/api/content-hash.ts";
import { asNumber, asRecord, type JsonRecord, valueAt } from "../../../src/api/json.ts";
import { jsonEquals } from "../../../src/api/json-equals.ts";
import type { KubeObject } from "../../../src/api/kube-object.ts";
import { referenceTo } from "../../../src/kube/object-key.ts";
import type { Controller, Task } from "../task.ts";
import type { World } from "../world.ts";
import { hasEnded, isReady, isTerminating, podReference } from "./pod.ts";

const TEMPLATE_LABEL = "pod-template-hash";

interface PodTask extends Task {
  readonly makesPod: boolean;
}

type Status = JsonRecord & { readonly replicas: number; readonly readyReplicas: number };

/** Makes and removes pods. */
export class DeploymentController implements Controller {
  readonly name = "deployment-controller";
  /** A quota: how many pods there may be; absent for any number. */
  maximumPods: number | undefined;
  readonly #world: World;
  /** By template, which is the same frozen value as long as it does not change. */
  readonly #hashes = new WeakMap<object, string>();

  constructor(world: World) {
    this.#world = world;
  }

  tasks(): readonly Task[] {
    const podsOf = this.#podsByOwner();
    return this.#world.objects("Deployment").flatMap((deployment) => {
      const pods = podsOf.get(deployment.metadata.uid ?? "") ?? [];
      return isTerminating(deployment) ? [] : this.#tasksOf(deployment, pods);
    });
  }

  /** Pods that count, by the uid of their owner. */
  #podsByOwner(): ReadonlyMap<string, readonly KubeObject[]> {
    const pods = new Map<string, KubeObject[]>();
    for (const pod of this.#world.objects("Pod")) {
      if (isTerminating(pod) || hasEnded(pod)) continue;
      for (const { uid } of pod.metadata.ownerReferences ?? []) {
        const others = pods.get(uid);
        if (others === undefined) pods.set(uid, [pod]);
        else others.push(pod);
      }
    }
    return pods;
  }

  #tasksOf(deployment: KubeObject, pods: readonly KubeObject[]): readonly Task[] {
    const hash = this.#templateHash(deployment);
    const replicas = asNumber(valueAt(deployment, "spec", "replicas")) ?? 1;
    const next = this.#nextPodTask(deployment, pods, hash, replicas);
    const isRefused = next?.makesPod === true && this.#isQuotaUsed();
    const status = {
      replicas: pods.length,
      readyReplicas: pods.filter(isReady).length,
      ...(isRefused ? { conditions: [replicaFailure(deployment, this.maximumPods)] } : {}),
    };
    const statusIsTrue = jsonEquals(deployment["status"], status);
    return [
      ...(next === undefined || isRefused ? [] : [next]),
      ...(statusIsTrue ? [] : [this.#statusTask(deployment, status)]),
    ];
  }

  #isQuotaUsed(): boolean {
    const pods = this.#world.objects("Pod").filter((pod) => !hasEnded(pod));
    return this.maximumPods !== undefined && pods.length >= this.maximumPods;
  }

  #nextPodTask(
    deployment: KubeObject,
    pods: readonly KubeObject[],
    hash: string,
    replicas: number,
  ): PodTask | undefined {
    const maxSurge = asNumber(valueAt(deployment, "spec", "strategy", "rollingUpdate", "maxSurge")) ?? 1;
    const maxUnavailable =
      asNumber(valueAt(deployment, "spec", "strategy", "rollingUpdate", "maxUnavailable")) ?? 0;
    const current = pods.filter((pod) => pod.metadata.labels?.[TEMPLATE_LABEL] === hash);
    const former = pods.filter((pod) => !current.includes(pod));
    if (current.length > replicas) return this.#deleteTask(current);
    if (former.length > 0 && replicas === 0) return this.#deleteTask(former);
    const room = replicas + (former.length > 0 ? maxSurge : 0);
    if (current.length < replicas && pods.length < room) return this.#createTask(deployment, hash);
    const needed = replicas - maxUnavailable;
    const arriving = current.filter((pod) => !isReady(pod)).length;
    if (pods.length - needed - arriving <= 0) return undefined;
    const unready = former.filter((pod) => !isReady(pod));
    if (unready.length > 0) return this.#deleteTask(unready);
    return former.length > 0 && pods.filter(isReady).length > needed ? this.#deleteTask(former) : undefined;
  }

  #createTask(deployment: KubeObject, hash: string): PodTask {
    const { name, namespace = "", uid = "" } = deployment.metadata;
    const template = asRecord(valueAt(deployment, "spec", "template")) ?? {};
    const labels = asRecord(valueAt(template, "metadata", "labels")) ?? {};
    return {
      makesPod: true,
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
  #deleteTask(pods: readonly KubeObject[]): PodTask | undefined {
    const victim = pods.toReversed().find((pod) => !isReady(pod)) ?? pods.at(-1);
    if (victim === undefined) return undefined;
    return {
      makesPod: false,
      what: `deletes ${victim.metadata.namespace}/${victim.metadata.name}`,
      run: () => this.#world.portFor(this.name).delete(podReference(victim), {}),
    };
  }

  #statusTask(deployment: KubeObject, status: Status): Task {
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

/** What the ReplicaSet controller tells, and the Deployment controller takes over. */
function replicaFailure({ metadata: { name } }: KubeObject, limit: number | undefined): JsonRecord {
  const message = `pods "${name}-" is forbidden: exceeded quota: pods, requested: pods=1, used: pods=${limit}, limited: pods=${limit}`;
  return { type: "ReplicaFailure", status: "True", reason: "FailedCreate", message };
}

function strings(record: Readonly<Record<string, unknown>>): Record<string, string> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, String(value)]));
}
