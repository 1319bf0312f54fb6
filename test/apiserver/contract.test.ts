/**
 * The contract on a real kube-apiserver with etcd and the controller manager, through the transport over
 * HTTPS.
 */
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { type ControlPlane, startControlPlane } from "../../e2e/cluster/index.ts";
import { customResourceDefinition } from "../../src/api/crd.ts";
import { modelDeploymentKind } from "../../src/api/model-deployment.ts";
import { systemClock } from "../../src/core/clock.ts";
import { loadEndpoint } from "../../src/kube/endpoint.ts";
import { createTransport, type Transport } from "../../src/kube/transport.ts";
import type { ContractEnvironment } from "../contract/contract-case.ts";
import { CONTRACT } from "../contract/contract-cases.ts";

/** The API server compacts etcd at this pace; what was read two paces ago is gone. */
const COMPACTION_SECONDS = 1;
const COLLECTOR_TIMEOUT_MILLISECONDS = 60_000;

let controlPlane: ControlPlane;
let transport: Transport;

beforeAll(async () => {
  controlPlane = await startControlPlane({
    controllerManager: true,
    apiserverFlags: [`--etcd-compaction-interval=${COMPACTION_SECONDS}s`],
  });
  const input = JSON.stringify(customResourceDefinition(modelDeploymentKind));
  await controlPlane.kubectl(["apply", "--server-side", "-f", "-"], { input });
  await controlPlane.kubectl(["wait", "--for=condition=Established", "--timeout=30s", "crd", "--all"]);
  const { kubeconfig } = controlPlane;
  const endpoint = await loadEndpoint({ clock: systemClock, environment: {}, kubeconfig });
  transport = createTransport({ endpoint, clock: systemClock, userAgent: "petrel-contract" });
}, 1_200_000);

afterAll(async () => {
  transport?.close();
  await controlPlane?.stop();
}, 60_000);

async function realEnvironment(): Promise<ContractEnvironment> {
  const namespace = `contract-${randomBytes(4).toString("hex")}`;
  await controlPlane.kubectl(["create", "namespace", namespace]);
  return {
    port: transport,
    namespace,
    elapse: (milliseconds) => sleep(milliseconds),
    async expireHistory() {
      await sleep(3 * COMPACTION_SECONDS * 1000);
      // Its caches of watches and of lists hold older versions than etcd does.
      await controlPlane.apiserver.kill();
      await controlPlane.apiserver.start();
    },
    async collectedUntil(isDone) {
      const deadline = Date.now() + COLLECTOR_TIMEOUT_MILLISECONDS;
      while (!(await isDone())) {
        if (Date.now() > deadline) throw new Error("the garbage collector did not bring this about");
        await sleep(200);
      }
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
