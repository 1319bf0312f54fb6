/**
 * Candidates that answer too late, judged by their first tries as Envoy counts them: one as fast as stable is promoted; a
 * slow one, and one whose tries are given up, are taken back by their gates though other servers answer in their place.
 */
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { ModelRolloutStatus } from "../../src/api/model-rollout.ts";
import { nodeImage } from "../cluster/index.ts";
import { plainDeployment } from "../example-models.ts";
import { Scenario, sharedCluster } from "../scenario.ts";
import { underLoad } from "../under-load.ts";

let scenario: Scenario;
const NAME = "fast-ranker";

/** Whole minutes are counted, of pods that have been ready for one, and shown to be above by their number. */
const VERDICT_SECONDS = 420;

const rollout = {
  strategy: { type: "Canary", canary: { steps: [{ weight: "20%", minDuration: "10s" }] } },
  gates: [
    { name: "latency", type: "Latency", latency: { quantile: "p90", max: "200ms" } },
    { name: "errors", type: "Errors", errors: { max: "5%" } },
  ],
};

/** A model server that is as slow as it is told to be. */
const SERVER = `
  const answer = JSON.stringify({
    model_name: "${NAME}",
    outputs: [{ name: "score", datatype: "FP32", shape: [1, 1], data: [0.5] }],
  });
  require("node:http").createServer((request, response) => {
    response.setHeader("content-type", "application/json");
    request.resume().on("end", () => {
      if (request.method === "GET") response.end("{}");
      else setTimeout(() => response.end(answer), Number(process.env.DELAY_MILLISECONDS));
    });
  }).listen(8080);
`;

let image: string;

function deployment(delayMilliseconds: number): object {
  const env = [{ name: "DELAY_MILLISECONDS", value: String(delayMilliseconds) }];
  return plainDeployment(NAME, {
    runtime: { name: "container", container: { image, command: ["node", "--eval", SERVER], env } },
    traffic: { timeout: "4s", perTryTimeout: "700ms" },
    rollout,
  });
}

beforeAll(async () => {
  const cluster = await sharedCluster();
  scenario = await Scenario.create(cluster, "service-gated");
  const { name, archive } = await nodeImage(() => {});
  await cluster.loadImage(archive);
  image = name;
  await scenario.apply(deployment(10));
  await scenario.waitFor(NAME, "Ready");
}, 300_000);

afterAll(() => scenario.dispose(), 180_000);

/** Applies a change under load, and waits for what becomes of its release. */
async function judged(change: object): Promise<{ status: ModelRolloutStatus; failures: readonly unknown[] }> {
  const before = (await scenario.status(NAME)).rollout?.name;
  let status: ModelRolloutStatus = {};
  const { failures } = await underLoad(scenario, NAME, async () => {
    await scenario.apply(change);
    status = await scenario.until(
      "the verdict",
      async () => {
        const name = (await scenario.status(NAME)).rollout?.name;
        return name === before ? {} : await scenario.release(name);
      },
      ({ verdict }) => verdict !== undefined,
      VERDICT_SECONDS,
    );
  });
  return { status, failures };
}

test("one that is as fast as stable passes, with the numbers that show it", async () => {
  const { status, failures } = await judged(deployment(11));
  expect(status.verdict).toMatchObject({ outcome: "Promoted", reason: "StepsPassed" });
  const passed = (name: string) => status.passedGates?.find((gate) => gate.name === name);
  expect(passed("latency")).toMatchObject({ outcome: "Pass" });
  expect(passed("errors")).toMatchObject({ outcome: "Pass" });
  expect(failures).toEqual([]);
}, 600_000);

test("a slow one is given up by its latency, without a failed request", async () => {
  const { status, failures } = await judged(deployment(400));
  expect(status.verdict).toMatchObject({
    outcome: "Aborted",
    reason: "GateFailed",
    message: expect.stringContaining("gate latency"),
  });
  expect(failures).toEqual([]);
  expect(await scenario.condition(NAME, "Stalled")).toMatchObject({ reason: "RolloutAborted" });
  expect(await scenario.condition(NAME, "Ready")).toMatchObject({ status: "True" });
}, 600_000);

// The way is that of the test above, and takes three minutes: a full run alone takes it.
const testInFull = process.env["PETREL_TEST_FULL"] === "1" ? test : test.skip;

testInFull(
  "one whose tries are given up fails by its errors, while stable's servers answer for it",
  async () => {
    const { status, failures } = await judged(deployment(1_000));
    expect(status.verdict).toMatchObject({ outcome: "Aborted", reason: "GateFailed" });
    const failed = status.gates?.filter(({ outcome }) => outcome === "Fail").map(({ name }) => name);
    expect(failed).toContain("errors");
    expect(failures).toEqual([]);
    expect(await scenario.condition(NAME, "Ready")).toMatchObject({ status: "True" });
  },
  600_000,
);
