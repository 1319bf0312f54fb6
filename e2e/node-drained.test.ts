/**
 * A node is drained under load, as people do before they mend it: its model server and its router leave one after the other,
 * and no request notices. Before that, replicas are seen to be where and what their pool asks for: in all zones, and of its
 * priority.
 */
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { valueAt } from "../src/api/json.ts";
import { plainDeployment } from "./example-models.ts";
import { clusterIsLocal, Scenario, sharedCluster } from "./scenario.ts";
import { underLoad } from "./under-load.ts";

let scenario: Scenario;
const NAME = "ranker";
const PRIORITY = 1_000;
/** Of the whole cluster, so that it needs a name which no other run has. */
let priorityClassName: string;

beforeAll(async () => {
  scenario = await Scenario.create(await sharedCluster(), "node-drained");
  priorityClassName = scenario.namespace;
  await scenario.apply({
    apiVersion: "scheduling.k8s.io/v1",
    kind: "PriorityClass",
    metadata: { name: priorityClassName },
    value: PRIORITY,
    preemptionPolicy: "Never",
  });
  // One replica a node: wherever a router is, there is one.
  await scenario.apply(
    plainDeployment(NAME, { replicas: 3, pools: [{ name: "default", priorityClassName }] }),
  );
  await scenario.waitFor(NAME, "Ready");
}, 300_000);

afterAll(async () => {
  await scenario.dispose();
  await scenario.kubectl("delete", "priorityclass", priorityClassName);
}, 180_000);

async function placedOn(node: string): Promise<readonly string[]> {
  const pods = [...(await scenario.pods("model-server", NAME)), ...(await scenario.pods("router"))];
  return pods.filter((pod) => pod.node === node).map(({ name }) => name);
}

// A cluster that was given must not be broken: the summary then names this test as not run.
const testOnLocalCluster = clusterIsLocal ? test : test.skip;

test("replicas have the priority of their pool", async () => {
  const [pod] = await scenario.pods("model-server", NAME);
  expect(valueAt(await scenario.get("pod", pod?.name ?? ""), "spec")).toMatchObject({
    priority: PRIORITY,
    preemptionPolicy: "Never",
  });
});

testOnLocalCluster("replicas are in as many zones as there are", async () => {
  const zoneOf = async (node = "") =>
    valueAt(await scenario.get("node", node), "metadata", "labels", "topology.kubernetes.io/zone");
  const pods = await scenario.pods("model-server", NAME);
  const zones = await Promise.all(pods.map(({ node }) => zoneOf(node)));
  expect(zones.toSorted()).toEqual(["zone-a", "zone-b", "zone-c"]);
});

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
