/**
 * A node with a model server is cut off from the network: long before Kubernetes notices, its requests go to
 * the others.
 */
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { Cluster } from "./cluster/index.ts";
import { inferenceBody, plainDeployment } from "./example-models.ts";
import { startProbe } from "./probe.ts";
import { clusterIsLocal, Scenario, sharedCluster } from "./scenario.ts";

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

// A cluster that was given must not be broken, and has no demo of ours: the summary then names this test as not run.
const testOnLocalCluster = clusterIsLocal ? test : test.skip;

testOnLocalCluster(
  "cutting off a node with a model pod under load fails no request",
  async () => {
    const node = await scenario.nodeWithModelButNoRouter(NAME);
    if (node === undefined)
      throw new Error(`no node has a replica and no router:\n${await scenario.describe(NAME)}`);
    const probe = startProbe({
      url: `${await scenario.url(NAME)}/v2/models/${NAME}/infer`,
      body: inferenceBody(),
      ratePerSecond: 50,
      timeoutMilliseconds: 5000,
    });
    try {
      await new Promise((resolve) => setTimeout(resolve, 2000));
      await cluster.cutOff(node);
      await new Promise((resolve) => setTimeout(resolve, 15_000));
    } finally {
      await cluster.reconnect(node);
    }
    const report = await probe.stop();
    expect(report.failures).toEqual([]);
    expect(report.sent).toBeGreaterThan(700);
    await cluster.kubectl(["wait", `node/${node}`, "--for=condition=Ready", "--timeout=120s"], {
      timeoutMilliseconds: 130_000,
    });
  },
  300_000,
);
