import { afterEach, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { spec, TEST_SETTINGS } from "../../test/fixtures/world.ts";
import { MemoryApiServer } from "../../test/memory-cluster/api-server.ts";
import { VirtualClock } from "../../test/memory-cluster/virtual-clock.ts";
import { tlsCredentials } from "../api/credential.ts";
import { apiVersionOf, type ResourceType } from "../api/kube-object.ts";
import { RESOURCE } from "../api/kube-resources.ts";
import { API_GROUP_VERSION, COMPONENT, LABEL, MANAGED_BY } from "../api/names.ts";
import type { TrafficSpec } from "../api/traffic.ts";
import { createLogger } from "../core/log.ts";
import { modelRevisionOf } from "../core/revision/model-revision.ts";
import { allCaches, type Caches, createCaches, ownerKey } from "./caches.ts";
import { gatherModelDeployment, gatherRouters } from "./gather.ts";

let clock: VirtualClock;
let port: MemoryApiServer;
let caches: Caches;
let stop: AbortController;

beforeEach(() => {
  clock = new VirtualClock();
  port = new MemoryApiServer(clock);
  stop = new AbortController();
  const log = createLogger({ write: () => {}, now: () => clock.now() });
  caches = createCaches({ port, clock, random: () => 0.5, log });
});

afterEach(() => stop.abort());

/** Until the caches hold what is there. */
async function fillCaches(): Promise<void> {
  for (const cache of [...allCaches(caches).values()]) void cache.run(stop.signal);
  await Promise.all([...allCaches(caches).values()].map((cache) => cache.synced));
}

function applyDeployment(namespace: string, name: string, traffic: Partial<TrafficSpec> = {}) {
  return port.apply(
    {
      apiVersion: API_GROUP_VERSION,
      kind: RESOURCE.modelDeployment.kind,
      metadata: { name, namespace },
      spec: spec({ traffic: { timeout: "600ms", ...traffic } }),
    },
    { fieldManager: "test", force: true },
  );
}

test("routers mount what all doors of their namespace need: each once, in an order of its own", async () => {
  const jwt = {
    issuer: "https://issuer.example",
    audiences: ["ranker"],
    jwks: { from: { kind: "ConfigMap" as const, name: "issuer", key: "jwks.json" } },
  };
  await applyDeployment("shop", "ranker", {
    tls: { secretName: "shared" },
    authentication: { type: "JWT", jwt },
  });
  await applyDeployment("shop", "search", { tls: { secretName: "shared" } });
  await applyDeployment("shop", "plain");
  await applyDeployment("shop", "first", { tls: { secretName: "alone" } });
  await applyDeployment("elsewhere", "ranker", { tls: { secretName: "other" } });

  await fillCaches();
  const { observation } = gatherRouters(caches, "shop", TEST_SETTINGS);
  expect(observation.credentials).toEqual([
    { kind: "ConfigMap", name: "issuer", key: "jwks.json" },
    ...tlsCredentials("alone"),
    ...tlsCredentials("shared"),
  ]);
});

const labels = {
  [LABEL.managedBy]: MANAGED_BY,
  [LABEL.component]: COMPONENT.modelServer,
  [LABEL.modelDeployment]: "ranker",
  [LABEL.modelRevision]: "ranker-1",
  [LABEL.pool]: "default",
};

/** A child of `shop/ranker` with the uid of its owner. */
function makeChild(type: ResourceType, name: string, ownerUid: string, content: object = {}) {
  const owner = { apiVersion: API_GROUP_VERSION, kind: RESOURCE.modelDeployment.kind, name: "ranker" };
  const ownerReferences = [{ ...owner, uid: ownerUid, controller: true }];
  const object = {
    apiVersion: apiVersionOf(type),
    kind: type.kind,
    metadata: { name, namespace: "shop", labels, ownerReferences },
    ...content,
  };
  return port.create(object, { fieldManager: "test" });
}

function makePod(name: string, ownerUid?: string) {
  const uid = ownerUid === undefined ? {} : { [LABEL.modelDeploymentUid]: ownerUid };
  const metadata = { name, namespace: "shop", labels: { ...labels, ...uid } };
  return port.create({ apiVersion: "v1", kind: "Pod", metadata }, { fieldManager: "test" });
}

test("what a deleted ModelDeployment of the same name left behind counts for nothing", async () => {
  const { metadata } = await applyDeployment("shop", "ranker");
  const uid = metadata.uid ?? "";
  const revision = { revision: 1, data: modelRevisionOf(spec()) };
  const servers = { spec: { replicas: 1, template: {} } };
  for (const [age, owner] of Object.entries({ former: "uid-of-the-former", present: uid })) {
    await makeChild(RESOURCE.controllerRevision, `revision-${age}`, owner, revision);
    await makeChild(RESOURCE.deployment, `servers-${age}`, owner, servers);
    await makeChild(RESOURCE.service, `service-${age}`, owner);
    await makePod(`pod-${age}`, owner);
  }
  // Made by an earlier version, which did not say whose they are: the name has to do.
  await makePod("pod-without-uid");
  await fillCaches();
  const deployment = caches.modelDeployments.byIndex("namespace", "shop")[0]?.deployment;
  if (deployment === undefined) throw new Error("the ModelDeployment cannot be read");
  const { live, observation } = gatherModelDeployment(caches, deployment, TEST_SETTINGS, clock.now());
  expect(caches.pods.byIndex("modelDeployment", ownerKey("shop", "ranker"))).toHaveLength(3);
  expect(observation.pods.map(({ name }) => name).sort()).toEqual(["pod-present", "pod-without-uid"]);
  expect(observation.modelServers.map(({ name }) => name)).toEqual(["servers-present"]);
  expect(observation.revisions.map(({ name }) => name)).toEqual(["revision-present"]);
  const mine = [
    "ControllerRevision/revision-present",
    "Deployment/servers-present",
    "Service/service-present",
  ];
  expect([...live.keys()].sort()).toEqual(mine);
  expect([...observation.standing.keys()].sort()).toEqual(mine);
});

describe("who else holds a traffic port", () => {
  const COUNT = 50;

  /** A namespace of many; the ports are 10000, 10001 and so on, but for those of `without`. */
  async function manyWithPorts(without: readonly number[] = []) {
    for (let index = 0; index < COUNT; index++) {
      const name = `model-${index}`;
      await applyDeployment("shop", name);
      if (without.includes(index)) continue;
      const reference = { resource: RESOURCE.modelDeployment, namespace: "shop", name };
      await port.writeAsComponent(reference, { status: { traffic: trafficOn(10_000 + index) } });
    }
  }
  const trafficOn = (number: number) => ({
    epoch: 1,
    port: number,
    timeout: "600ms",
    perTryTimeout: "200ms",
    arms: [],
  });

  /** What is gathered about it, and how many neighbours were looked at for that. */
  async function gathered(name: string) {
    await fillCaches();
    const { deployment } = caches.modelDeployments.get(`shop/${name}`) ?? {};
    if (deployment === undefined) throw new Error(`${name} cannot be read`);
    const looks = jest.spyOn(caches.modelDeployments, "byIndex");
    const { observation } = gatherModelDeployment(caches, deployment, TEST_SETTINGS, clock.now());
    const seen = looks.mock.results.flatMap(({ value }) => value);
    return { holders: observation.portHolders, seen: seen.length };
  }

  test("is not asked about one that has a port to itself, however many there are", async () => {
    await manyWithPorts();
    expect(await gathered("model-7")).toEqual({
      holders: [expect.objectContaining({ name: "model-7", port: 10_007 })],
      seen: 1,
    });
  });

  test("is asked about one that has no port yet", async () => {
    await manyWithPorts([7]);
    expect((await gathered("model-7")).holders).toHaveLength(COUNT - 1);
  });

  test("is asked about one whose port another has as well", async () => {
    await manyWithPorts([8]);
    const reference = { resource: RESOURCE.modelDeployment, namespace: "shop", name: "model-8" };
    await port.writeAsComponent(reference, { status: { traffic: trafficOn(10_007) } });
    expect((await gathered("model-7")).holders).toHaveLength(COUNT);
  });
});
