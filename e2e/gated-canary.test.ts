/**
 * A canary whose step waits for a web hook, asked by the operator where the installation lets it: it goes on when the
 * hook says so, and another one is given up when the hook says that.
 */
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { ModelRolloutStatus } from "../src/api/model-rollout-status.ts";
import { nodeImage } from "./cluster/index.ts";
import { exampleModel, plainDeployment } from "./example-models.ts";
import { GATE_HOOK } from "./installation.ts";
import { Scenario, sharedCluster } from "./scenario.ts";
import { scriptPod } from "./script-pod.ts";

let scenario: Scenario;
let hooks: Scenario;
const NAME = "gated-ranker";
const { host, port, namespace } = GATE_HOOK;

/** Says `Wait` to the first question, `Pass` to the second, `Fail` to the others. */
const ANSWERS = `
  let asked = 0;
  require("node:http").createServer((request, response) => {
    request.resume();
    const outcome = ["Wait", "Pass"][asked++] ?? "Fail";
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ outcome, message: "question " + asked }));
  }).listen(${port});
`;

function deployment(version: "1" | "2"): object {
  const steps = [{ weight: "50%", minDuration: "5s" }];
  const gates = [{ name: "calendar", type: "WebHook", webHook: { url: `http://${host}:${port}/judge` } }];
  const rollout = { strategy: { type: "Canary", canary: { steps } }, gates };
  return plainDeployment(NAME, { model: exampleModel(version), rollout });
}

beforeAll(async () => {
  const cluster = await sharedCluster();
  scenario = await Scenario.create(cluster, "gated");
  hooks = await Scenario.open(cluster, namespace);
  const image = await nodeImage(() => {});
  await cluster.loadImage(image.archive);
  await hooks.apply(scriptPod("hook", { image: image.name, script: ANSWERS, labels: { app: "hook" } }));
  await hooks.apply({
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "hook" },
    spec: { selector: { app: "hook" }, ports: [{ port }] },
  });
  await scenario.apply(deployment("1"));
  await scenario.waitFor(NAME, "Ready");
}, 300_000);

afterAll(async () => {
  await scenario.dispose();
  await hooks.dispose();
}, 180_000);

async function release(): Promise<ModelRolloutStatus> {
  return await scenario.release((await scenario.status(NAME)).rollout?.name);
}

/** What the status tells about the gate that asks the hook; other gates stand beside it. */
function calendar({ gates }: Pick<ModelRolloutStatus, "gates">) {
  return gates?.find(({ name }) => name === "calendar");
}

test("a step lasts until the hook lets it end, and its status says what the hook said", async () => {
  await scenario.apply(deployment("2"));
  await scenario.waitFor(NAME, "RolloutInProgress");
  const waiting = await scenario.until(
    "the hook's first answer",
    release,
    (seen) => calendar(seen)?.message.includes("question 1") === true,
    180,
  );
  expect(calendar(waiting)).toMatchObject({ outcome: "Wait" });
  await scenario.waitFor(NAME, "Promoted");
  const { history, verdict, passedGates } = await scenario.until(
    "the verdict",
    release,
    (seen) => seen.verdict !== undefined,
  );
  expect(verdict).toMatchObject({ outcome: "Promoted", reason: "StepsPassed" });
  expect(calendar({ gates: passedGates ?? [] })).toMatchObject({
    outcome: "Pass",
    message: expect.stringContaining("question 2"),
  });
  const [{ inEffectAt = "", endedAt = "" } = {}] = history ?? [];
  // The second question comes a minute after the first; without the gate the step would have lasted 5 s.
  expect(Date.parse(endedAt) - Date.parse(inEffectAt)).toBeGreaterThan(20_000);
}, 300_000);

test("a release that the hook fails is given up, and stable serves on", async () => {
  await scenario.apply(deployment("1"));
  await scenario.waitFor(NAME, "Stalled");
  const ended = await release();
  expect(ended.verdict).toMatchObject({ outcome: "Aborted", reason: "GateFailed" });
  expect(calendar(ended)).toMatchObject({ outcome: "Fail", message: expect.stringContaining("question 3") });
  expect(await scenario.condition(NAME, "Stalled")).toMatchObject({ reason: "RolloutAborted" });
  expect(await scenario.condition(NAME, "Ready")).toMatchObject({ status: "True" });
}, 300_000);
