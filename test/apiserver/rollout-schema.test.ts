/**
 * The schema of ModelRollout on a real kube-apiserver: people write what is theirs, and nothing that is for good.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { parse } from "yaml";
import { type ControlPlane, startControlPlane } from "../../e2e/cluster/index.ts";
import type { SchemaNode } from "../../src/cli/validate/structural-schema.ts";
import { brokenConstraints } from "./schema-constraints.ts";

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

let controlPlane: ControlPlane;

beforeAll(async () => {
  controlPlane = await startControlPlane();
  await controlPlane.kubectl(["apply", "-f", crd]);
  for (let attempt = 1; ; attempt++) {
    try {
      await controlPlane.kubectl(["explain", "mrol.spec"]);
      break;
    } catch (error) {
      if (attempt === 60) throw error;
      await pause(500);
    }
  }
  await controlPlane.kubectl(["create", "--validate=strict", "-f", "-"], { input: JSON.stringify(rollout) });
}, 1_800_000);
afterAll(() => controlPlane?.stop());

function patch(spec: object): Promise<string> {
  const change = JSON.stringify({ spec });
  return controlPlane.kubectl(["patch", "modelrollout", "ranker-1", "--type=merge", "--patch", change]);
}

const tryOut = (object: unknown) => {
  const args = ["create", "--dry-run=server", "--validate=strict", "-f", "-"];
  return controlPlane.kubectl(args, { input: JSON.stringify(object) });
};

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
  const [head = ""] = (await controlPlane.kubectl(["get", "modelrollouts"])).split("\n");
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
