/**
 * What a case about the cluster's own controllers is, what it gets, and the Deployment that the cases are about.
 *
 * A case states one thing that the operator sees of the controllers' work. The same case runs on kube-controller-manager
 * and on the controllers of the simulation, so that the simulation cannot drift from the truth.
 */
import { asList, asRecord, valueAt } from "../../src/api/json.ts";
import type { KubeObject } from "../../src/api/kube-object.ts";
import { RESOURCE } from "../../src/api/kube-resources.ts";
import { scale } from "../../src/kube/apply.ts";
import type { KubePort } from "../../src/kube/port.ts";

/** A cluster without nodes, with an empty namespace for each case. */
export interface ControllerEnvironment {
  readonly port: KubePort;
  readonly namespace: string;
  /** Lets the controllers work on until it is so; rejects when it does not come about. Asks after every step of theirs. */
  until(isSo: () => Promise<boolean>): Promise<void>;
  /**
   * How many pods the namespace's Deployments ask for at one instant: what an update bounds by `maxSurge`. Not how many
   * there are: each ReplicaSet makes and removes its own at its own pace, so the new one's may be there before a former
   * one's have gone.
   */
  podsAskedFor(): Promise<number>;
  /** Sets a quota of so many pods on the namespace, or takes it away. */
  limitPods(count: number | undefined): Promise<void>;
  /** Stores the status of a pod, as its kubelet does. */
  writePodStatus(pod: KubeObject, status: Readonly<Record<string, unknown>>): Promise<void>;
}

/** One thing that holds. */
export interface ControllerCase {
  readonly name: string;
  run(environment: ControllerEnvironment): Promise<void>;
}

const NAME = "ranker";
const LABELS = { app: NAME };

/** How a Deployment is to be replaced. */
export interface Strategy {
  readonly maxSurge: number;
  readonly maxUnavailable: number;
}

/** The Deployment of a case, in its namespace. */
export class CaseDeployment {
  readonly #environment: ControllerEnvironment;
  readonly #strategy: Strategy;

  constructor(environment: ControllerEnvironment, strategy: Strategy = { maxSurge: 0, maxUnavailable: 1 }) {
    this.#environment = environment;
    this.#strategy = strategy;
  }

  /** Applies it with an image, as the operator does: new ones with no replicas, sized afterwards. */
  async apply(
    image: string,
    fields: { readonly replicas?: number; readonly owner?: KubeObject } = {},
  ): Promise<KubeObject> {
    const { port, namespace } = this.#environment;
    const { owner, replicas } = fields;
    const ownerReferences = owner === undefined ? {} : { ownerReferences: [controllerReference(owner)] };
    const object: KubeObject = {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: NAME, namespace, ...ownerReferences },
      spec: {
        ...(replicas === undefined ? {} : { replicas }),
        selector: { matchLabels: LABELS },
        strategy: { type: "RollingUpdate", rollingUpdate: this.#strategy },
        template: { metadata: { labels: LABELS }, spec: { containers: [{ name: "serve", image }] } },
      },
    };
    return await port.apply(object, { fieldManager: "petrel", force: true });
  }

  /** Makes it and waits for its pods, which are not ready. */
  async start(image: string, replicas: number, owner?: KubeObject): Promise<void> {
    await this.apply(image, { replicas: 0, ...(owner === undefined ? {} : { owner }) });
    await this.scale(replicas);
    await this.#environment.until(async () => (await this.pods()).length === replicas);
  }

  /** Sizes it through /scale. */
  async scale(replicas: number): Promise<void> {
    const { port, namespace } = this.#environment;
    await scale(port, { resource: RESOURCE.deployment, namespace, name: NAME }, replicas);
  }

  /** Deletes it, its pods in the background. */
  async remove(): Promise<void> {
    const { port, namespace } = this.#environment;
    await port.delete({ resource: RESOURCE.deployment, namespace, name: NAME }, {});
  }

  /** It as it stands. */
  async read(): Promise<KubeObject> {
    const { port, namespace } = this.#environment;
    return await port.get({ resource: RESOURCE.deployment, namespace, name: NAME });
  }

  /** Its pods that count: neither on their way out nor at their end. By the age that their names do not tell. */
  async pods(): Promise<readonly KubeObject[]> {
    const all = await this.allPods();
    return all.filter(
      (pod) =>
        pod.metadata.deletionTimestamp === undefined &&
        !["Failed", "Succeeded"].includes(String(valueAt(pod, "status", "phase"))),
    );
  }

  /** Every pod of it. */
  async allPods(): Promise<readonly KubeObject[]> {
    const { port, namespace } = this.#environment;
    const { items } = await port.list(RESOURCE.pod, { namespace, labelSelector: `app=${NAME}` });
    return items;
  }

  /** Makes pods ready, or not ready. */
  async setReady(pods: readonly KubeObject[], isReady = true): Promise<void> {
    const status = isReady ? "True" : "False";
    const conditions = [{ type: "Ready", status, lastTransitionTime: "2026-01-01T00:00:00Z" }];
    for (const pod of pods) await this.#environment.writePodStatus(pod, { phase: "Running", conditions });
  }

  /** Its condition of a type, if it has one. */
  async condition(type: string): Promise<unknown> {
    const conditions = asList(valueAt(await this.read(), "status", "conditions"));
    return conditions.find((condition) => valueAt(condition, "type") === type);
  }

  /** Status counts of it; what is not reported is 0. */
  async counts(): Promise<{ readonly replicas: number; readonly readyReplicas: number }> {
    const deployment = await this.read();
    const count = (field: string) => Number(valueAt(deployment, "status", field) ?? 0);
    return { replicas: count("replicas"), readyReplicas: count("readyReplicas") };
  }
}

/** Image that a pod runs. */
export function imageOf(pod: KubeObject): unknown {
  return valueAt(asList(valueAt(pod, "spec", "containers"))[0], "image");
}

/** Whether a pod is ready. */
export function isReady(pod: KubeObject): boolean {
  return asList(valueAt(pod, "status", "conditions")).some(
    (condition) => valueAt(condition, "type") === "Ready" && valueAt(condition, "status") === "True",
  );
}

/** Labels of a pod. */
export function labelsOf(pod: KubeObject): Readonly<Record<string, unknown>> {
  return asRecord(pod.metadata.labels) ?? {};
}

function controllerReference(owner: KubeObject) {
  const { apiVersion, kind, metadata } = owner;
  return { apiVersion, kind, name: metadata.name, uid: metadata.uid ?? "", controller: true };
}
