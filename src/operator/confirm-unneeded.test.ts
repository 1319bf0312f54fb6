/**
 * An operator whose cache knows nothing of a ModelDeployment takes away neither the routers of its namespace nor its
 * collector, and one that knows that nobody is left does.
 */
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { silentLogger } from "../../test/fixtures/silent-logger.ts";
import { spec, TEST_SETTINGS } from "../../test/fixtures/world.ts";
import { MemoryApiServer } from "../../test/memory-cluster/api-server.ts";
import { VirtualClock } from "../../test/memory-cluster/virtual-clock.ts";
import { RESOURCE } from "../api/kube-resources.ts";
import { API_GROUP_VERSION } from "../api/names.ts";
import { COLLECTOR_NAME } from "../render/collector-names.ts";
import { ROUTER_NAME } from "../render/router.ts";
import { allCaches, type Caches, createCaches } from "./caches.ts";
import { CollectorProblems } from "./collector-problems.ts";
import { confirmUnneeded } from "./confirm-unneeded.ts";
import { reconcileCollector } from "./reconcile-collector.ts";
import { reconcileRouters } from "./reconcile-routers.ts";

const clock = new VirtualClock();
let port: MemoryApiServer;
let stop: AbortController;
let caches: Caches;

async function filled(server: MemoryApiServer): Promise<Caches> {
  const made = createCaches({ port: server, clock, random: () => 0.5, log: silentLogger });
  for (const cache of [...allCaches(made).values()]) void cache.run(stop.signal);
  await Promise.all([...allCaches(made).values()].map((cache) => cache.synced));
  return made;
}

function reconcile(seen: Partial<Caches>): Record<"routers" | "collector", () => Promise<unknown>> {
  const context = {
    port,
    clock,
    caches: { ...caches, ...seen },
    settings: TEST_SETTINGS,
    log: silentLogger,
    collectorProblems: new CollectorProblems(() => {}),
  };
  return {
    routers: () => reconcileRouters(context, "shop", stop.signal),
    collector: () => reconcileCollector(context, "shop", stop.signal),
  };
}

beforeEach(async () => {
  port = new MemoryApiServer(clock);
  stop = new AbortController();
  const quality = {
    labels: [{ name: "click", matures: "30m" }],
    metrics: [{ name: "ctr", type: "ClickThroughRate" as const }],
  };
  await port.apply(
    {
      apiVersion: API_GROUP_VERSION,
      kind: RESOURCE.modelDeployment.kind,
      metadata: { name: "ranker", namespace: "shop" },
      spec: spec({ quality }),
    },
    { fieldManager: "test", force: true },
  );
  caches = await filled(port);
});

afterEach(() => stop.abort());

test.each([
  ["routers", RESOURCE.deployment, ROUTER_NAME],
  ["collector", RESOURCE.statefulSet, COLLECTOR_NAME],
] as const)("%s go by what the API server knows, whatever a cache does", async (what, resource, name) => {
  const standing = () => port.get({ resource, namespace: "shop", name });
  await reconcile({})[what]();
  await expect(standing()).resolves.toBeDefined();
  caches = await filled(port);
  // As if it were long behind with these alone.
  const { modelDeployments } = await filled(new MemoryApiServer(clock));
  const behind = { modelDeployments };
  await expect(reconcile(behind)[what]()).rejects.toThrow(`namespace shop: ranker needs its ${what} by now`);
  await expect(standing()).resolves.toBeDefined();

  await port.delete({ resource: RESOURCE.modelDeployment, namespace: "shop", name: "ranker" }, {});
  await reconcile(behind)[what]();
  await expect(standing()).rejects.toMatchObject({ reason: "NotFound" });
});

test("every page is looked at", async () => {
  const pages = [
    { items: [], resourceVersion: "1", continueToken: "more" },
    {
      items: [{ apiVersion: "v1", kind: "ModelDeployment", metadata: { name: "last" } }],
      resourceVersion: "1",
    },
  ];
  const asked: (string | undefined)[] = [];
  const list: MemoryApiServer["list"] = async (_resource, { continueToken }) => {
    asked.push(continueToken);
    return pages[asked.length - 1] ?? { items: [], resourceVersion: "1" };
  };
  await expect(confirmUnneeded({ list }, "shop", "routers", () => true)).rejects.toThrow(
    "last needs its routers",
  );
  expect(asked).toEqual([undefined, "more"]);
});
