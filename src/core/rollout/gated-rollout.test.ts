/**
 * A release with declared gates: what is asked for it, that its steps wait for the answers, and what a bad one does.
 */
import { expect, test } from "@jest/globals";
import { HOUR } from "../../../test/fixtures/release.ts";
import { CANARY, follow, inStepOne } from "../../../test/fixtures/released-world.ts";
import { modelOf } from "../../../test/fixtures/summary.ts";
import { servingWorld, type World } from "../../../test/fixtures/world.ts";
import type { ModelDeploymentSpec } from "../../api/model-deployment-spec.ts";
import type { RolloutSpec } from "../../api/rollout.ts";
import { NO_DATA_PATIENCE_MILLISECONDS } from "./gates/settle-gate.ts";

const GATES: RolloutSpec["gates"] = [
  {
    name: "stock",
    type: "PrometheusQuery",
    prometheusQuery: { url: "http://prometheus", query: 'x{r="$(candidate)"}', max: "0.5" },
  },
  { name: "judge", type: "WebHook", onNoData: "Fail", webHook: { url: "http://judge" } },
];
const GATED: RolloutSpec = {
  strategy: {
    type: "Canary",
    canary: {
      steps: [
        { weight: "10%", minDuration: "1h" },
        { weight: "50%", minDuration: "1h" },
      ],
    },
  },
  gates: GATES,
};

const inGatedStepOne = (): World => inStepOne({ rollout: GATED });

/** Both are asked now; the look after it sees the answers. */
function answered(world: World, stock: number, outcome: "Pass" | "Wait" | "Fail" = "Pass"): World {
  const atMilliseconds = world.observation().nowMilliseconds;
  world.gateEvidence = {
    queries: new Map([["stock", { kind: "Whole", atMilliseconds, value: stock }]]),
    hooks: new Map([["judge", { kind: "Whole", atMilliseconds, value: { outcome, message: "" } }]]),
  };
  return world;
}

const outcomes = (world: World) =>
  (world.rollout?.status.gates ?? []).map(
    ({ name, outcome, reason }) => `${name} ${outcome} ${reason ?? ""}`,
  );
const where = (world: World) => {
  const { phase, step, weight } = world.rollout?.status ?? {};
  return `${phase} ${step} ${weight}`;
};

test("its gates are kept with the release, whatever the spec says by then", () => {
  const world = inGatedStepOne();
  expect(world.rollout?.spec.gates).toEqual(GATES);
  world.edit({ rollout: { strategy: GATED.strategy } }).reconcile();
  expect(world.rollout?.spec.gates).toEqual(GATES);
});

test("questions name the release, and are asked while a step is in progress", () => {
  const world = inGatedStepOne();
  const revision = world.revisionName("v2");
  expect(modelOf(world, revision)).toBe("v2");
  const [query, hook] = world.reconcile().gateQuestions ?? [];
  expect(query).toEqual({
    gate: "stock",
    type: "PrometheusQuery",
    url: "http://prometheus",
    text: `x{r="${revision}"}`,
  });
  expect(hook).toMatchObject({ gate: "judge", type: "WebHook", url: "http://judge" });
  expect(JSON.parse(hook !== undefined && "text" in hook ? hook.text : "")).toEqual({
    gate: "judge",
    namespace: "shop",
    modelDeployment: "ranker",
    modelRollout: "ranker-1",
    candidate: revision,
    stable: world.revisionName("v1"),
    step: 1,
    steps: 3,
    weight: "10%",
  });
  expect(servingWorld({ rollout: GATED }).reconcile().gateQuestions).toBeUndefined();
});

test("nothing is asked before every router gives the share of the step: no such answer would count", () => {
  const world = inGatedStepOne().passTime(HOUR);
  for (let look = 0; look < 4 && world.rollout?.status.step === 1; look++) {
    answered(world, 0.2).reconcile();
    world.startPods();
    for (const { revision } of world.servers) world.setReady(revision);
  }
  expect(where(world)).toBe("Progressing 2 50%");
  expect(world.reconcile().gateQuestions).toEqual([]);
  follow(world);
  expect(world.reconcile().gateQuestions?.map((question) => "gate" in question && question.gate)).toEqual([
    "stock",
    "judge",
  ]);
});

