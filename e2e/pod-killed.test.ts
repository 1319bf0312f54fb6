/**
 * A model server is killed under load: its requests go to the others, and it comes back.
 */
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { inferenceBody, plainDeployment } from "./example-models.ts";
import { startProbe } from "./probe.ts";
import { Scenario, sharedCluster } from "./scenario.ts";

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
  const probe = startProbe({
    url: `${await scenario.url(NAME)}/v2/models/${NAME}/infer`,
    body: inferenceBody(),
    ratePerSecond: 50,
    timeoutMilliseconds: 5000,
  });
  await new Promise((resolve) => setTimeout(resolve, 1000));
  await scenario.kubectl("delete", "pod", victim?.name ?? "", "--grace-period=0", "--force");
  await scenario.until(
    "two other pods",
    () => scenario.pods("model-server", NAME),
    (pods) => pods.length === 2 && pods.every((pod) => pod.name !== victim?.name),
  );
  await scenario.waitFor(NAME, "Ready");
  const report = await probe.stop();
  expect(report.failures).toEqual([]);
  expect(report.sent).toBeGreaterThan(100);
}, 300_000);
