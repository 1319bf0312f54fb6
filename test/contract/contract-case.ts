/**
 * What a contract case is, what it gets, and the small objects that the cases are about.
 *
 * A case states one thing that Petrel relies on. It runs against every implementation of the port, so it may
 * use nothing but the port and what is here.
 */
import type { KubeObject, ObjectReference, OwnerReference } from "../../src/api/kube-object.ts";
import { RESOURCE } from "../../src/api/kube-resources.ts";
import { keyOf, referenceTo } from "../../src/kube/object-key.ts";
import { KubeError, type KubePort, type WatchEvent, type WatchOptions } from "../../src/kube/port.ts";

/** An API server to try, with an empty namespace of its own for each case. */
export interface ContractEnvironment {
  readonly port: KubePort;
  readonly namespace: string;
  /** Lets time pass. */
  elapse(milliseconds: number): Promise<void>;
  /** Returns when versions that were read before the call are too old to go on from. */
  expireHistory(): Promise<void>;
  /** Returns when the garbage collector has brought about what is asked for; rejects when it does not. */
  collectedUntil(isDone: () => Promise<boolean>): Promise<void>;
}

/** One thing that holds. */
export interface ContractCase {
  readonly name: string;
  run(environment: ContractEnvironment): Promise<void>;
}

/** Field manager of writes whose manager does not matter. */
export const ANYBODY = { fieldManager: "contract" };

/** Applies as this manager, with force unless told otherwise. */
export function as(fieldManager: string, force = true) {
  return { fieldManager, force };
}

/** What metadata a case sets. */
export interface CaseMetadata {
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly finalizers?: readonly string[];
  readonly ownerReferences?: readonly OwnerReference[];
  readonly resourceVersion?: string;
  readonly uid?: string;
}

/** A Lease: the plainest object there is, with no controller that touches it. */
export function lease(
  { namespace }: ContractEnvironment,
  name: string,
  metadata: CaseMetadata = {},
  spec: object = {},
): KubeObject {
  return {
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: { name, namespace, ...metadata },
    spec,
  };
}

/** A ModelDeployment: a custom resource with status and scale. */
export function modelDeployment(
  { namespace }: ContractEnvironment,
  name: string,
  metadata: CaseMetadata = {},
  spec: object = {},
): KubeObject {
  const model = { uri: "https://models.example/ranker", digest: `sha256:${"0".repeat(64)}` };
  return {
    apiVersion: "petrel.dev/v1alpha1",
    kind: "ModelDeployment",
    metadata: { name, namespace, ...metadata },
    spec: { model, ...spec },
  };
}

/** A paused Deployment, which its controller leaves without pods. Replicas are left out unless given. */
export function deployment(
  { namespace }: ContractEnvironment,
  name: string,
  {
    replicas,
    env,
    labels,
  }: { replicas?: number; env?: readonly object[]; labels?: Record<string, string> } = {},
): KubeObject {
  const container = { name: "main", image: "example/model-server:1", ...(env === undefined ? {} : { env }) };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, namespace, ...(labels === undefined ? {} : { labels }) },
    spec: {
      paused: true,
      ...(replicas === undefined ? {} : { replicas }),
      selector: { matchLabels: { app: name } },
      template: { metadata: { labels: { app: name } }, spec: { containers: [container] } },
    },
  };
}

/** A Service with one port of each name. */
export function service(
  { namespace }: ContractEnvironment,
  name: string,
  ports: readonly { readonly name: string; readonly port: number }[],
): KubeObject {
  return { apiVersion: "v1", kind: "Service", metadata: { name, namespace }, spec: { ports } };
}

/** A RoleBinding that gives nobody a ClusterRole. */
export function roleBinding({ namespace }: ContractEnvironment, name: string, role: string): KubeObject {
  return {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "RoleBinding",
    metadata: { name, namespace },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: role },
    subjects: [],
  };
}

/** Names an object of a case. */
export function reference(
  { namespace }: ContractEnvironment,
  resource: keyof typeof RESOURCE,
  name: string,
): ObjectReference {
  return { resource: RESOURCE[resource], namespace, name };
}

/** Names an owner. */
export function ownedBy(owner: KubeObject, blockOwnerDeletion = false): OwnerReference {
  const { apiVersion, kind, metadata } = owner;
  return { apiVersion, kind, name: metadata.name, uid: metadata.uid ?? "", blockOwnerDeletion };
}

/** Whether an object is there. */
export async function exists({ port }: ContractEnvironment, object: KubeObject): Promise<boolean> {
  const found = await errorOf(port.get(referenceTo(object)));
  if (found === undefined) return true;
  if (found.status === 404) return false;
  throw found;
}

/** The refusal that a call ends in; undefined when it succeeds. Throws on any other error. */
export async function errorOf(call: Promise<unknown>): Promise<KubeError | undefined> {
  try {
    await call;
    return undefined;
  } catch (error) {
    if (error instanceof KubeError) return error;
    throw error;
  }
}

/** A watch on Leases of the namespace whose events are taken one by one. */
export class LeaseWatch {
  readonly #events: AsyncIterator<WatchEvent>;
  readonly #abort = new AbortController();

  constructor({ port, namespace }: ContractEnvironment, options: Partial<WatchOptions>) {
    const watch = port.watch(
      RESOURCE.lease,
      { namespace, timeoutSeconds: 30, ...options },
      this.#abort.signal,
    );
    this.#events = watch[Symbol.asyncIterator]();
  }

  /** The next event; undefined when the watch has ended. */
  async next(): Promise<WatchEvent | undefined> {
    const { done, value } = await this.#events.next();
    return done ? undefined : value;
  }

  /** The next events in short, `TYPE name`, bookmarks left out but the one that ends the initial events. */
  async take(count: number): Promise<string[]> {
    const taken: string[] = [];
    while (taken.length < count) {
      const event = await this.next();
      if (event === undefined) throw new Error(`the watch ended after ${JSON.stringify(taken)}`);
      if (event.type !== "BOOKMARK") taken.push(`${event.type} ${event.object.metadata.name}`);
      else if (event.initialEventsEnd) taken.push("INITIAL EVENTS END");
    }
    return taken;
  }

  /** Ends the watch from this side. */
  abort(): void {
    this.#abort.abort();
  }
}

/** Version of the collection now. */
export async function currentVersion({ port, namespace }: ContractEnvironment): Promise<string> {
  return (await port.list(RESOURCE.lease, { namespace })).resourceVersion;
}

/** Names of objects, in their order. */
export function names(objects: readonly KubeObject[]): string[] {
  return objects.map(({ metadata }) => keyOf({ name: metadata.name }));
}
