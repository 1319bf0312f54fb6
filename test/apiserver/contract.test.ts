/**
 * The contract on a real kube-apiserver with etcd and the controller manager, through the transport over
 * HTTPS.
 */
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { type ControlPlane, startControlPlane } from "../../e2e/cluster/index.ts";
import { customResourceDefinition } from "../../src/api/crd.ts";
import { asList, valueAt } from "../../src/api/json.ts";
import { modelDeploymentKind } from "../../src/api/model-deployment.ts";
import { systemClock } from "../../src/core/clock.ts";
import { loadEndpoint } from "../../src/kube/endpoint.ts";
import { createTransport, type Transport } from "../../src/kube/transport.ts";
import { execute } from "../../src/operator/execute.ts";
import type { ContractEnvironment } from "../contract/contract-case.ts";
import { CONTRACT } from "../contract/contract-cases.ts";
import type { ControllerEnvironment } from "../contract/controller-case.ts";
import { controllerCases } from "../contract/controller-cases.ts";
import { silentLogger } from "../fixtures/silent-logger.ts";

/** The API server compacts etcd at this pace; what was read two paces ago is gone. */
const COMPACTION_SECONDS = 1;
const CONTROLLER_TIMEOUT_MILLISECONDS = 60_000;

let controlPlane: ControlPlane;
let transport: Transport;

beforeAll(async () => {
  controlPlane = await startControlPlane({
    controllerManager: true,
    apiserverFlags: [`--etcd-compaction-interval=${COMPACTION_SECONDS}s`],
  });
  const input = JSON.stringify(customResourceDefinition(modelDeploymentKind));
  await controlPlane.kubectl(["apply", "--server-side", "-f", "-"], { input });
  const wait = ["wait", "--for=condition=Established", "--timeout=5s", "crd", "--all"];
  // kubectl takes a definition without any condition yet for an error.
  await until(() =>
    controlPlane.kubectl(wait).then(
      () => true,
      () => false,
    ),
  );
  const { kubeconfig } = controlPlane;
  const endpoint = await loadEndpoint({ clock: systemClock, environment: {}, kubeconfig });
  transport = createTransport({ endpoint, clock: systemClock, userAgent: "petrel-contract" });
}, 1_200_000);

afterAll(async () => {
  transport?.close();
  await controlPlane?.stop();
}, 60_000);

async function newNamespace(): Promise<string> {
  const namespace = `contract-${randomBytes(4).toString("hex")}`;
  await controlPlane.kubectl(["create", "namespace", namespace]);
  return namespace;
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + CONTROLLER_TIMEOUT_MILLISECONDS;
  while (!(await isSo())) {
    if (Date.now() > deadline) throw new Error("the cluster did not bring this about");
    await sleep(100);
  }
}

async function realEnvironment(): Promise<ContractEnvironment> {
  return {
    port: transport,
    namespace: await newNamespace(),
    elapse: (milliseconds) => sleep(milliseconds),
    async expireHistory() {
      await sleep(3 * COMPACTION_SECONDS * 1000);
      // Its caches of watches and of lists hold older versions than etcd does.
      await controlPlane.apiserver.kill();
      await controlPlane.apiserver.start();
    },
    collectedUntil: until,
  };
}

async function controllerEnvironment(): Promise<ControllerEnvironment> {
  const namespace = await newNamespace();
  return {
    port: transport,
    namespace,
    until,
    async podsAskedFor() {
      // One list is one instant; two reads would be two.
      const list = await controlPlane.kubectl(["-n", namespace, "get", "replicasets", "-o", "json"]);
      const staying = asList(valueAt(JSON.parse(list), "items")).filter(
        (replicaSet) => valueAt(replicaSet, "metadata", "deletionTimestamp") === undefined,
      );
      return staying.reduce<number>((sum, each) => sum + Number(valueAt(each, "spec", "replicas")), 0);
    },
    async limitPods(count) {
      const quota = ["-n", namespace, count === undefined ? "delete" : "create", "quota", "pods"];
      await controlPlane.kubectl([...quota, ...(count === undefined ? [] : [`--hard=pods=${count}`])]);
    },
    async writePodStatus({ apiVersion, kind, metadata: { name, namespace = "" } }, status) {
      const pod = { apiVersion, kind, metadata: { name, namespace }, status };
      await transport.apply(pod, { fieldManager: "kubelet", force: true, subresource: "status" });
    },
  };
}

describe.each(Object.entries(CONTRACT))("%s", (_topic, cases) => {
  test.each(cases)(
    "$name",
    async ({ run }) => {
      await run(await realEnvironment());
    },
    120_000,
  );
});

describe("controllers", () => {
  test.each(controllerCases)(
    "$name",
    async ({ run }) => {
      await run(await controllerEnvironment());
    },
    120_000,
  );
});

describe("what is forbidden", () => {
  const applyService = (namespace: string) => {
    const metadata = { name: "ranker", namespace };
    const service = { apiVersion: "v1", kind: "Service", metadata, spec: { ports: [{ port: 80 }] } };
    const live = new Map();
    const { signal } = new AbortController();
    return execute(
      { apply: [service], remove: [] },
      { port: transport, live, isOurs: () => "Ours", signal, log: silentLogger },
    );
  };

  test("by a quota is a refusal, in its words", async () => {
    const namespace = await newNamespace();
    await controlPlane.kubectl(["-n", namespace, "create", "quota", "none", "--hard=count/services=0"]);
    const refusal = { object: "Service/ranker", reason: "ChildRejected" };
    expect(await applyService(namespace)).toMatchObject([
      { ...refusal, message: expect.stringMatching(/^services "ranker" is forbidden: /) },
    ]);
  }, 120_000);

  test("because its namespace is on its way out is none", async () => {
    const namespace = await newNamespace();
    const metadata = { name: "slow", namespace, finalizers: ["example.com/slow"] };
    const lease = { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata };
    await transport.create(lease, { fieldManager: "people" });
    await controlPlane.kubectl(["delete", "namespace", namespace, "--wait=false"]);
    await expect(applyService(namespace)).rejects.toMatchObject({ status: 403 });
    const remove = ["-n", namespace, "patch", "lease", "slow", "--type=merge"];
    await controlPlane.kubectl([...remove, '--patch={"metadata":{"finalizers":null}}']);
  }, 120_000);
});
