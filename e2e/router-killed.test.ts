/**
 * A router loses its Envoy, the program beside it, or its whole pod, under load. What is on the connections of a lost
 * Envoy fails, and new connections for the few seconds until the other router has taken it out, or the kubelet has
 * started it again; nothing else does. Model servers do not notice.
 */
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, expect, test } from "@jest/globals";
import { CONTAINER } from "../src/api/names.ts";
import type { Cluster } from "./cluster/index.ts";
import { plainDeployment } from "./example-models.ts";
import { clusterIsLocal, Scenario, sharedCluster } from "./scenario.ts";
import { REQUEST_TIMEOUT_MILLISECONDS, USUAL_RATE_PER_SECOND, underLoad } from "./under-load.ts";

const NAME = "ranker";
/** Within this time a router that does not answer is promised to be out; a busy machine gets three times as long. */
const PROMISED_MILLISECONDS = 3_000;
/** Long enough to see that all is well, before and after. */
const CALM_MILLISECONDS = 5_000;

let cluster: Cluster;
let scenario: Scenario;

beforeAll(async () => {
  cluster = await sharedCluster();
  scenario = await Scenario.create(cluster, "router-killed");
  await scenario.apply(plainDeployment(NAME));
  await scenario.waitFor(NAME, "Ready");
}, 300_000);

afterAll(() => scenario.dispose(), 180_000);

const readyRouters = () => scenario.readyRouters(NAME);

beforeEach(async () => {
  await scenario.until("two routers", readyRouters, (routers) => routers.length === 2);
}, 150_000);

async function anyRouter(): Promise<string> {
  const [router] = await readyRouters();
  if (router === undefined) throw new Error(`there is no router:\n${await scenario.describe(NAME)}`);
  return router;
}

/** The model servers, and how often each was started again. */
async function modelServers(): Promise<readonly (readonly [pod: string, restarts: number])[]> {
  const pods = await scenario.pods("model-server", NAME);
  const restarts = pods.map(async ({ name }) => {
    return [name, (await scenario.container(name, CONTAINER.serve)).restarts] as const;
  });
  return (await Promise.all(restarts)).toSorted();
}

/** Kills a container of a router's pod, and waits until it has been started again and the router takes part. */
async function killAndAwait(router: string, container: string): Promise<void> {
  const before = await scenario.container(router, container);
  await cluster.killContainer(before.id);
  await scenario.until(
    `${container} is started again`,
    () => scenario.container(router, container),
    ({ restarts }) => restarts > before.restarts,
  );
  await scenario.until("the router takes part", readyRouters, (routers) => routers.includes(router));
}

// A cluster that was given must not be broken: the summary then names these tests as not run.
const testOnLocalCluster = clusterIsLocal ? test : test.skip;

testOnLocalCluster(
  "killing an Envoy fails requests for no longer than promised, and it is back by itself",
  async () => {
    const [router, before] = [await anyRouter(), await modelServers()];
    let killedAt = 0;
    const { failures, sent } = await underLoad(
      scenario,
      NAME,
      async (probe) => {
        await delay(CALM_MILLISECONDS);
        killedAt = probe.elapsedMilliseconds();
        await killAndAwait(router, CONTAINER.envoy);
        await delay(3 * PROMISED_MILLISECONDS + CALM_MILLISECONDS);
      },
      { timeoutMilliseconds: REQUEST_TIMEOUT_MILLISECONDS },
    );
    const after = failures.map((failure) => ({ ...failure, after: failure.atMilliseconds - killedAt }));
    const last = Math.max(0, ...after.map((failure) => failure.after));
    console.info(`${failures.length} of ${sent} failed, the last ${Math.round(last)} ms after it`);
    expect(sent).toBeGreaterThan(500);
    // A request that was under way when Envoy went was sent before.
    const unexpected = after.filter(
      (failure) => failure.after < -REQUEST_TIMEOUT_MILLISECONDS || failure.after > 3 * PROMISED_MILLISECONDS,
    );
    expect(unexpected).toEqual([]);
    // Every second connection leads to the other router, which answers all the while.
    expect(failures.length).toBeLessThan((0.75 * USUAL_RATE_PER_SECOND * 3 * PROMISED_MILLISECONDS) / 1000);
    expect(await modelServers()).toEqual(before);
  },
  180_000,
);

testOnLocalCluster(
  "killing the program beside an Envoy fails no request, and it is back by itself",
  async () => {
    const [router, before] = [await anyRouter(), await modelServers()];
    const { failures, sent } = await underLoad(scenario, NAME, async () => {
      await delay(CALM_MILLISECONDS);
      await killAndAwait(router, CONTAINER.router);
      await delay(CALM_MILLISECONDS);
    });
    expect(failures).toEqual([]);
    expect(sent).toBeGreaterThan(500);
    expect(await modelServers()).toEqual(before);
  },
  180_000,
);

test("deleting the pod of a router fails no request, and another takes its place", async () => {
  const [router, before] = [await anyRouter(), await modelServers()];
  const { failures, sent } = await underLoad(scenario, NAME, async () => {
    await delay(CALM_MILLISECONDS);
    await scenario.kubectl("delete", "pod", router);
    await scenario.until(
      "another router",
      readyRouters,
      (routers) => routers.length === 2 && !routers.includes(router),
    );
    await delay(CALM_MILLISECONDS);
  });
  expect(failures).toEqual([]);
  expect(sent).toBeGreaterThan(500);
  expect(await modelServers()).toEqual(before);
}, 180_000);
