/**
 * Enforces the cluster's NetworkPolicies: watches pods, namespaces and policies, and keeps the rules of every node's
 * network namespace in step with them.
 *
 * One process for all nodes, as the harness reaches them all. While the apiserver is away the last rules stay. A new
 * pod is open until its address is known and the rules are in place, as with any engine that watches.
 */
import { readFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { request } from "node:https";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { run, runOrFail } from "./command.ts";
import type { ClusterLayout } from "./layout.ts";
import { withinNamespace } from "./network.ts";
import {
  nodeRules,
  type Policy,
  type PolicyNamespace,
  type PolicyPod,
  policyTable,
} from "./network-policy-rules.ts";
import { keysIn } from "./pki.ts";
import { type Daemon, markedEnvironment } from "./processes.ts";

const retryMilliseconds = 500;
/** Changes that come together are put in place together. */
const settleMilliseconds = 20;

interface Named {
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

interface WatchEvent<T> {
  readonly type: string;
  readonly object: T & { readonly metadata: { readonly annotations?: Readonly<Record<string, string>> } };
}

/** The engine as a daemon of the cluster, in the control plane's network. */
export function networkPolicyEngine(layout: ClusterLayout): Daemon {
  return {
    id: layout.id,
    role: "network-policy",
    within: withinNamespace(layout.controlPlaneNamespace),
    program: process.execPath,
    args: [join(import.meta.dirname, "main.ts"), "enforce-network-policies", "--name", layout.name],
    logFile: join(layout.logs, "control-plane", "network-policy.log"),
    // The command line finds the cluster where this process does.
    environment: { PETREL_CACHE: process.env["PETREL_CACHE"] ?? "" },
  };
}

/** Whether the rules of every node are in place. */
export async function policiesAreEnforced(layout: ClusterLayout): Promise<boolean> {
  const environment = markedEnvironment(layout.id, "network-policy/nft");
  const lists = layout.nodes.map(async ({ networkNamespace }) => {
    const [command = "", ...within] = withinNamespace(networkNamespace);
    const { exitCode } = await run(command, [...within, "nft", "list", "table", ...policyTable.split(" ")], {
      environment,
    });
    return exitCode === 0;
  });
  return (await Promise.all(lists)).every(Boolean);
}

/** Enforces until the process is ended. */
export async function enforceNetworkPolicies(layout: ClusterLayout): Promise<never> {
  const pods = new Mirror<PolicyPod>(layout, "/api/v1/pods");
  const namespaces = new Mirror<PolicyNamespace>(layout, "/api/v1/namespaces");
  const policies = new Mirror<Policy>(layout, "/apis/networking.k8s.io/v1/networkpolicies");
  const mirrors = [pods, namespaces, policies];
  let changed = Promise.withResolvers<void>();
  for (const mirror of mirrors) {
    void mirror.follow(() => changed.resolve());
  }
  const inPlace = new Map<string, string>();
  for (;;) {
    await changed.promise;
    await sleep(settleMilliseconds);
    changed = Promise.withResolvers();
    if (mirrors.some((mirror) => !mirror.isFilled)) continue;
    const world = { pods: pods.objects, namespaces: namespaces.objects, policies: policies.objects };
    for (const { name, networkNamespace } of layout.nodes) {
      try {
        const rules = nodeRules(world, name);
        if (inPlace.get(name) === rules) continue;
        const [command = "", ...within] = withinNamespace(networkNamespace);
        const environment = markedEnvironment(layout.id, "network-policy/nft");
        await runOrFail(command, [...within, "nft", "-f", "-"], { input: rules, environment });
        inPlace.set(name, rules);
        console.log(`${new Date().toISOString()} ${name}\n${rules}`);
      } catch (error) {
        console.error(`${name}: ${String(error)}`);
        void sleep(retryMilliseconds).then(() => changed.resolve());
      }
    }
  }
}

/** All objects of one resource, kept up to date. */
class Mirror<T extends Named> {
  readonly #layout: ClusterLayout;
  readonly #path: string;
  #objects = new Map<string, T>();
  isFilled = false;

  constructor(layout: ClusterLayout, path: string) {
    this.#layout = layout;
    this.#path = path;
  }

  get objects(): readonly T[] {
    return [...this.#objects.values()];
  }

  /** Every connection begins with the whole state, so nothing that was missed between two stays. */
  async follow(onChange: () => void): Promise<never> {
    for (;;) {
      try {
        await this.#watch(onChange);
      } catch (error) {
        console.error(`${this.#path}: ${String(error)}`);
      }
      await sleep(retryMilliseconds);
    }
  }

  async #watch(onChange: () => void): Promise<void> {
    const { admin, authority } = keysIn(this.#layout.pki);
    const query = "watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
    const url = `https://${this.#layout.controlPlaneAddress}:6443${this.#path}?${query}`;
    const files = { cert: admin.certificate, key: admin.key, ca: authority.certificate };
    const credentials = Object.fromEntries(
      Object.entries(files).map(([option, file]) => [option, readFileSync(file)]),
    );
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      request(url, { ...credentials, agent: false }, resolve)
        .on("error", reject)
        .end();
    });
    if (answer.statusCode !== 200) throw new Error(`status ${answer.statusCode}`);
    const objects = new Map<string, T>();
    for await (const line of createInterface({ input: answer })) {
      const { type, object }: WatchEvent<T> = JSON.parse(line);
      if (type === "ERROR") throw new Error(line);
      if (type === "BOOKMARK") {
        if (object.metadata.annotations?.["k8s.io/initial-events-end"] === "true") {
          this.#objects = objects;
          this.isFilled = true;
          onChange();
        }
        continue;
      }
      const { name, namespace = "" } = object.metadata;
      if (type === "DELETED") objects.delete(`${namespace}/${name}`);
      else objects.set(`${namespace}/${name}`, object);
      // Until all is there, what was known before holds.
      if (this.#objects === objects) onChange();
    }
  }
}
