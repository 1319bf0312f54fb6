/**
 * The schema of ModelExperiment on a real kube-apiserver: what can be an experiment, and that it is for good but for its end.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { parse } from "yaml";
import type { SchemaNode } from "../../src/cli/validate/structural-schema.ts";
import { brokenConstraints } from "./schema-constraints.ts";
import { ServedKind } from "./served-kind.ts";

jest.setTimeout(60_000);

const crd = join(import.meta.dirname, "../../crds/petrel.dev_modelexperiments.yaml");
const full = parse(readFileSync(join(import.meta.dirname, "manifests/experiment/full.yaml"), "utf8"));
const schema: SchemaNode = parse(readFileSync(crd, "utf8")).spec.versions[0].schema.openAPIV3Schema.properties
  .spec;

let served: ServedKind;

beforeAll(async () => {
  served = await ServedKind.start(crd, "mexp");
  await served.create(full);
}, 1_800_000);
afterAll(() => served?.stop());

const patch = (spec: object) => served.patch("modelexperiment", "ranker-wide", spec);
const tryOut = (object: unknown) => served.tryOut(object);

/** Another one with these fields of the spec in the place of those of the full one; without those that are undefined. */
const changed = (changes: Readonly<Record<string, unknown>>) => ({
  ...full,
  metadata: { ...full.metadata, name: "other" },
  spec: { ...full.spec, ...changes },
});
const [wide] = full.spec.arms;
const deep = {
  name: "deep",
  weight: "12.5%",
  model: { uri: `oci://registry.example/models/ranker-deep@sha256:${"b".repeat(64)}` },
};

test("one with every field is accepted, and one with no more than it needs", async () => {
  expect(await tryOut(changed({ arms: [wide, deep] }))).toContain("other created");
  const { modelDeployment, primary } = full.spec;
  const least = { ...changed({}), spec: { modelDeployment, primary, duration: "1m", arms: [deep] } };
  expect(await tryOut(least)).toContain("other created");
});

test.each(
  [...brokenConstraints(schema, changed({}), ["spec"])].map((broken) => [broken.name, broken] as const),
)("refused when it is new: %s", async (_name, { object, refusal }) => {
  await expect(tryOut(object)).rejects.toThrow(refusal);
});

test.each([
  [
    "an arm without a share",
    { arms: [{ ...wide, weight: "0%" }] },
    "spec.arms[].weight: must be more than 0%",
  ],
  [
    "nothing left for the control",
    { arms: [{ ...wide, weight: "80%" }] },
    "must leave something for the control",
  ],
  [
    "nothing left by weights of which the binary sum is a little less than all",
    {
      arms: [
        { ...wide, weight: "30.9%" },
        { ...deep, weight: "33.3%" },
      ],
      holdout: "35.8%",
    },
    "must leave something for the control",
  ],
  ["a holdout of nothing", { holdout: "0%" }, "spec.holdout: must be more than 0%"],
  [
    "a model that can change",
    { arms: [{ ...wide, model: { uri: wide.model.uri } }] },
    "spec.arms[].model.digest: what this URI names can change",
  ],
  [
    "an image as an archive",
    { arms: [{ ...deep, model: { ...deep.model, archive: "Zip" } }] },
    "spec.arms[].model.archive: an image holds the model as files",
  ],
  ["a guardrail that is the primary metric", { guardrails: [{ metric: "clicks" }] }, "is guarded already"],
  ["no time", { duration: "59s" }, "spec.duration: must be from 1m to 720h"],
  ["too long a time", { duration: "721h" }, "spec.duration: must be from 1m to 720h"],
  ["two arms of one name", { arms: [wide, { ...deep, name: "wide" }] }, "Duplicate value"],
])("refused: %s", async (_name, changes, refusal) => {
  await expect(tryOut(changed(changes))).rejects.toThrow(refusal);
});

test.each([
  ["modelDeployment", "other"],
  ["arms", [wide, deep]],
  ["arms", [{ ...wide, weight: "11%" }]],
  ["primary", { metric: "orders2" }],
  ["duration", "337h"],
  ["holdout", "19%"],
  ["holdout", null],
  ["guardrails", [{ metric: "revenue" }]],
  ["guardrails", null],
])("nobody changes %s to %j", async (field, value) => {
  await expect(patch({ [field]: value })).rejects.toThrow(`spec.${field}: is for good`);
});

test("nobody changes the order of arms: by it routers name them", async () => {
  const pair = changed({ arms: [wide, deep] });
  await served.create(pair);
  const turned = JSON.stringify({ spec: { arms: [deep, wide] } });
  const args = ["patch", "modelexperiment", "other", "--type=merge", "--patch", turned];
  await expect(served.kubectl(args)).rejects.toThrow("spec.arms: is for good");
  await served.kubectl(["delete", "modelexperiment", "other"]);
});

test("people stop it, for good", async () => {
  expect(await patch({ stopped: true, reason: "the season is over" })).toContain("patched");
  for (const stopped of [false, null]) {
    await expect(patch({ stopped })).rejects.toThrow("spec.stopped: what was stopped stays so");
  }
});

test("the columns tell where it is", async () => {
  const [head = ""] = (await served.kubectl(["get", "modelexperiments"])).split("\n");
  expect(head.split(/\s+/)).toEqual(["NAME", "DEPLOYMENT", "PHASE", "REASON", "ENDS", "AGE"]);
});
