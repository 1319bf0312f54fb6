/**
 * A holdback on a real cluster: a candidate whose choices bring fewer orders passes its step before any order can have come,
 * takes most of the traffic, and is taken back by the labels that come while the old model keeps its share.
 */
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { EvidenceVolume } from "../evidence-volume.ts";
import { CAMPAIGN_MODEL, JudgedReleases } from "../judged-release.ts";
import { Scenario, sharedCluster } from "../scenario.ts";

const RETURN_SECONDS = 120;

let scenario: Scenario;
let volume: EvidenceVolume;
let releases: JudgedReleases;

/** Later than the step ends. */
const quality = {
  labels: [{ name: "order", matures: "8m" }],
  metrics: [{ name: "conversion", type: "ConversionRate" }],
};

const rollout = {
  strategy: { type: "Canary", canary: { steps: [{ weight: "50%", minDuration: "10s" }] } },
  gates: [
    { name: "orders", type: "Quality", quality: { metric: "conversion", nonInferiorityMargin: "40%" } },
  ],
  holdback: { weight: "40%", for: "15m" },
};

beforeAll(async () => {
  scenario = await Scenario.create(await sharedCluster(), "held-back");
  volume = new EvidenceVolume(scenario);
  await volume.make();
  releases = await JudgedReleases.begin(scenario, (model) => scenario.url(model), { quality, rollout });
}, 480_000);

afterAll(async () => {
  await scenario.dispose();
  await volume.remove();
}, 180_000);

test("what the labels of a holdback show to be worse gives the traffic back", async () => {
  const { happened, stable, candidate } = await releases.release(
    "shuffled",
    ({ phase }) => phase === "HoldingBack",
  );
  expect(happened.verdict).toMatchObject({
    outcome: "Aborted",
    reason: "GateFailed",
    message: expect.stringMatching(/^gate orders: conversion is -.*: harm is shown/),
  });
  const weights = happened.history?.map(({ weight }) => weight) ?? [];
  expect(weights.slice(0, 2)).toEqual(["50%", "60%"]);
  expect(candidate.orders / candidate.users).toBeLessThan(stable.orders / stable.users);
  const status = await scenario.until(
    "the old model has all the traffic",
    () => scenario.status(CAMPAIGN_MODEL),
    ({ traffic }) => traffic?.arms.length === 1,
    RETURN_SECONDS,
  );
  expect(status.traffic?.arms).toMatchObject([{ weight: 10_000 }]);
  expect(status.traffic?.arms[0]?.pools[0]?.revision).toBe(status.revisions?.stable);
  expect(status.rollout?.revision).not.toBe(status.revisions?.stable);
  expect(await scenario.condition(CAMPAIGN_MODEL, "Stalled")).toMatchObject({ reason: "RolloutAborted" });
  await scenario.waitFor(CAMPAIGN_MODEL, "Ready");
}, 960_000);
