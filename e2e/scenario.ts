/**
 * What a scenario needs: the shared cluster with Petrel in it, a namespace of its own, and the few things that
 * a user does there.
 */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { parse } from "yaml";
import type { Condition } from "../src/api/conditions.ts";
import { asList, valueAt } from "../src/api/json.ts";
import type { ModelDeploymentStatus } from "../src/api/model-deployment-status.ts";
import type { ModelRolloutStatus } from "../src/api/model-rollout.ts";
import { type Cluster, KUBERNETES_VARIABLE, openCluster, runOrFail, startCluster } from "./cluster/index.ts";

/** Environment variable that names the cluster which the whole tier shares. */
export const SHARED_CLUSTER_VARIABLE = "PETREL_E2E_SHARED_CLUSTER";

/** What `kubectl petrel` is made of. */
const PETREL = join(import.meta.dirname, "../src/kubectl-petrel.ts");

/** Label of a scenario's namespace. */
const SCENARIO_LABEL = "petrel.dev/scenario";

/** Whether the tier runs on a cluster that it made itself, and may therefore break. */
export const clusterIsLocal = process.env[SHARED_CLUSTER_VARIABLE] !== "";
/** Whether the local cluster mounts images as volumes: Kubernetes does from 1.35 on. */
export const imagesAreMounted = process.env[KUBERNETES_VARIABLE] !== "1.34";

/** Opens the cluster that the tier's set-up has made. */
export async function sharedCluster(): Promise<Cluster> {
  const name = process.env[SHARED_CLUSTER_VARIABLE];
  if (name === undefined)
    throw new Error(`${SHARED_CLUSTER_VARIABLE} is not set: run the tier through npm test`);
  return name === "" ? startCluster() : openCluster(name);
}

/** Waits until nothing is left of any scenario; fails with the names of what stays. */
export async function scenariosAreGone(cluster: Cluster): Promise<void> {
  const left = ["namespaces", "--selector", SCENARIO_LABEL];
  await cluster.kubectl(["wait", "--for=delete", ...left, "--timeout=180s"], {
    timeoutMilliseconds: 190_000,
  });
}

/** A pod and where it is. */
export interface PlacedPod {
  readonly name: string;
  /** Absent until it is scheduled. */
  readonly node: string | undefined;
  /** Pool of a model server. */
  readonly pool: string | undefined;
}

/** A container that was started. */
export interface RunContainer {
  /** Its id at the node's container runtime. */
  readonly id: string;
  readonly restarts: number;
}

interface RawPod {
  readonly metadata: {
    readonly name: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly deletionTimestamp?: string;
  };
  readonly spec: { readonly nodeName?: string };
}

/** A namespace with restricted pods, and a user's actions in it. */
export class Scenario {
  readonly cluster: Cluster;
  readonly namespace: string;

  private constructor(cluster: Cluster, namespace: string) {
    this.cluster = cluster;
    this.namespace = namespace;
  }

  /** A namespace of its own, under a name that no other run has. */
  static create(cluster: Cluster, name: string): Promise<Scenario> {
    return Scenario.open(cluster, `${name}-${randomBytes(2).toString("hex")}`);
  }

