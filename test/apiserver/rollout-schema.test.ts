/**
 * The schema of ModelRollout on a real kube-apiserver: people write what is theirs, and nothing that is for good.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { parse } from "yaml";
import type { SchemaNode } from "../../src/cli/validate/structural-schema.ts";
import { brokenConstraints } from "./schema-constraints.ts";
import { ServedKind } from "./served-kind.ts";

jest.setTimeout(60_000);

const crd = join(import.meta.dirname, "../../crds/petrel.dev_modelrollouts.yaml");
const rollout = {
  apiVersion: "petrel.dev/v1alpha1",
  kind: "ModelRollout",
  metadata: { name: "ranker-1", namespace: "default" },
  spec: {
    modelDeployment: "ranker",
    revision: "ranker-abc",
    number: 1,
    strategy: { type: "Canary", canary: { steps: [{ weight: "1%", minDuration: "1h" }] } },
    gates: [{ name: "judge", type: "WebHook", webHook: { url: "http://judge" } }],
  },
};

const full = parse(readFileSync(join(import.meta.dirname, "manifests/rollout/full.yaml"), "utf8"));
const spec: SchemaNode = parse(readFileSync(crd, "utf8")).spec.versions[0].schema.openAPIV3Schema.properties
  .spec;

let served: ServedKind;

beforeAll(async () => {
  served = await ServedKind.start(crd, "mrol");
  await served.create(rollout);
}, 1_800_000);
afterAll(() => served?.stop());

const patch = (spec: object) => served.patch("modelrollout", "ranker-1", spec);
const tryOut = (object: unknown) => served.tryOut(object);

test("one with every field is accepted", async () => {
  expect(await tryOut(full)).toContain("ranker-2 created");
});

test.each([...brokenConstraints(spec, full, ["spec"])].map((broken) => [broken.name, broken] as const))(
  "refused when it is new: %s",
  async (_name, { object, refusal }) => {
    await expect(tryOut(object)).rejects.toThrow(refusal);
  },
);

test.each([
  { paused: true },
  { approvedStep: 1 },
  { decision: "Promote", reason: "it is well" },
  { decision: "Abort" },
  { paused: false, decision: null, reason: null },
])("people write %j", async (spec) => {
  expect(await patch(spec)).toContain("patched");
});

test.each([
  ["modelDeployment", "other"],
  ["revision", "ranker-xyz"],
  ["number", 2],
  ["strategy", { type: "BlueGreen", canary: null }],
  ["gates", [{ name: "judge", type: "WebHook", webHook: { url: "http://other" } }]],
  ["gates", null],
  ["holdback", { weight: "5%", for: "96h" }],
  ["maturities", [{ metric: "ctr", matures: "1m" }]],
])("nobody changes %s", async (field, value) => {
  await expect(patch({ [field]: value })).rejects.toThrow(
    `spec.${field}: is for good; change the spec of the ModelDeployment for another release`,
  );
});

test.each([
  [{ decision: "Maybe" }, "spec.decision"],
  [{ approvedStep: -1 }, "spec.approvedStep"],
  [{ approvedStep: 24 }, "spec.approvedStep"],
  [{ reason: "x".repeat(257) }, "spec.reason"],
])("%j is refused by its name", async (spec, name) => {
  await expect(patch(spec)).rejects.toThrow(name);
});

test("the columns tell where it is", async () => {
  const [head = ""] = (await served.kubectl(["get", "modelrollouts"])).split("\n");
  expect(head.split(/\s+/)).toEqual([
    "NAME",
    "DEPLOYMENT",
    "PHASE",
    "STEP",
    "OF",
    "WEIGHT",
    "REVISION",
    "AGE",
  ]);
});