test("the collector is asked where a gate judges by what it counts, and else left alone", () => {
  const quality: ModelDeploymentSpec["quality"] = {
    labels: [{ name: "click", matures: "30m" }],
    metrics: [{ name: "ctr", type: "ClickThroughRate" }],
  };
  const gate = {
    name: "ctr",
    type: "Quality",
    quality: { metric: "ctr", nonInferiorityMargin: "10%" },
  } as const;
  const asked = (changes: Partial<ModelDeploymentSpec>) =>
    inStepOne({ quality, ...changes })
      .reconcile()
      .gateQuestions?.map(({ type }) => type);
  expect(asked({})).toEqual([]);
  expect(asked({ rollout: { ...CANARY, gates: [gate] } })).toEqual(["Collector"]);
  expect(asked({ traffic: { timeout: "600ms", stickiness: { header: "x-user" } } })).toEqual(["Collector"]);
});

test("a step waits for answers of its own time, and goes on with them", () => {
  const world = answered(inGatedStepOne(), 0.2);
  world.reconcile();
  expect(outcomes(world)).toEqual([
    "candidate-replicas Pass ",
    "stock Pass Within",
    "judge Pass HookSaysPass",
  ]);
  world.passTime(HOUR).reconcile();
  // What was answered an hour ago says nothing now.
  expect(outcomes(world)).toEqual(["candidate-replicas Pass ", "stock Wait NoData", "judge Wait NoData"]);
  expect(world.rollout?.status.message).toBe("step 1 of 3, 10%: waits for gate stock: NoData");
  answered(world, 0.2, "Wait").reconcile();
  expect(outcomes(world)).toEqual([
    "candidate-replicas Pass ",
    "stock Pass Within",
    "judge Wait HookSaysWait",
  ]);
  follow(answered(world, 0.2), 3);
  expect(where(world)).toBe("Progressing 2 50%");
  // The answers are from before this step.
  world.reconcile();
  expect(outcomes(world)).toEqual(["candidate-replicas Pass ", "stock Wait NoData", "judge Wait NoData"]);
  world.passTime(HOUR);
  follow(answered(world, 0.2));
  expect(where(world)).toBe("Promoted 3 100%");
  // It stays to be read why.
  expect(world.rollout?.status.gates).toBeUndefined();
  expect(world.rollout?.status.passedGates).toMatchObject([
    { name: "candidate-replicas", outcome: "Pass" },
    { name: "stock", outcome: "Pass", figures: [{ name: "query", estimate: "0.2", threshold: "0.5" }] },
    { name: "judge", outcome: "Pass" },
  ]);
});

test("a bad answer gives the release up at once, with the numbers, for good", () => {
  const world = inGatedStepOne();
  answered(world, 0.75).reconcile();
  const { verdict, gates } = world.rollout?.status ?? {};
  expect(where(world)).toBe("Aborted 1 0%");
  expect(verdict).toMatchObject({
    outcome: "Aborted",
    reason: "GateFailed",
    message: "gate stock: the query gives 0.75; it must be at most 0.5",
  });
  expect(gates?.find(({ name }) => name === "stock")).toMatchObject({
    outcome: "Fail",
    latched: true,
    figures: [{ name: "query", estimate: "0.75", threshold: "0.5" }],
  });
  follow(answered(world, 0.1));
  expect(world.rollout?.status.verdict).toEqual(verdict);
  expect(world.rollout?.status.gates).toEqual(gates);
  expect(world.reconcile().gateQuestions).toBeUndefined();
});

test("no answer is waited for, and then does as the gate says", () => {
  const world = inGatedStepOne();
  world.reconcile();
  const since = world.rollout?.status.gates?.find(({ name }) => name === "judge")?.noDataSince ?? "";
  const decision = world.reconcile();
  expect(decision.wakeAtMilliseconds).toBe(Date.parse(since) + NO_DATA_PATIENCE_MILLISECONDS);
  const left = Date.parse(since) + NO_DATA_PATIENCE_MILLISECONDS - world.observation().nowMilliseconds;
  world.passTime(left - 2_000).reconcile();
  expect(where(world)).toBe("Progressing 1 10%");
  world.passTime(2_000).reconcile();
  expect(world.rollout?.status.verdict?.message).toMatch(
    /^gate judge: nothing to judge by for 5 minutes: the web hook: not read yet$/,
  );
});

test("a person's word comes before the gates", () => {
  const world = answered(inGatedStepOne(), 0.75).guide({ decision: "Promote" });
  follow(world);
  expect(where(world)).toBe("Promoted 3 100%");
});
