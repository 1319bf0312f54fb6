/**
 * Real stores of models beside the shared cluster, for scenarios: an S3 store over TLS and an image registry on the
 * control plane's address, and claims on a folder of this machine.
 */
import type { ChildProcess } from "node:child_process";
import { chmodSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { type ObjectStore, type Registry, startObjectStore, startRegistry } from "./cluster/index.ts";
import type { Scenario } from "./scenario.ts";

/** The address of the control plane, which nodes, pods and this process reach alike. */
async function controlPlaneAddress(scenario: Scenario): Promise<string> {
  const path = "jsonpath={.clusters[0].cluster.server}";
  return new URL(await scenario.cluster.kubectl(["config", "view", "-o", path])).hostname;
}

/** A folder of the scenario that goes with the cluster. */
function scenarioFolder(scenario: Scenario, name: string): string {
  const folder = join(dirname(scenario.cluster.kubeconfig), "stores", scenario.namespace, name);
  mkdirSync(folder, { recursive: true });
  return folder;
}

/** Starts a server beside the control plane. Its output is not kept, and must not fill a pipe. */
function spawnBeside(scenario: Scenario, command: readonly string[]): ChildProcess {
  const child = scenario.cluster.spawn("control-plane", command);
  child.stdout?.resume();
  child.stderr?.resume();
  return child;
}

/** Starts an S3 store for a scenario. Each scenario of a cluster needs a port of its own. */
export async function objectStoreFor(scenario: Scenario, port: number): Promise<ObjectStore> {
  return await startObjectStore({
    folder: scenarioFolder(scenario, "s3"),
    address: await controlPlaneAddress(scenario),
    port,
    spawn: (command) => spawnBeside(scenario, command),
  });
}

/** Starts the cluster's image registry for a scenario. */
export async function registryFor(scenario: Scenario): Promise<Registry> {
  return await startRegistry({
    folder: scenarioFolder(scenario, "registry"),
    address: await controlPlaneAddress(scenario),
    spawn: (command) => spawnBeside(scenario, command),
  });
}

/** Makes a claim that every node can mount, as an administrator would, and gives its folder on this machine. */
export async function claimFor(scenario: Scenario, claimName: string): Promise<string> {
  const folder = scenarioFolder(scenario, `claim-${claimName}`);
  chmodSync(folder, 0o777);
  const volumeName = `${scenario.namespace}-${claimName}`;
  const common = { storageClassName: "", accessModes: ["ReadWriteMany"] };
  await scenario.apply({
    apiVersion: "v1",
    kind: "PersistentVolume",
    metadata: { name: volumeName },
    spec: {
      ...common,
      capacity: { storage: "1Gi" },
      hostPath: { path: folder },
      persistentVolumeReclaimPolicy: "Retain",
    },
  });
  await scenario.apply({
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: { name: claimName },
    spec: { ...common, volumeName, resources: { requests: { storage: "1Gi" } } },
  });
  return folder;
}

/** Deletes the volume behind a claim; the claim itself goes with its namespace. */
export async function forgetClaim(scenario: Scenario, claimName: string): Promise<void> {
  await scenario.kubectl("delete", "persistentvolume", `${scenario.namespace}-${claimName}`, "--wait=false");
}

/** A Secret or ConfigMap of texts. */
export function settings(
  kind: "Secret" | "ConfigMap",
  name: string,
  texts: Readonly<Record<string, string>>,
): object {
  return { apiVersion: "v1", kind, metadata: { name }, [kind === "Secret" ? "stringData" : "data"]: texts };
}