  /** A namespace that enforces the Pod Security Standard *restricted*; it is made if it is not there. */
  static async open(cluster: Cluster, namespace: string): Promise<Scenario> {
    const labels = { "pod-security.kubernetes.io/enforce": "restricted", [SCENARIO_LABEL]: "" };
    const object = { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace, labels } };
    await cluster.kubectl(["apply", "-f", "-"], { input: JSON.stringify(object) });
    return new Scenario(cluster, namespace);
  }

  /** Deletes the namespace. It goes beside the next scenario; {@link scenariosAreGone} waits for all of them. */
  async dispose(): Promise<void> {
    await this.cluster.kubectl(["delete", "namespace", this.namespace, "--wait=false"]);
  }

  /** Runs kubectl in the namespace. */
  kubectl(...args: readonly string[]): Promise<string> {
    return this.cluster.kubectl(["-n", this.namespace, ...args], { timeoutMilliseconds: 300_000 });
  }

  /** Runs `petrel` for a person who works in the namespace; fails with what it said. Gives standard output. */
  petrel(...args: readonly string[]): Promise<string> {
    const where = ["--namespace", this.namespace, "--kubeconfig", this.cluster.kubeconfig];
    return runOrFail(process.execPath, [PETREL, ...args, ...where]);
  }

  /** Applies a manifest (YAML text, or an object) with server-side strict validation, as kubectl does. */
  async apply(manifest: string | object): Promise<void> {
    const input = typeof manifest === "string" ? manifest : JSON.stringify(manifest);
    await this.cluster.kubectl(["-n", this.namespace, "apply", "-f", "-"], { input });
  }

  /** Reads an object. */
  async get(...args: readonly string[]): Promise<unknown> {
    return parse(await this.kubectl("get", ...args, "-o", "json"));
  }

  /** Status of a ModelDeployment. */
  async status(name: string): Promise<ModelDeploymentStatus> {
    const object = JSON.parse(await this.kubectl("get", "modeldeployment", name, "-o", "json"));
    return object.status ?? {};
  }

  /** Status of a ModelRollout; empty while it is not made: the ModelDeployment names it before. */
  async release(name: string | undefined): Promise<ModelRolloutStatus> {
    if (name === undefined) return {};
    const text = await this.kubectl("get", "modelrollout", name, "--ignore-not-found", "-o", "json");
    return text === "" ? {} : (JSON.parse(text).status ?? {});
  }

  /** One condition of a ModelDeployment. */
  async condition(name: string, type: string): Promise<Condition | undefined> {
    return (await this.status(name)).conditions?.find((condition) => condition.type === type);
  }

  /** Waits for a condition with kubectl, as a pipeline does. */
  async waitFor(name: string, condition: string, timeoutSeconds = 180): Promise<void> {
    try {
      const flags = [`--for=condition=${condition}`, `--timeout=${timeoutSeconds}s`];
      await this.kubectl("wait", `modeldeployment/${name}`, ...flags);
    } catch (error) {
      throw new Error(`${name} did not get ${condition}:\n${await this.describe(name)}`, { cause: error });
    }
  }

  /** Waits until a predicate holds; fails with what the predicate last saw. */
  async until<T>(
    what: string,
    read: () => Promise<T>,
    holds: (value: T) => boolean,
    timeoutSeconds = 120,
  ): Promise<T> {
    const deadline = performance.now() + timeoutSeconds * 1000;
    for (;;) {
      const value = await read();
      if (holds(value)) return value;
      if (performance.now() > deadline) {
        throw new Error(
          `${what}: not within ${timeoutSeconds} s; last seen: ${JSON.stringify(value, null, 2)}`,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  }

  /** Pods of a component that stay, with the nodes that they are on. */
  async pods(component: "model-server" | "router", model?: string): Promise<readonly PlacedPod[]> {
    const selector = `petrel.dev/component=${component}${model === undefined ? "" : `,petrel.dev/model-deployment=${model}`}`;
    const list = JSON.parse(await this.kubectl("get", "pods", "-l", selector, "-o", "json"));
    const staying = list.items.filter((pod: RawPod) => pod.metadata.deletionTimestamp === undefined);
    return staying.map((pod: RawPod) => ({
      name: pod.metadata.name,
      node: pod.spec.nodeName,
      pool: pod.metadata.labels["petrel.dev/pool"],
    }));
  }

  /** Names of the router pods that new connections to a model's Service go to. */
  async readyRouters(model: string): Promise<readonly string[]> {
    const list = await this.get("endpointslices", "-l", `kubernetes.io/service-name=${model}`);
    const endpoints = asList(valueAt(list, "items")).flatMap((slice) => asList(valueAt(slice, "endpoints")));
    return endpoints
      .filter((endpoint) => valueAt(endpoint, "conditions", "ready") === true)
      .map((endpoint) => String(valueAt(endpoint, "targetRef", "name")));
  }

  /** A container of a pod, as its status tells it. Throws where there is none, or none that was started. */
  async container(pod: string, name: string): Promise<RunContainer> {
    const status = valueAt(await this.get("pod", pod), "status");
    const statuses = ["initContainerStatuses", "containerStatuses"].flatMap((field) =>
      asList(valueAt(status, field)),
    );
    const found = statuses.find((each) => valueAt(each, "name") === name);
    const [, id] = String(valueAt(found, "containerID")).split("://");
    if (id === undefined)
      throw new Error(`pod ${pod} runs no container ${name}: ${JSON.stringify(statuses)}`);
    return { id, restarts: Number(valueAt(found, "restartCount")) };
  }

  /** A node with a pod of the model's first pool and without a router: what is lost with it is the model alone. */
  async nodeWithModelButNoRouter(model: string): Promise<string | undefined> {
    const routers = new Set((await this.pods("router")).map((pod) => pod.node));
    const firstPool = (await this.status(model)).pools?.[0]?.name;
    const models = await this.pods("model-server", model);
    return models.find((pod) => pod.pool === firstPool && pod.node !== undefined && !routers.has(pod.node))
      ?.node;
  }

  /** URL of a model's Service, reachable from this process. */
  async url(name: string): Promise<string> {
    const address = (await this.kubectl("get", "service", name, "-o", "jsonpath={.spec.clusterIP}")).trim();
    return `http://${address}`;
  }

  /** All that helps to understand a failure. */
  async describe(name: string): Promise<string> {
    const parts = [
      ["get", "modeldeployment", name, "-o", "yaml"],
      ["get", "pods,deployments,endpointslices", "-o", "wide"],
      ["get", "events", "--sort-by=.lastTimestamp"],
    ].map((args) => this.kubectl(...args).catch(String));
    return (await Promise.all(parts)).join("\n");
  }
}
