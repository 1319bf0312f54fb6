/**
 * The whole first pool is lost under load: the second one, which has a smaller model, answers every request until the first
 * is there again.
 */
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { CONTAINER } from "../src/api/names.ts";
import type { Cluster } from "./cluster/index.ts";
import { exampleModel, exampleRows, exampleScores, plainDeployment } from "./example-models.ts";
import { expectExampleScores } from "./expect-example-scores.ts";
import { predict } from "./inference-client.ts";
import { clusterIsLocal, Scenario, sharedCluster } from "./scenario.ts";
import { underLoad } from "./under-load.ts";

let cluster: Cluster;
let scenario: Scenario;
const NAME = "ranker";

beforeAll(async () => {
  cluster = await sharedCluster();
  scenario = await Scenario.create(cluster, "pool-lost");
  const pools = [{ name: "first" }, { name: "second", replicas: 2, model: exampleModel("small") }];
  await scenario.apply(plainDeployment(NAME, { pools }));
  await scenario.waitFor(NAME, "Ready");
}, 300_000);

afterAll(() => scenario.dispose(), 180_000);

async function scores(): Promise<readonly number[]> {
  const rows = exampleRows().map(({ features }) => features);
  return (await predict(await scenario.url(NAME), NAME, rows)).scores;
}

/** Whether scores are those of a version of the model; one request is answered by one model server. */
function areThoseOf(version: "1" | "small"): (scores: readonly number[]) => boolean {
  const expected = exampleScores(version);
  return (seen) =>
    seen.length === expected.length &&
    seen.every((score, index) => Math.abs(score - (expected[index] ?? Number.NaN)) < 1e-5);
}

async function killFirstPool(): Promise<void> {
  const pods = (await scenario.pods("model-server", NAME)).filter(({ pool }) => pool === "first");
  expect(pods).toHaveLength(2);
  const containers = await Promise.all(pods.map(({ name }) => scenario.container(name, CONTAINER.serve)));
  await Promise.all(containers.map(({ id }) => cluster.killContainer(id)));
  for (const [index, { name }] of pods.entries()) {
    await scenario.until(
      `${name} is started again`,
      () => scenario.container(name, CONTAINER.serve),
      ({ restarts }) => restarts > (containers[index]?.restarts ?? 0),
    );
  }
}

// A cluster that was given must not be broken: the summary then names this test as not run.
const testOnLocalCluster = clusterIsLocal ? test : test.skip;

testOnLocalCluster(
  "losing every server of the first pool under load fails no request, and the second pool answers",
  async () => {
    const report = await underLoad(scenario, NAME, async () => {
      await delay(2_000);
      expectExampleScores(await scores());
      // After the second time the kubelet waits ten seconds before it starts them again.
      await Promise.all([
        killFirstPool().then(killFirstPool),
        scenario.until("the second pool answers", scores, areThoseOf("small")),
      ]);
      await scenario.waitFor(NAME, "Ready");
      // For some seconds more Envoy sends a part to the second one.
      await scenario.until("the first pool answers again", scores, areThoseOf("1"));
    });
    expect(report.failures).toEqual([]);
    expect(report.sent).toBeGreaterThan(500);
  },
  300_000,
);
