/**
 * A model server is killed under load: its requests go to the others, and it comes back.
 */
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { plainDeployment } from "./example-models.ts";
import { Scenario, sharedCluster } from "./scenario.ts";
import { underLoad } from "./under-load.ts";

let scenario: Scenario;
const NAME = "ranker";

beforeAll(async () => {
  scenario = await Scenario.create(await sharedCluster(), "pod-killed");
  await scenario.apply(plainDeployment(NAME));
  await scenario.waitFor(NAME, "Ready");
}, 300_000);

afterAll(() => scenario.dispose(), 180_000);

test("killing a model pod under load fails no request, and the pod is replaced", async () => {
  const [victim] = await scenario.pods("model-server", NAME);
  const report = await underLoad(scenario, NAME, async () => {
    await delay(1_000);
    await scenario.kubectl("delete", "pod", victim?.name ?? "", "--grace-period=0", "--force");
    await scenario.until(
      "two other pods",
      () => scenario.pods("model-server", NAME),
      (pods) => pods.length === 2 && pods.every((pod) => pod.name !== victim?.name),
    );
    await scenario.waitFor(NAME, "Ready");
  });
  expect(report.failures).toEqual([]);
  expect(report.sent).toBeGreaterThan(100);
}, 300_000);
