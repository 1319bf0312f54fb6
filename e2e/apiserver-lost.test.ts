/**
 * The API server hangs, then is gone, under load, and while it is away a router's program and its Envoy are killed as
 * well: requests go on, and what was killed comes back from what lies in its pod. When the API server is back, a change
 * is acted on.
 */
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { CONTAINER } from "../src/api/names.ts";
import type { Cluster } from "./cluster/index.ts";
import { exampleModel, plainDeployment } from "./example-models.ts";
import { clusterIsLocal, Scenario, sharedCluster } from "./scenario.ts";
import { REQUEST_TIMEOUT_MILLISECONDS, USUAL_RATE_PER_SECOND, underLoad } from "./under-load.ts";

const NAME = "ranker";
/**
 * Nobody can take a lost Envoy out of the Service meanwhile; its kubelet starts it again, which takes no longer than
 * what is promised otherwise. A busy machine gets three times as long.
 */
const PROMISED_MILLISECONDS = 3_000;
/** All steps together stay within 50 s, after which Kubernetes would take the nodes for lost. */
const STEP_MILLISECONDS = 10_000;

let cluster: Cluster;
let scenario: Scenario;

beforeAll(async () => {
  cluster = await sharedCluster();
  scenario = await Scenario.create(cluster, "apiserver-lost");
  await scenario.apply(plainDeployment(NAME));
  await scenario.waitFor(NAME, "Ready");
}, 300_000);

afterAll(() => scenario.dispose(), 180_000);

// A cluster that was given must not be broken: the summary then names this test as not run.
const testOnLocalCluster = clusterIsLocal ? test : test.skip;

testOnLocalCluster(
  "requests are answered without an API server, by routers that are killed meanwhile, and a change waits for it",
  async () => {
    const { apiserver } = cluster;
    if (apiserver === undefined) throw new Error("a local cluster has an API server to stop");
    const readyRouters = () => scenario.readyRouters(NAME);
    await scenario.until("two routers", readyRouters, (routers) => routers.length === 2);
    const [victim = ""] = await readyRouters();
    const [program, envoy] = await Promise.all([
      scenario.container(victim, CONTAINER.router),
      scenario.container(victim, CONTAINER.envoy),
    ]);
    let envoyKilledAt = 0;
    let changedAfter = 0;
    const { failures, sent } = await underLoad(
      scenario,
      NAME,
      async (probe) => {
        await delay(5_000);
        try {
          await apiserver.pause();
          await delay(STEP_MILLISECONDS);
          await cluster.killContainer(program.id);
          await delay(STEP_MILLISECONDS);
          await apiserver.kill();
          envoyKilledAt = probe.elapsedMilliseconds();
          await cluster.killContainer(envoy.id);
          await delay(STEP_MILLISECONDS + REQUEST_TIMEOUT_MILLISECONDS);
        } finally {
          await apiserver.kill();
          await apiserver.start();
        }
        const backAt = probe.elapsedMilliseconds();
        await scenario.apply(plainDeployment(NAME, { model: exampleModel("2") }));
        await scenario.waitFor(NAME, "Promoted");
        await scenario.waitFor(NAME, "Ready");
        changedAfter = probe.elapsedMilliseconds() - backAt;
        await scenario.until("two routers again", readyRouters, (routers) => routers.length === 2);
      },
      { timeoutMilliseconds: REQUEST_TIMEOUT_MILLISECONDS },
    );
    const after = failures.map((failure) => ({
      ...failure,
      afterMilliseconds: failure.atMilliseconds - envoyKilledAt,
    }));
    console.info(
      `${failures.length} of ${sent} failed, the last ${Math.round(Math.max(0, ...after.map((each) => each.afterMilliseconds)))} ms after an Envoy was killed; the change took ${Math.round(changedAfter)} ms`,
    );
    expect(sent).toBeGreaterThan(1_500);
    const unexpected = after.filter(
      ({ afterMilliseconds }) =>
        afterMilliseconds < -REQUEST_TIMEOUT_MILLISECONDS || afterMilliseconds > 3 * PROMISED_MILLISECONDS,
    );
    expect(unexpected).toEqual([]);
    // Every second connection leads to the other router, which answers all the while.
    expect(failures.length).toBeLessThan((0.75 * USUAL_RATE_PER_SECOND * 3 * PROMISED_MILLISECONDS) / 1000);
    // Both were killed, and both are back.
    expect((await scenario.container(victim, CONTAINER.router)).restarts).toBe(program.restarts + 1);
    expect((await scenario.container(victim, CONTAINER.envoy)).restarts).toBe(envoy.restarts + 1);
  },
  300_000,
);
