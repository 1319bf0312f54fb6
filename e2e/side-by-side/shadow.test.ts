/**
 * Models that are tried on copies of requests, on a real cluster: Envoy mirrors, model servers tell the collector through its
 * NetworkPolicy, and the operator reads what came of it. One that chooses other customers is given up, one that chooses the
 * same is promoted, and until then nobody gets an answer of either.
 */
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { ModelRolloutStatus } from "../../src/api/model-rollout-status.ts";
import { Campaign, type CampaignResult, VISITOR_HEADER } from "../campaign.ts";
import { EvidenceVolume } from "../evidence-volume.ts";
import { exampleModel, plainDeployment } from "../example-models.ts";
import { Scenario, sharedCluster } from "../scenario.ts";

const NAME = "mirrored-ranker";
/** The pairs take a minute or two, and the operator asks once a minute. */
const VERDICT_SECONDS = 600;

let scenario: Scenario;
let volume: EvidenceVolume;
let campaign: Campaign;

/** Of ten customers the two good models name the same one in 98 of 100 cases, and the shuffled one in 43. */
function deployment(version: "1" | "2" | "shuffled"): object {
  const agreement = { by: "Best", min: "80%" };
  const shadow = { share: "10%", minDuration: "1m", minPairs: 200, deadline: "10m", agreement };
  const quality = {
    userHeader: VISITOR_HEADER,
    labels: [{ name: "order", matures: "72h" }],
    metrics: [{ name: "conversion", type: "ConversionRate" }],
    response: { scores: "score", probability: true },
    observe: {},
  };
  const rollout = { strategy: { type: "Shadow", shadow } };
  return plainDeployment(NAME, { model: exampleModel(version), quality, rollout });
}

beforeAll(async () => {
  scenario = await Scenario.create(await sharedCluster(), "shadow");
  volume = new EvidenceVolume(scenario);
  await volume.make();
  await scenario.apply(deployment("1"));
  await scenario.waitFor(NAME, "Ready");
  await scenario.waitFor(NAME, "EvidenceReady");
  campaign = await Campaign.counted(scenario, await scenario.url(NAME), NAME);
}, 480_000);

afterAll(async () => {
  await scenario.dispose();
  await volume.remove();
}, 180_000);

async function release(after: number): Promise<ModelRolloutStatus> {
  const { rollout } = await scenario.status(NAME);
  if (rollout?.name === undefined || rollout.number <= after) return {};
  return await scenario.release(rollout.name);
}

/** Applies another model, and lets the shop go on until there is a verdict on it. */
async function released(version: "2" | "shuffled"): Promise<CampaignResult<ModelRolloutStatus>> {
  const { rollout } = await scenario.status(NAME);
  return await campaign.during(async (signal) => {
    await scenario.apply(deployment(version));
    return await scenario.until(
      `the verdict on model ${version}`,
      () => release(rollout?.number ?? 0),
      ({ verdict }) => verdict !== undefined || signal.aborted,
      VERDICT_SECONDS,
    );
  });
}

const gate = (status: ModelRolloutStatus, name: string) =>
  [...(status.gates ?? []), ...(status.passedGates ?? [])].find((one) => one.name === name);

test("a model that names other customers is given up, and nobody got an answer of it", async () => {
  const { happened, candidate, stable } = await released("shuffled");
  expect(happened.verdict).toMatchObject({
    outcome: "Aborted",
    reason: "GateFailed",
    message: expect.stringMatching(/^gate shadow-agreement: the same row is first in /),
  });
  const [figure] = gate(happened, "shadow-agreement")?.figures ?? [];
  expect(Number(figure?.upper)).toBeLessThan(0.8);
  expect(happened.history).toMatchObject([{ step: 1, weight: "0%", mirrored: "10%" }]);
  expect(candidate.users).toBe(0);
  expect(stable.users).toBeGreaterThan(0);
  expect((await scenario.status(NAME)).traffic?.mirror).toBeUndefined();
  expect(await scenario.condition(NAME, "Stalled")).toMatchObject({ reason: "RolloutAborted" });
  expect(await scenario.condition(NAME, "Ready")).toMatchObject({ status: "True" });
}, 900_000);

test("one that names the same gets all the traffic", async () => {
  const { happened } = await released("2");
  expect(happened.verdict).toMatchObject({ outcome: "Promoted", reason: "StepsPassed" });
  expect(gate(happened, "shadow-agreement")).toMatchObject({ outcome: "Pass" });
  const [answered] = gate(happened, "shadow-answers")?.figures ?? [];
  expect(Number(answered?.estimate)).toBeGreaterThan(0.95);
  expect(happened.history?.map(({ weight }) => weight)).toEqual(["0%", "100%"]);
}, 900_000);
