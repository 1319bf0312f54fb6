/**
 * A canary: a new model gets the users in three short steps and is promoted, with no failed request; another one that a
 * person aborts goes back to nothing.
 */
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { ModelRolloutStatus } from "../src/api/model-rollout.ts";
import { exampleModel, plainDeployment } from "./example-models.ts";
import { Scenario, sharedCluster } from "./scenario.ts";
import { underLoad } from "./under-load.ts";

let scenario: Scenario;
const NAME = "canary-ranker";
const STEPS = [
  { weight: "10%", minDuration: "5s" },
  { weight: "30%", minDuration: "5s" },
  { weight: "60%", minDuration: "5s" },
];
const rollout = { strategy: { type: "Canary", canary: { steps: STEPS } } };

function deployment(version: "1" | "2", changes: object = {}): object {
  const traffic = { timeout: "4s", perTryTimeout: "1s", stickiness: { header: "x-user-id" } };
  return plainDeployment(NAME, { model: exampleModel(version), traffic, rollout, ...changes });
}

beforeAll(async () => {
  scenario = await Scenario.create(await sharedCluster(), "canary");
  await scenario.apply(deployment("1"));
  await scenario.waitFor(NAME, "Ready");
}, 300_000);

afterAll(() => scenario.dispose(), 180_000);

async function release(): Promise<{ readonly name: string; readonly status: ModelRolloutStatus }> {
  const { rollout: reference } = await scenario.status(NAME);
  const name = reference?.name ?? "";
  return { name, status: await scenario.release(reference?.name) };
}

/** Share of the traffic that the plan in effect gives the candidate. */
async function candidateWeight(): Promise<number> {
  const { traffic } = await scenario.status(NAME);
  return traffic?.arms.find(({ name }) => name === "Candidate")?.weight ?? 0;
}

test("a canary in three steps is promoted, without a failed request, and each step lasted its time", async () => {
  const report = await underLoad(scenario, NAME, async () => {
    await scenario.apply(deployment("2"));
    await scenario.waitFor(NAME, "RolloutInProgress");
    // What tools wait for stays true while the canary goes on.
    expect(await scenario.condition(NAME, "Ready")).toMatchObject({ status: "True" });
    await scenario.waitFor(NAME, "Promoted");
  });
  expect(report.failures).toEqual([]);
  const { status } = await scenario.until(
    "the verdict",
    release,
    (seen) => seen.status.verdict !== undefined,
  );
  expect(status.verdict).toMatchObject({ outcome: "Promoted", reason: "StepsPassed" });
  expect(status.history?.map(({ weight }) => weight)).toEqual(["10%", "30%", "60%", "100%"]);
  for (const { inEffectAt = "", endedAt = "" } of status.history?.slice(0, 3) ?? []) {
    const lasted = Date.parse(endedAt) - Date.parse(inEffectAt);
    expect(lasted).toBeGreaterThanOrEqual(5_000);
    // Three times what a look takes on a machine that has nothing else to do.
    expect(lasted).toBeLessThan(8_000);
  }
}, 300_000);

test("one that a person aborts goes back to nothing, and the stable model serves on", async () => {
  const patient = { type: "Canary", canary: { steps: [{ weight: "20%", minDuration: "1h" }] } };
  const report = await underLoad(scenario, NAME, async () => {
    await scenario.apply(deployment("1", { rollout: { strategy: patient } }));
    const { name } = await scenario.until(
      "a share of the traffic",
      release,
      ({ status }) => status.weightInEffectAt !== undefined && status.weight === "20%",
    );
    expect(await candidateWeight()).toBe(2_000);
    const decision = { spec: { decision: "Abort", reason: "a drill" } };
    await scenario.kubectl("patch", "modelrollout", name, "--type=merge", "-p", JSON.stringify(decision));
    await scenario.until("no traffic for the candidate", candidateWeight, (weight) => weight === 0, 15);
    await scenario.waitFor(NAME, "Stalled");
  });
  expect(report.failures).toEqual([]);
  expect(await scenario.condition(NAME, "Ready")).toMatchObject({ status: "True" });
  expect(await scenario.condition(NAME, "Stalled")).toMatchObject({ reason: "RolloutAborted" });
  expect((await release()).status.verdict).toMatchObject({ outcome: "Aborted", reason: "DecidedByPerson" });
  await scenario.until(
    "only the pods of the stable revision",
    () => scenario.pods("model-server", NAME),
    (pods) => pods.length === 2,
  );
}, 300_000);
