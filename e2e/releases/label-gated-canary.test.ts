/**
 * Releases that their labels must justify, on a real cluster: a shop sends orders back for the predictions that it got,
 * routers tell the collector of each answer, and the operator reads the evidence through the NetworkPolicy. A candidate
 * whose choices bring fewer orders is given up; another one, that brings as many as stable, gets all the traffic.
 */
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { EvidenceVolume } from "../evidence-volume.ts";
import { CAMPAIGN_MODEL, JudgedReleases } from "../judged-release.ts";
import { Scenario, sharedCluster } from "../scenario.ts";

let scenario: Scenario;
let volume: EvidenceVolume;
let releases: JudgedReleases;

beforeAll(async () => {
  scenario = await Scenario.create(await sharedCluster(), "judged");
  volume = new EvidenceVolume(scenario);
  await volume.make();
  releases = await JudgedReleases.begin(scenario, (model) => scenario.url(model));
}, 480_000);

afterAll(async () => {
  await scenario.dispose();
  await volume.remove();
}, 180_000);

test("a candidate that brings fewer orders is given up by its labels", async () => {
  const { happened, stable, candidate } = await releases.release("shuffled");
  const { verdict, gates } = happened;
  expect(verdict).toMatchObject({
    outcome: "Aborted",
    reason: "GateFailed",
    message: expect.stringMatching(/^gate orders: conversion is -.*: harm is shown$/),
  });
  const gate = gates?.find(({ name }) => name === "orders");
  expect(Number(gate?.figures?.find(({ name }) => name === "change")?.upper)).toBeLessThan(0);
  expect(await scenario.condition(CAMPAIGN_MODEL, "Stalled")).toMatchObject({ reason: "RolloutAborted" });
  expect(await scenario.condition(CAMPAIGN_MODEL, "Ready")).toMatchObject({ status: "True" });
  expect(candidate.users).toBeGreaterThan(0);
  expect(candidate.orders / candidate.users).toBeLessThan(stable.orders / stable.users);
}, 960_000);

test("one that brings as many gets all the traffic, whatever was counted of the other", async () => {
  const { verdict, shares = [] } = (await releases.release("2")).happened;
  expect(verdict).toMatchObject({ outcome: "Promoted", reason: "StepsPassed" });
  expect(shares.map(({ weight, drawnBy }) => `${weight} ${drawnBy}`)).toContain("50% User");
}, 960_000);
