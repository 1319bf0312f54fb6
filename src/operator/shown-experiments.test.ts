/**
 * One experiment of each ModelDeployment as metrics: every number of its status is told, and nothing stays behind.
 */
import { beforeEach, expect, test } from "@jest/globals";
import { Registry } from "prom-client";
import { experimentSpec } from "../../test/fixtures/world-experiments.ts";
import type { ModelExperimentStatus } from "../api/experiment-status.ts";
import { type ExperimentSummary, projectExperiment } from "./projections/experiment.ts";
import { showExperiments, shownExperiments } from "./shown-experiments.ts";

const STATUS: ModelExperimentStatus = {
  phase: "Running",
  arms: [
    {
      name: "wide",
      arm: "ArmA",
      revision: "ranker-wide",
      weight: "12.5%",
      replicas: 2,
      readyReplicas: 2,
      findings: [
        {
          metric: "clicks",
          role: "Primary",
          finding: "NotShown",
          change: "0.04",
          lower: "-0.01",
          upper: "0.09",
          message: "no difference is shown",
        },
        { metric: "orders", role: "Guardrail", finding: "TooLittle", message: "too little" },
      ],
    },
  ],
};
const OVER: ModelExperimentStatus = {
  phase: "Ended",
  reason: "HarmShown",
  verdict: { outcome: "Stopped", reason: "HarmShown", message: "harm", at: "2026-01-01T00:00:00Z" },
};

function experiment(
  name: string,
  hour: number,
  status: ModelExperimentStatus,
  modelDeployment = "ranker",
): ExperimentSummary {
  const creationTimestamp = `2026-01-01T0${hour}:00:00Z`;
  return projectExperiment({
    apiVersion: "petrel.dev/v1alpha1",
    kind: "ModelExperiment",
    metadata: { name, namespace: "shop", uid: name, resourceVersion: "1", creationTimestamp },
    spec: experimentSpec({ modelDeployment }),
    status,
  });
}

let current: ExperimentSummary[];
let registry: Registry;

beforeEach(() => {
  registry = new Registry();
  showExperiments(registry, () => shownExperiments(current));
});

async function lines(): Promise<readonly string[]> {
  const text = await registry.metrics();
  return text
    .split("\n")
    .filter((line) => line.startsWith("petrel_"))
    .map((line) =>
      line.replace("petrel_model_experiment_", "").replace('namespace="shop",model_deployment="ranker",', ""),
    );
}

test("each number of one that goes on is told, by the arm as routers and as people call it", async () => {
  current = [experiment("test", 1, STATUS)];
  const arm = 'experiment="test",arm="ArmA",arm_name="wide"';
  const clicks = `${arm},metric="clicks",role="Primary"`;
  expect(await lines()).toEqual([
    'phase{experiment="test",phase="Running",reason=""} 1',
    `arm_weight_ratio{${arm},model_revision="ranker-wide"} 0.125`,
    `change_ratio{${clicks}} 0.04`,
    `change_lower_bound_ratio{${clicks}} -0.01`,
    `change_upper_bound_ratio{${clicks}} 0.09`,
  ]);
});

test("of several the one that goes on is told of, else the one that was made last", async () => {
  const named = async () => (await lines()).filter((line) => line.startsWith("phase"));
  current = [experiment("first", 1, OVER), experiment("second", 2, STATUS), experiment("third", 3, {})];
  expect(await named()).toEqual(['phase{experiment="second",phase="Running",reason=""} 1']);
  current = [experiment("first", 1, OVER), experiment("last", 4, OVER), experiment("second", 2, OVER)];
  expect(await named()).toEqual(['phase{experiment="last",phase="Ended",reason="HarmShown"} 1']);
  current = [];
  expect(await lines()).toEqual([]);
});

test("those of other ModelDeployments have their own", () => {
  const all = [experiment("one", 1, STATUS), experiment("two", 2, STATUS, "search")];
  expect(shownExperiments(all).map(({ experiment: { name } }) => name)).toEqual(["one", "two"]);
});
