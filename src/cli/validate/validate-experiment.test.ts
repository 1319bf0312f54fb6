import { expect, test } from "@jest/globals";
import { testCheckedKind } from "../../../test/fixtures/checked-kind.ts";
import { modelExperimentKind } from "../../api/model-experiment.ts";
import { pathText } from "./finding.ts";

const { full, verdictOn } = testCheckedKind({
  definition: modelExperimentKind,
  folder: "experiment",
  leastConstraints: 40,
});
const [wide] = full.spec.arms;

test.each([
  ["spec.arms", "must be more than 0%", { arms: [{ ...wide, weight: "0%" }] }],
  ["spec.arms", "must leave something for the control", { arms: [{ ...wide, weight: "80%" }] }],
  ["spec.arms", "what this URI names can change", { arms: [{ ...wide, model: { uri: wide.model.uri } }] }],
  ["spec.holdout", "must be more than 0%", { holdout: "0%" }],
  ["spec.guardrails", "must be another metric", { guardrails: [{ metric: "clicks" }] }],
  ["spec.duration", "must be from 1m to 720h", { duration: "721h" }],
])("what breaks a rule is told: %s %s", (place, message, changes) => {
  const { findings } = verdictOn({ ...full, spec: { ...full.spec, ...changes } });
  expect(findings.map(({ path }) => pathText(path))).toEqual([place]);
  expect(findings[0]?.message).toContain(message);
});
