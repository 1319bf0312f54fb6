/**
 * Replicas that Petrel, a HorizontalPodAutoscaler and Petrel again own, on a real cluster: none is lost on the way, and a number
 * that the controller of the autoscaler writes counts. Metrics need not be there: below its least it acts without any.
 */
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { plainDeployment } from "../example-models.ts";
import { Scenario, sharedCluster } from "../scenario.ts";
import { underLoad } from "../under-load.ts";

let scenario: Scenario;
const NAME = "handed-ranker";
const BOUNDS = { minReplicas: 2, maxReplicas: 4 };
const BY_PETREL = { ...BOUNDS, minReplicas: 3, metrics: [{ type: "Rate", target: 1000 }], forecast: "None" };
const BY_HPA = { ...BOUNDS, owner: "HPA" };

const because = async () => (await scenario.status(NAME)).autoscaling?.because;
const asked = async () => (await scenario.status(NAME)).autoscaling?.replicas;
const pods = async () => (await scenario.pods("model-server", NAME)).length;
const hpas = () => scenario.kubectl("get", "hpa", "--output=name");
/** As a patch: a manifest that states replicas would write them, which an autoscaler owns here. */
const change = (spec: object) =>
  scenario.kubectl("patch", "modeldeployment", NAME, "--type=merge", `--patch=${JSON.stringify({ spec })}`);

beforeAll(async () => {
  scenario = await Scenario.create(await sharedCluster(), "autoscaling-hpa");
  await scenario.apply(plainDeployment(NAME, { replicas: 1, autoscaling: BY_PETREL }));
  await scenario.waitFor(NAME, "Ready");
}, 300_000);

afterAll(() => scenario.dispose(), 180_000);

test("a HorizontalPodAutoscaler takes over the three replicas of Petrel, and scales them", async () => {
  expect(await pods()).toBe(3);
  const seen = new Set<number>();
  const report = await underLoad(scenario, NAME, async () => {
    await change({ autoscaling: { ...BY_HPA, metrics: null, forecast: null } });
    const owner = async () => {
      seen.add(await pods());
      return await because();
    };
    await scenario.until("the hand-over", owner, (cause) => cause === "Autoscaler");
    await change({ autoscaling: { minReplicas: 4 } });
    await scenario.until("a fourth pod", pods, (count) => count === 4);
    await scenario.waitFor(NAME, "Ready");
  });
  expect(report.failures).toEqual([]);
  expect(seen).toEqual(new Set([3]));
  expect(await asked()).toBe(4);
}, 600_000);

test("Petrel takes over what it leaves, and it is gone", async () => {
  await change({ autoscaling: { ...BY_PETREL, owner: "Petrel" } });
  await scenario.until("no autoscaler", hpas, (names) => names.trim() === "");
  expect(await asked()).toBe(4);
  expect(await pods()).toBe(4);
}, 300_000);
