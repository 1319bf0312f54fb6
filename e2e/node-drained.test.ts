/**
 * A node is drained under load, as people do before they mend it: its model server and its router leave one after the other,
 * and no request notices.
 */
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { plainDeployment } from "./example-models.ts";
import { clusterIsLocal, Scenario, sharedCluster } from "./scenario.ts";
import { underLoad } from "./under-load.ts";

let scenario: Scenario;
const NAME = "ranker";

beforeAll(async () => {
  scenario = await Scenario.create(await sharedCluster(), "node-drained");
  // One replica a node: wherever a router is, there is one.
  await scenario.apply(plainDeployment(NAME, { replicas: 3 }));
  await scenario.waitFor(NAME, "Ready");
}, 300_000);

afterAll(() => scenario.dispose(), 180_000);

async function placedOn(node: string): Promise<readonly string[]> {
  const pods = [...(await scenario.pods("model-server", NAME)), ...(await scenario.pods("router"))];
  return pods.filter((pod) => pod.node === node).map(({ name }) => name);
}

// A cluster that was given must not be broken: the summary then names this test as not run.
const testOnLocalCluster = clusterIsLocal ? test : test.skip;

testOnLocalCluster(
  "draining a node with a model server and a router under load fails no request",
  async () => {
    const models = new Set((await scenario.pods("model-server", NAME)).map(({ node }) => node));
    const node = (await scenario.pods("router")).find((router) => models.has(router.node))?.node;
    if (node === undefined) {
      throw new Error(`no node has a replica and a router:\n${await scenario.describe(NAME)}`);
    }
    const before = await placedOn(node);
    const report = await underLoad(scenario, NAME, async () => {
      await delay(2_000);
      try {
        const drain = ["--ignore-daemonsets", "--delete-emptydir-data", "--timeout=240s"];
        await scenario.kubectl("drain", node, ...drain);
        expect((await placedOn(node)).filter((pod) => before.includes(pod))).toEqual([]);
        await scenario.waitFor(NAME, "Available");
        await delay(3_000);
      } finally {
        await scenario.kubectl("uncordon", node);
      }
      await scenario.waitFor(NAME, "Ready");
    });
    expect(report.failures).toEqual([]);
    expect(report.sent).toBeGreaterThan(250);
  },
  600_000,
);
