/**
 * What is said about manifests of ModelRollouts is what the API server says of new ones: the table here is the one that
 * `test/apiserver/rollout-schema.test.ts` puts to a real one.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { parse } from "yaml";
import { brokenConstraints } from "../../../test/apiserver/schema-constraints.ts";
import { inStepOne } from "../../../test/fixtures/released-world.ts";
import { modelRolloutKind } from "../../api/model-rollout.ts";
import { pathText } from "./finding.ts";
import { KNOWN_KINDS } from "./known-kinds.ts";
import { validateText } from "./validate-text.ts";

const file = join(import.meta.dirname, "../../../test/apiserver/manifests/rollout/full.yaml");
const text = readFileSync(file, "utf8");
const full = parse(text);
const known = KNOWN_KINDS.find(({ definition }) => definition === modelRolloutKind);
if (known === undefined) throw new Error("expected the kind ModelRollout among those that are known");
const cases = [...brokenConstraints(known.specNode, full, ["spec"])];

const verdictOn = (value: unknown) => validateText("a.yaml", JSON.stringify(value), new Set());

test("one with every field is accepted, and named as looked at", () => {
  expect(validateText("a.yaml", text, new Set())).toEqual({
    findings: [],
    checked: [{ file: "a.yaml", document: 1, object: "ModelRollout/ranker-2" }],
    passedOver: [],
  });
});

test("one that the operator makes is accepted, with its status as kubectl prints it", () => {
  const { name, spec, status } = inStepOne().rollout;
  const { apiVersion, kind } = full;
  expect(verdictOn({ apiVersion, kind, metadata: { name }, spec, status }).findings).toEqual([]);
});

test("there are many constraints", () => expect(cases.length).toBeGreaterThan(80));

test.each(cases.map(({ name, object }) => [name, object] as const))("refused: %s", (name, object) => {
  const [place = ""] = name.split(" ");
  const own = name.endsWith("unknown field") ? `${place}.unheardOf` : place;
  const places = verdictOn(object).findings.map(({ check, path }) => [check, pathText(path)]);
  expect(places.some(([check, path]) => check === "Schema" && path?.startsWith(own))).toBe(true);
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
