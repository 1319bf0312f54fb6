/**
 * A node with a model server is cut off from the network: long before Kubernetes notices, its requests go to
 * the others.
 */
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { Cluster } from "./cluster/index.ts";
import { plainDeployment } from "./example-models.ts";
import { clusterIsLocal, Scenario, sharedCluster } from "./scenario.ts";
import { underLoad } from "./under-load.ts";

let cluster: Cluster;
let scenario: Scenario;
const NAME = "ranker";

beforeAll(async () => {
  cluster = await sharedCluster();
  scenario = await Scenario.create(cluster, "node-lost");
  // One replica a node: wherever the two routers are, a node without one has a replica.
  await scenario.apply(plainDeployment(NAME, { replicas: 3 }));
  await scenario.waitFor(NAME, "Ready");
}, 300_000);

afterAll(() => scenario.dispose(), 180_000);

// A cluster that was given must not be broken: the summary then names this test as not run.
const testOnLocalCluster = clusterIsLocal ? test : test.skip;

testOnLocalCluster(
  "cutting off a node with a model pod under load fails no request",
  async () => {
    const node = await scenario.nodeWithModelButNoRouter(NAME);
    if (node === undefined)
      throw new Error(`no node has a replica and no router:\n${await scenario.describe(NAME)}`);
    const report = await underLoad(scenario, NAME, async () => {
      await delay(2_000);
      try {
        await cluster.cutOff(node);
        await delay(15_000);
      } finally {
        await cluster.reconnect(node);
      }
    });
    expect(report.failures).toEqual([]);
    expect(report.sent).toBeGreaterThan(700);
    await cluster.kubectl(["wait", `node/${node}`, "--for=condition=Ready", "--timeout=120s"], {
      timeoutMilliseconds: 130_000,
    });
  },
  300_000,
);
