/**
 * Two teams with a ModelDeployment of the same name: each has its own model and its own routers, and deleting the
 * one is nothing to the other.
 */
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { exampleModel, exampleRows, plainDeployment } from "./example-models.ts";
import { expectExampleScores } from "./expect-example-scores.ts";
import { predict } from "./inference-client.ts";
import { Scenario, sharedCluster } from "./scenario.ts";
import { underLoad } from "./under-load.ts";

const NAME = "ranker";
let leaving: Scenario;
let staying: Scenario;

beforeAll(async () => {
  const cluster = await sharedCluster();
  leaving = await Scenario.create(cluster, "team-one");
  staying = await Scenario.create(cluster, "team-two");
  await leaving.apply(plainDeployment(NAME, { replicas: 1 }));
  await staying.apply(plainDeployment(NAME, { replicas: 1, model: exampleModel("2") }));
  await leaving.waitFor(NAME, "Ready");
  await staying.waitFor(NAME, "Ready");
}, 300_000);

afterAll(async () => {
  await leaving.dispose();
  await staying.dispose();
}, 300_000);

async function scores(scenario: Scenario): Promise<readonly number[]> {
  const rows = exampleRows().map(({ features }) => features);
  return (await predict(await scenario.url(NAME), NAME, rows)).scores;
}

test("each namespace answers with its own model", async () => {
  for (const [scenario, version] of [[leaving, "1"] as const, [staying, "2"] as const]) {
    expectExampleScores(await scores(scenario), version);
  }
});

test("the routers of one namespace know nothing of the other", async () => {
  for (const [own, other] of [[leaving, staying] as const, [staying, leaving] as const]) {
    expect(await own.pods("router")).toHaveLength(2);
    const slices = await own.kubectl("get", "endpointslices", "-o", "json");
    const addresses = JSON.parse(await other.kubectl("get", "pods", "-o", "json")).items.map(
      (pod: { readonly status: { readonly podIP?: string } }) => pod.status.podIP,
    );
    expect(addresses.length).toBeGreaterThan(2);
    for (const address of addresses) expect(slices).not.toContain(`"${address}"`);
  }
});

test("deleting the one fails no request of the other", async () => {
  const before = (await staying.pods("router")).map(({ name }) => name);
  const report = await underLoad(staying, NAME, async () => {
    await leaving.kubectl("delete", "modeldeployment", NAME, "--wait");
    await leaving.until(
      "no router and no model server",
      async () => [...(await leaving.pods("router")), ...(await leaving.pods("model-server", NAME))],
      (pods) => pods.length === 0,
    );
    await delay(2_000);
  });
  expect(report.failures).toEqual([]);
  expect(report.sent).toBeGreaterThan(90);
  expect((await staying.pods("router")).map(({ name }) => name)).toEqual(before);
  await staying.waitFor(NAME, "Ready");
}, 300_000);
