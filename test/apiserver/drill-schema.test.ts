/**
 * The schema of FailoverDrill on a real kube-apiserver: what can be a drill, and that it is for good but for its end.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { parse } from "yaml";
import type { SchemaNode } from "../../src/cli/validate/structural-schema.ts";
import { brokenConstraints } from "./schema-constraints.ts";
import { ServedKind } from "./served-kind.ts";

jest.setTimeout(60_000);

const crd = join(import.meta.dirname, "../../crds/petrel.dev_failoverdrills.yaml");
const full = parse(readFileSync(join(import.meta.dirname, "manifests/drill/full.yaml"), "utf8"));
const schema: SchemaNode = parse(readFileSync(crd, "utf8")).spec.versions[0].schema.openAPIV3Schema.properties
  .spec;

let served: ServedKind;

beforeAll(async () => {
  served = await ServedKind.start(crd, "fdrill");
  await served.create(full);
}, 1_800_000);
afterAll(() => served?.stop());

const patch = (spec: object) => served.patch("failoverdrill", "ranker-gpu-loss", spec);
const tryOut = (object: unknown) => served.tryOut(object);

/** Another one with these fields of the spec in the place of those of the full one. */
const changed = (changes: Readonly<Record<string, unknown>>) => ({
  ...full,
  metadata: { ...full.metadata, name: "other" },
  spec: { ...full.spec, ...changes },
});
const { probe, objectives } = full.spec;
/** No drill has all of the fields, and each has its constraints. */
const whole = changed({ fault: { ...full.spec.fault, status: 500 } });

test("one with every field is accepted, and one with no more than it needs", async () => {
  expect(await tryOut(changed({}))).toContain("other created");
  const { path, body } = probe;
  const least = {
    modelDeployment: "ranker",
    fault: { type: "PoolLoss", pool: "gpu" },
    probe: { path, body },
  };
  expect(await tryOut({ ...changed({}), spec: least })).toContain("other created");
});

test.each([...brokenConstraints(schema, whole, ["spec"])].map((broken) => [broken.name, broken] as const))(
  "refused when it is new: %s",
  async (_name, { object, refusal }) => {
    await expect(tryOut(object)).rejects.toThrow(refusal);
  },
);

test.each([
  ["a status of no error", { fault: { type: "PoolLoss", pool: "gpu", status: 500 } }, "spec.fault.status:"],
  ["errors of no status", { fault: { type: "Errors", pool: "gpu" } }, "spec.fault.status: must be there"],
  ["a delay of no latency", { fault: { type: "Hang", pool: "gpu", delay: "1s" } }, "spec.fault.delay:"],
  ["latency of no delay", { fault: { type: "Latency", pool: "gpu" } }, "spec.fault.delay: must be there"],
  [
    "a delay of nothing",
    { fault: { type: "Latency", pool: "gpu", delay: "0.5ms" } },
    "spec.fault.delay: must be at least 1ms",
  ],
  [
    "a delay that no probe waits for",
    { fault: { type: "Latency", pool: "gpu", delay: "2s" } },
    "spec.fault.delay: must be less than spec.probe.timeout, or no answer could prove it",
  ],
  ["no time to answer", { probe: { ...probe, timeout: "0s" } }, "spec.probe.timeout: must be from 1ms to 1m"],
  ["slow after hours", { probe: { ...probe, slowAfter: "2m" } }, "spec.probe.slowAfter: must be from"],
  [
    "what nobody can show",
    { objectives: { ...objectives, availability: "100%" } },
    "spec.objectives.availability: must be less than 100%",
  ],
  ["more than all", { objectives: { ...objectives, slow: "101%" } }, "spec.objectives.slow: must be at most"],
  [
    "a recovery without end",
    { duration: "10m", objectives: { ...objectives, recovery: "541s" } },
    "spec.objectives.recovery: must be from 0s to 9m",
  ],
  ["no control", { control: "500ms" }, "spec.control: must be from 1s to 3m"],
  ["a long fault", { duration: "601s" }, "spec.duration: must be from 1s to 10m"],
  ["no time to fail back", { failback: "4s" }, "spec.failback: must be at least spec.hold"],
  ["a long hold", { hold: "61s", duration: "5m", failback: "2m" }, "spec.hold: must be from 1s to 1m"],
  ["no time to recover", { duration: "16s" }, "spec.duration: must be at least a ninth more"],
  [
    "too few probes",
    { probe: { ...probe, perSecond: 50 } },
    "spec.probe.perSecond: too few probes to show spec.objectives.availability",
  ],
])("refused: %s", async (_name, changes, refusal) => {
  await expect(tryOut(changed(changes))).rejects.toThrow(refusal);
});

test.each(["a".repeat(53), "with.point"])("refused: the name %s", async (name) => {
  const named = { ...changed({}), metadata: { ...full.metadata, name } };
  await expect(tryOut(named)).rejects.toThrow("metadata.name: must be at most 52 characters long");
});

test.each([
  ["modelDeployment", "other"],
  ["fault", { pool: "cpu" }],
  ["probe", { perSecond: 200 }],
  ["objectives", { slow: "6%" }],
  ["control", "31s"],
  ["duration", "61s"],
  ["failback", "31s"],
  ["hold", "6s"],
])("nobody changes %s", async (field, value) => {
  await expect(patch({ [field]: value })).rejects.toThrow(`spec.${field}: is for good`);
});

test("people end it, for good", async () => {
  expect(await patch({ abort: true, reason: "a sale begins" })).toContain("patched");
  for (const abort of [false, null]) {
    await expect(patch({ abort })).rejects.toThrow("spec.abort: what was ended stays so");
  }
});

test("the columns tell where it is", async () => {
  const [head = ""] = (await served.kubectl(["get", "failoverdrills"])).split("\n");
  expect(head.split(/\s+/)).toEqual(["NAME", "DEPLOYMENT", "FAULT", "PHASE", "OUTCOME", "REASON", "AGE"]);
});
