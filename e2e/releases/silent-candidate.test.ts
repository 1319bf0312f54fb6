/**
 * Labels that do not come, on a real cluster: a release of which nothing is heard is given up at its deadline, and one whose
 * labels stay away for a time waits for them, and is judged by those that come after.
 */
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { ModelRolloutStatus } from "../../src/api/model-rollout.ts";
import { EvidenceVolume } from "../evidence-volume.ts";
import { CAMPAIGN_MODEL, JudgedReleases } from "../judged-release.ts";
import { Scenario, sharedCluster } from "../scenario.ts";

/** Longer than the step and its labels take. */
const OUTAGE_MILLISECONDS = 90_000;

let scenario: Scenario;
let volume: EvidenceVolume;

function rollout(deadline: string): object {
  const quality = { metric: "conversion", nonInferiorityMargin: "40%" };
  return {
    strategy: { type: "Canary", canary: { steps: [{ weight: "50%", minDuration: "30s" }] } },
    gates: [{ name: "orders", type: "Quality", quality, deadline }],
  };
}

const url = (model: string) => scenario.url(model);

beforeAll(async () => {
  scenario = await Scenario.create(await sharedCluster(), "silent");
  volume = new EvidenceVolume(scenario);
  await volume.make();
}, 120_000);

afterAll(async () => {
  await scenario.dispose();
  await volume.remove();
}, 180_000);

test("a release of which no label comes is given up at its deadline, never promoted", async () => {
  const releases = await JudgedReleases.begin(scenario, url, { rollout: rollout("2m") });
  const { happened, candidate } = await releases.release("shuffled", () => false);
  expect(happened.verdict).toMatchObject({
    outcome: "Aborted",
    reason: "GateFailed",
    message: expect.stringMatching(/not passed by its deadline/),
  });
  expect(happened.history?.map(({ weight }) => weight)).toEqual(["50%"]);
  expect(candidate.users).toBeGreaterThan(0);
  expect(await scenario.condition(CAMPAIGN_MODEL, "Ready")).toMatchObject({ status: "True" });
}, 960_000);

// It takes six minutes: a full run alone takes it.
const testInFull = process.env["PETREL_TEST_FULL"] === "1" ? test : test.skip;

testInFull(
  "one whose labels stay away for a time waits, and is judged when they come again",
  async () => {
    const releases = await JudgedReleases.begin(scenario, url, { rollout: rollout("30m") });
    let heardOfAt: number | undefined;
    const isOver = ({ weightInEffectAt, verdict }: ModelRolloutStatus) => {
      if (weightInEffectAt === undefined) return false;
      heardOfAt ??= Date.parse(weightInEffectAt);
      // Nothing is decided without a label.
      expect(verdict).toBeUndefined();
      return Date.now() - heardOfAt > OUTAGE_MILLISECONDS;
    };
    let wasOver = false;
    const { happened } = await releases.release("2", (status) => {
      wasOver ||= isOver(status);
      return wasOver;
    });
    expect(wasOver).toBe(true);
    expect(happened.verdict).toMatchObject({ outcome: "Promoted", reason: "StepsPassed" });
  },
  960_000,
);
