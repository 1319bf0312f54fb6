/**
 * The node of a router is cut off from the network: what is on its connections fails, and new connections fail for
 * the few seconds until the other router has taken it out. When the node is back, the router takes part again.
 */
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { Cluster } from "./cluster/index.ts";
import { plainDeployment } from "./example-models.ts";
import { clusterIsLocal, Scenario, sharedCluster } from "./scenario.ts";
import { REQUEST_TIMEOUT_MILLISECONDS, USUAL_RATE_PER_SECOND, underLoad } from "./under-load.ts";

const NAME = "ranker";
/** Within this time a router on a lost node is promised to be out. */
const PROMISED_MILLISECONDS = 3_000;
/** The probe keeps at most so many connections. */
const KEPT_CONNECTIONS = 64;

let cluster: Cluster;
let scenario: Scenario;

beforeAll(async () => {
  cluster = await sharedCluster();
  scenario = await Scenario.create(cluster, "router-node-lost");
  await scenario.apply(plainDeployment(NAME, { replicas: 3 }));
  await scenario.waitFor(NAME, "Ready");
}, 300_000);

afterAll(() => scenario.dispose(), 180_000);

const readyRouters = () => scenario.readyRouters(NAME);

// A cluster that was given must not be broken: the summary then names this test as not run.
const testOnLocalCluster = clusterIsLocal ? test : test.skip;

testOnLocalCluster(
  "cutting off a node with a router fails new connections for no longer than promised",
  async () => {
    await scenario.until("two routers", readyRouters, (routers) => routers.length === 2);
    const lost = (await scenario.pods("router")).find(({ node }) => node !== undefined);
    if (lost?.node === undefined) throw new Error(`no router has a node:\n${await scenario.describe(NAME)}`);
    const { node } = lost;
    let cutOffAt = 0;
    let backAfter = 0;
    const { failures, sent } = await underLoad(
      scenario,
      NAME,
      async (probe) => {
        // Longer than a request may take: none that was sent at first is under way when the node goes.
        await delay(REQUEST_TIMEOUT_MILLISECONDS + 3_000);
        cutOffAt = probe.elapsedMilliseconds();
        try {
          await cluster.cutOff(node);
          await delay(20_000);
          expect(await readyRouters()).not.toContain(lost.name);
        } finally {
          await cluster.reconnect(node);
        }
        const reconnectedAt = probe.elapsedMilliseconds();
        await scenario.until("the router is back", readyRouters, (routers) => routers.includes(lost.name));
        backAfter = probe.elapsedMilliseconds() - reconnectedAt;
        await delay(5_000);
      },
      { timeoutMilliseconds: REQUEST_TIMEOUT_MILLISECONDS },
    );
    const after = failures.map(({ atMilliseconds, ...rest }) => ({
      ...rest,
      after: atMilliseconds - cutOffAt,
    }));
    const last = Math.max(0, ...after.filter(({ isFresh }) => isFresh).map((failure) => failure.after));
    console.info(
      `${failures.length} of ${sent} failed; new connections for ${Math.round(last)} ms; back after ${Math.round(backAfter)} ms`,
    );
    expect(sent).toBeGreaterThan(1_000);
    expect(after.filter((failure) => failure.after < -REQUEST_TIMEOUT_MILLISECONDS)).toEqual([]);
    expect(after.filter((failure) => failure.isFresh && failure.after > 3 * PROMISED_MILLISECONDS)).toEqual(
      [],
    );
    // Every second request goes over a kept connection; each of these may have led to the lost router.
    const keptPerSecond = USUAL_RATE_PER_SECOND / 2;
    const lostSeconds = (REQUEST_TIMEOUT_MILLISECONDS + PROMISED_MILLISECONDS) / 1000;
    expect(after.filter(({ isFresh }) => !isFresh).length).toBeLessThanOrEqual(
      KEPT_CONNECTIONS + keptPerSecond * lostSeconds,
    );
    await cluster.kubectl(["wait", `node/${lost.node}`, "--for=condition=Ready", "--timeout=120s"], {
      timeoutMilliseconds: 130_000,
    });
  },
  300_000,
);
