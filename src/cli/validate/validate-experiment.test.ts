/**
 * What is said about manifests of ModelExperiments is what the API server says of new ones: the table here is the one that
 * `test/apiserver/experiment-schema.test.ts` puts to a real one.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { parse } from "yaml";
import { brokenConstraints } from "../../../test/apiserver/schema-constraints.ts";
import { modelExperimentKind } from "../../api/model-experiment.ts";
import { pathText } from "./finding.ts";
import { KNOWN_KINDS } from "./known-kinds.ts";
import { validateText } from "./validate-text.ts";

const file = join(import.meta.dirname, "../../../test/apiserver/manifests/experiment/full.yaml");
const text = readFileSync(file, "utf8");
const full = parse(text);
const known = KNOWN_KINDS.find(({ definition }) => definition === modelExperimentKind);
if (known === undefined) throw new Error("expected the kind ModelExperiment among those that are known");
const cases = [...brokenConstraints(known.specNode, full, ["spec"])];

const verdictOn = (value: unknown) => validateText("a.yaml", JSON.stringify(value), new Set());
const [wide] = full.spec.arms;

test("one with every field is accepted, and named as looked at", () => {
  expect(validateText("a.yaml", text, new Set())).toEqual({
    findings: [],
    checked: [{ file: "a.yaml", document: 1, object: "ModelExperiment/ranker-wide" }],
    passedOver: [],
  });
});

test("there are many constraints", () => expect(cases.length).toBeGreaterThan(40));

test.each(cases.map(({ name, object }) => [name, object] as const))("refused: %s", (name, object) => {
  const [place = ""] = name.split(" ");
  const own = name.endsWith("unknown field") ? `${place}.unheardOf` : place;
  const places = verdictOn(object).findings.map(({ check, path }) => [check, pathText(path)]);
  expect(places.some(([check, path]) => check === "Schema" && path?.startsWith(own))).toBe(true);
});

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
