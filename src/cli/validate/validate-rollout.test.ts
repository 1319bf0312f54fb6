import { expect, test } from "@jest/globals";
import { testCheckedKind } from "../../../test/fixtures/checked-kind.ts";
import { inStepOne } from "../../../test/fixtures/released-world.ts";
import { modelRolloutKind } from "../../api/model-rollout.ts";

const { full, verdictOn } = testCheckedKind({
  definition: modelRolloutKind,
  folder: "rollout",
  leastConstraints: 80,
});

test("one that the operator makes is accepted, with its status as kubectl prints it", () => {
  const { name, spec, status } = inStepOne().rollout;
  const { apiVersion, kind } = full;
  expect(verdictOn({ apiVersion, kind, metadata: { name }, spec, status }).findings).toEqual([]);
});

test("a decision with a slip of the pen is told with what to do", () => {
  const { findings } = verdictOn({ ...full, spec: { ...full.spec, approvedSteps: 2 } });
  expect(findings).toEqual([
    expect.objectContaining({
      severity: "Error",
      object: "ModelRollout/ranker-2",
      path: ["spec", "approvedSteps"],
      remedy: "did you mean approvedStep?",
    }),
  ]);
});
