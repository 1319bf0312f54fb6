/**
 * The operator is killed in the middle of its work: requests are answered without it, and the work is finished
 * by whoever leads next.
 */
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { exampleModel, plainDeployment } from "./example-models.ts";
import { OPERATOR_NAMESPACE } from "./installation.ts";
import { Scenario, sharedCluster } from "./scenario.ts";
import { underLoad } from "./under-load.ts";

let scenario: Scenario;
const NAME = "ranker";

beforeAll(async () => {
  scenario = await Scenario.create(await sharedCluster(), "operator-killed");
  await scenario.apply(plainDeployment(NAME));
  await scenario.waitFor(NAME, "Ready");
}, 300_000);

afterAll(() => scenario.dispose(), 180_000);

test("an update that loses its operator is finished, without a failed request", async () => {
  const report = await underLoad(scenario, NAME, async () => {
    await scenario.apply(plainDeployment(NAME, { model: exampleModel("2") }));
    await scenario.until(
      "the candidate in status",
      () => scenario.status(NAME),
      (status) => status.revisions?.candidate !== undefined,
    );
    const flags = ["--all", "--grace-period=0", "--force"];
    await scenario.cluster.kubectl(["-n", OPERATOR_NAMESPACE, "delete", "pods", ...flags]);
    await scenario.waitFor(NAME, "Promoted");
    await scenario.waitFor(NAME, "Ready");
  });
  expect(report.failures).toEqual([]);
  expect(report.sent).toBeGreaterThan(100);
}, 300_000);
