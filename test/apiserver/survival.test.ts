/**
 * Caches and elections on a real kube-apiserver that is killed, restarted and hung under them.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { type ControlPlane, startControlPlane } from "../../e2e/cluster/index.ts";
import type { KubeObject } from "../../src/api/kube-object.ts";
import { RESOURCE } from "../../src/api/kube-resources.ts";
import { systemClock } from "../../src/core/clock.ts";
import { createLogger } from "../../src/core/log.ts";
import { Cache } from "../../src/kube/cache.ts";
import { loadEndpoint } from "../../src/kube/endpoint.ts";
import { runLeaderElection } from "../../src/kube/leader-election.ts";
import { KubeError } from "../../src/kube/port.ts";
import { createTransport, type Transport } from "../../src/kube/transport.ts";

const log = createLogger({ write: () => {}, now: () => Date.now() });
const WRITER = { fieldManager: "test", force: true };

let controlPlane: ControlPlane;
let transport: Transport;
const stopping = new AbortController();

beforeAll(async () => {
  controlPlane = await startControlPlane();
  const { kubeconfig } = controlPlane;
  const endpoint = await loadEndpoint({ clock: systemClock, environment: {}, kubeconfig });
  const bounds = { callTimeoutMilliseconds: 3_000 };
  transport = createTransport({ endpoint, clock: systemClock, userAgent: "petrel-survival", bounds });
}, 1_200_000);

afterAll(async () => {
  stopping.abort();
  transport?.close();
  await controlPlane?.stop();
}, 60_000);

function lease(name: string, holderIdentity: string): KubeObject {
  return {
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: { name, namespace: "default" },
    spec: { holderIdentity },
  };
}

async function until(holds: () => boolean, timeoutMilliseconds = 45_000): Promise<void> {
  const deadline = Date.now() + timeoutMilliseconds;
  while (!holds()) {
    if (Date.now() > deadline) throw new Error("it did not come about");
    await sleep(50);
  }
}

test("a cache catches up after the API server was killed and after it hung", async () => {
  const cache = new Cache({
    port: transport,
    resource: RESOURCE.lease,
    scope: { namespace: "default" },
    project: (object) => (object["spec"] as { holderIdentity: string }).holderIdentity,
    clock: systemClock,
    random: Math.random,
    log,
  });
  const caughtUp = new AbortController();
  const follow = async () => {
    await cache.synced;
    await transport.apply(lease("stays", "1"), WRITER);
    await transport.apply(lease("vanishes", "1"), WRITER);
    await until(() => cache.get("default/vanishes") === "1");

    await controlPlane.apiserver.kill();
    await until(() => cache.stalenessMilliseconds() === Number.POSITIVE_INFINITY);
    await expect(transport.apply(lease("stays", "2"), WRITER)).rejects.toMatchObject({ status: 0 });
    await controlPlane.apiserver.start();
    await transport.delete({ resource: RESOURCE.lease, namespace: "default", name: "vanishes" }, {});
    await transport.apply(lease("stays", "2"), WRITER);
    await transport.apply(lease("comes", "2"), WRITER);
    await until(() => cache.get("default/vanishes") === undefined);
    await until(() => cache.get("default/stays") === "2" && cache.get("default/comes") === "2");

    await controlPlane.apiserver.pause();
    try {
      const before = Date.now();
      const hung = await transport.apply(lease("stays", "3"), WRITER).catch((error: unknown) => error);
      expect(hung).toBeInstanceOf(KubeError);
      expect(hung).toMatchObject({ status: 0, reason: "NoAnswer" });
      expect(Date.now() - before).toBeLessThan(9_000);
    } finally {
      await controlPlane.apiserver.resume();
    }
    await transport.apply(lease("comes", "3"), WRITER);
    await until(() => cache.get("default/comes") === "3");
    caughtUp.abort();
  };
  await Promise.all([cache.run(AbortSignal.any([stopping.signal, caughtUp.signal])), follow()]);
}, 180_000);

test("a leader whose API server hangs stops within its deadline", async () => {
  const times = { leaseDurationSeconds: 6, renewDeadlineSeconds: 4, retryPeriodSeconds: 1 };
  let startedAt = 0;
  let stoppedAt = 0;
  const election = runLeaderElection(
    {
      port: transport,
      namespace: "default",
      name: "leader",
      identity: "one",
      clock: systemClock,
      random: Math.random,
      log,
      times,
      lead: (lost) =>
        new Promise((resolve) => {
          startedAt = Date.now();
          lost.addEventListener("abort", () => {
            stoppedAt = Date.now();
            resolve();
          });
        }),
    },
    stopping.signal,
  );
  const hang = async () => {
    await until(() => startedAt > 0);
    await sleep(3_000);
    await controlPlane.apiserver.pause();
    return Date.now();
  };
  let hungAt: number;
  try {
    const [outcome, at] = await Promise.all([election, hang()]);
    expect(outcome).toBe("Lost");
    hungAt = at;
  } finally {
    await controlPlane.apiserver.resume();
  }
  expect(stoppedAt - hungAt).toBeLessThan(3 * times.renewDeadlineSeconds * 1000);
}, 60_000);
