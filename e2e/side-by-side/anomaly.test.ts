/**
 * Series that are watched, from end to end: the operator asks the collector through whatever lies between the two, and says
 * what it knows. On a young series that is that nothing can be judged yet, and never that all is well.
 */
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { EvidenceVolume } from "../evidence-volume.ts";
import { plainDeployment } from "../example-models.ts";
import { Scenario, sharedCluster } from "../scenario.ts";

const NAME = "watched";
const quality = {
  labels: [{ name: "click", matures: "30m" }],
  metrics: [{ name: "ctr", type: "ClickThroughRate" }],
  userHeader: "x-user-id",
  anomalies: { falseAlarmEvery: "720h", reaction: { type: "PauseRollout" } },
};

let scenario: Scenario;
let volume: EvidenceVolume;

beforeAll(async () => {
  scenario = await Scenario.create(await sharedCluster(), "anomaly");
  volume = new EvidenceVolume(scenario);
  await scenario.apply(plainDeployment(NAME, { replicas: 1, quality }));
  await scenario.waitFor(NAME, "Ready");
}, 300_000);

afterAll(async () => {
  await scenario.dispose();
  await volume.remove();
}, 180_000);

const detected = () => scenario.condition(NAME, "AnomalyDetected");

test("without a collector nobody knows, and what serves is ready all the same", async () => {
  const unknown = await scenario.until("the condition is there", detected, (found) => found !== undefined);
  expect(unknown).toMatchObject({ status: "Unknown", reason: "AnomaliesUnknown" });
  expect(await scenario.condition(NAME, "Ready")).toMatchObject({ status: "True" });
}, 180_000);

test("the operator hears of the collector that its series are still learned", async () => {
  await volume.make();
  await scenario.waitFor(NAME, "EvidenceReady");
  // The routers tell of their first minute, and the operator asks once in a minute.
  const learning = await scenario.until(
    "the series are looked at",
    detected,
    (found) => found?.reason === "SeriesLearning",
    300,
  );
  expect(learning).toMatchObject({ status: "Unknown" });
  expect(await scenario.condition(NAME, "Ready")).toMatchObject({ status: "True" });
}, 420_000);
