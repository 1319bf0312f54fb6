/**
 * Models beside the one that serves, on a real cluster: each has its users, all requests are answered, labels show that one
 * does harm, which ends the experiment for all, and the result stays. Another one is stopped by a person.
 */
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { ARM_NUMBER } from "../../src/api/arm.ts";
import type { ModelExperimentStatus } from "../../src/api/experiment-status.ts";
import { Campaign, VISITOR_HEADER } from "../campaign.ts";
import { EvidenceVolume } from "../evidence-volume.ts";
import { exampleModel, plainDeployment } from "../example-models.ts";
import { Scenario, sharedCluster } from "../scenario.ts";

const NAME = "compared-ranker";
/** Keys are taken up within some minutes, and orders come at once: the operator asks once a minute. */
const VERDICT_SECONDS = 900;

let scenario: Scenario;
let volume: EvidenceVolume;
let campaign: Campaign;

const deployment = plainDeployment(NAME, {
  model: exampleModel("1"),
  traffic: { timeout: "4s", perTryTimeout: "1s", stickiness: { header: VISITOR_HEADER } },
  quality: {
    labels: [{ name: "order", matures: "30s" }],
    metrics: [{ name: "conversion", type: "ConversionRate" }],
  },
});

function experiment(name: string, versions: readonly ("2" | "small" | "shuffled")[]): object {
  return {
    apiVersion: "petrel.dev/v1alpha1",
    kind: "ModelExperiment",
    metadata: { name },
    spec: {
      modelDeployment: NAME,
      arms: versions.map((version) => ({
        name: `model-${version}`,
        weight: "25%",
        model: exampleModel(version),
      })),
      holdout: "10%",
      primary: { metric: "conversion" },
      duration: "2h",
    },
  };
}

beforeAll(async () => {
  scenario = await Scenario.create(await sharedCluster(), "experiment");
  volume = new EvidenceVolume(scenario);
  await volume.make();
  await scenario.apply(deployment);
  await scenario.waitFor(NAME, "Ready");
  await scenario.waitFor(NAME, "EvidenceReady");
  campaign = await Campaign.counted(scenario, await scenario.url(NAME), NAME);
}, 480_000);

afterAll(async () => {
  await scenario.dispose();
  await volume.remove();
}, 180_000);

async function statusOf(name: string): Promise<ModelExperimentStatus> {
  return JSON.parse(await scenario.kubectl("get", "modelexperiment", name, "-o", "json")).status ?? {};
}

/** Stable has all the traffic, by every router. */
async function stableHasAll(): Promise<boolean> {
  const { traffic, acknowledgedEpoch } = await scenario.status(NAME);
  return traffic?.arms.length === 1 && acknowledgedEpoch === traffic.epoch;
}

test("an arm that brings fewer orders ends it, and what was found stays", async () => {
  const { happened, arms } = await campaign.during(async (signal) => {
    await scenario.apply(experiment("harmful", ["2", "shuffled"]));
    return await scenario.until(
      "the verdict on the experiment",
      () => statusOf("harmful"),
      ({ verdict }) => verdict !== undefined || signal.aborted,
      VERDICT_SECONDS,
    );
  });
  expect(happened.verdict).toMatchObject({
    outcome: "Stopped",
    reason: "HarmShown",
    message: expect.stringMatching(/^arm model-shuffled does harm: conversion -/),
  });
  const users = (arm: keyof typeof ARM_NUMBER) => arms.get(ARM_NUMBER[arm])?.users ?? 0;
  for (const arm of ["Stable", "ArmA", "ArmB", "Holdout"] as const) expect(users(arm)).toBeGreaterThan(0);
  expect(users("Candidate")).toBe(0);
  expect(happened.shares?.map(({ drawnBy }) => drawnBy)).toContain("User");
  await scenario.until("stable has all the traffic", stableHasAll, (has) => has, 120);
  const printed = await scenario.petrel("experiment", "status", "harmful");
  expect(printed).toContain("Ended (HarmShown)");
  expect(printed).toMatch(/model-shuffled +Primary +Worse/);
  expect(await scenario.condition(NAME, "Promoted")).toMatchObject({ status: "True" });
}, 1_200_000);

test("a person stops another one, and its servers go", async () => {
  await scenario.apply(experiment("stopped", ["small"]));
  await scenario.until(
    "its arm has its share",
    () => statusOf("stopped"),
    ({ sharesInEffectAt }) => sharesInEffectAt !== undefined,
    300,
  );
  await scenario.petrel("experiment", "stop", "stopped", "--reason", "the season is over");
  const { verdict } = await scenario.until(
    "it is over",
    () => statusOf("stopped"),
    (status) => status.verdict !== undefined,
    60,
  );
  expect(verdict).toMatchObject({
    outcome: "Stopped",
    reason: "StoppedByPerson",
    message: expect.stringContaining("a person stopped it: the season is over"),
  });
  await scenario.until("stable has all the traffic", stableHasAll, (has) => has, 120);
  const { revisions } = await scenario.status(NAME);
  await scenario.until(
    "the pods of the arm are gone",
    async () => JSON.parse(await scenario.kubectl("get", "deployments", "-o", "json")).items,
    (items: readonly { readonly metadata: { readonly labels: Record<string, string> } }[]) =>
      items
        .filter(({ metadata }) => metadata.labels["petrel.dev/model-deployment"] === NAME)
        .every(({ metadata }) => metadata.labels["petrel.dev/model-revision"] === revisions?.stable),
    180,
  );
}, 720_000);
