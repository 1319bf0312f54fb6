/**
 * The schema of ModelDeployment on a real kube-apiserver: what it accepts, what it fills in, and that it refuses,
 * by the name of the field, whatever breaks any of its constraints.
 */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { Compile } from "typebox/compile";
import { parse, parseAllDocuments } from "yaml";
import { type ControlPlane, startControlPlane } from "../../e2e/cluster/index.ts";
import { modelDeploymentKind } from "../../src/api/model-deployment.ts";
import { modelDeploymentSpecSchema } from "../../src/api/model-deployment-spec.ts";
import type { SchemaNode } from "../../src/cli/validate/structural-schema.ts";
import { brokenConstraints } from "./schema-constraints.ts";

// Each question to the API server takes moments, and many on a machine that is busy with something else.
jest.setTimeout(60_000);

const root = join(import.meta.dirname, "../..");
const manifests = join(import.meta.dirname, "manifests");
const crdPath = join(root, "crds/petrel.dev_modeldeployments.yaml");

const schema: SchemaNode = parse(readFileSync(crdPath, "utf8")).spec.versions[0].schema.openAPIV3Schema;
const full = parse(readFileSync(join(manifests, "valid/full.yaml"), "utf8"));
/** For the fields that exclude another one of `full`. */
const alternatives = [
  "valid/web-identity.yaml",
  ...globSync("valid/full-*.yaml", { cwd: manifests }).toSorted(),
].map((file) => parse(readFileSync(join(manifests, file), "utf8")));

function partOf(name: "spec" | "status"): SchemaNode {
  const part = schema.properties?.[name];
  if (part === undefined) throw new Error(`the schema has no ${name}`);
  return part;
}

jest.setTimeout(60_000);

let controlPlane: ControlPlane;

beforeAll(async () => {
  controlPlane = await startControlPlane();
  await controlPlane.kubectl(["apply", "-f", crdPath]);
  await untilDiscovered();
}, 1_800_000);

/**
 * The API server lists a new kind, with its short names and its documentation, a moment after it is established.
 * Waiting for that by `kubectl wait` alone fails when it looks before there is any condition.
 */
async function untilDiscovered(): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await controlPlane.kubectl(["explain", "mdep.spec"]);
      return;
    } catch (error) {
      if (attempt === 60) throw error;
      await pause(500);
    }
  }
}

afterAll(() => controlPlane?.stop());

function kubectl(args: readonly string[], object?: unknown): Promise<string> {
  return controlPlane.kubectl(args, object === undefined ? {} : { input: JSON.stringify(object) });
}

/** The words of a refusal; fails when the object is accepted. */
async function refusalOf(args: readonly string[], object: unknown): Promise<string> {
  const answer = await kubectl(args, object).then(
    () => undefined,
    (error: unknown) => String(error),
  );
  if (answer === undefined) throw new Error(`accepted: ${JSON.stringify(object)}`);
  return answer;
}

const CREATE = ["create", "--dry-run=server", "--validate=strict", "-f", "-"];
const REPLACE_STATUS = [
  "replace",
  "--subresource=status",
  "--dry-run=server",
  "--validate=strict",
  "-f",
  "-",
];

describe("the CustomResourceDefinition", () => {
  test("is established, with its names, and structural", async () => {
    const { status } = JSON.parse(await kubectl(["get", "-f", crdPath, "-o", "json"]));
    const conditions: readonly { type: string; status: string }[] = status.conditions;
    const byType = Object.fromEntries(conditions.map((condition) => [condition.type, condition.status]));
    expect(byType).toMatchObject({ Established: "True", NamesAccepted: "True" });
    expect(byType["NonStructuralSchema"] ?? "False").toBe("False");
  });

  test("explains every field of the spec", async () => {
    const page = await kubectl(["explain", "mdep.spec"]);
    for (const name of Object.keys(partOf("spec").properties ?? {})) expect(page).toContain(`  ${name}\t`);
    expect(page).toContain("What should run.");
    expect(page).not.toContain("<no description>");
  });

  test("describes every field, to its depth", async () => {
    const page = await kubectl(["explain", "mdep.spec.pools.tolerations.tolerationSeconds"]);
    expect(page).toContain("How long a NoExecute taint is tolerated.");
  });
});

describe("accepted", () => {
  const files = [
    ...globSync("valid/*.yaml", { cwd: manifests }).map((name) => join(manifests, name)),
    ...globSync("examples/*.yaml", { cwd: root }).map((name) => join(root, name)),
  ].toSorted();
  const documents = files.flatMap((file) =>
    parseAllDocuments(readFileSync(file, "utf8"))
      .map((document) => document.toJS())
      .filter((object) => object?.kind === modelDeploymentKind.kind)
      .map((object) => [file.slice(root.length + 1), object] as const),
  );

  test("there are manifests, examples among them", () => {
    expect(documents.some(([file]) => file.startsWith("examples/"))).toBe(true);
    expect(documents.length).toBeGreaterThan(5);
  });

  test.each(documents)("%s, and stored as the static types promise", async (_file, object) => {
    const { spec } = JSON.parse(await kubectl([...CREATE, "-o", "json"], object));
    expect(Compile(modelDeploymentSpecSchema).Check(spec)).toBe(true);
    expect(spec).toMatchObject(object.spec);
  });
});

describe("defaults", () => {
  test("fill in all that a minimal manifest leaves out", async () => {
    const minimal = parse(readFileSync(join(manifests, "valid/minimal.yaml"), "utf8"));
    const { spec } = JSON.parse(await kubectl([...CREATE, "-o", "json"], minimal));
    expect(spec).toEqual({
      model: minimal.spec.model,
      runtime: { name: "onnxruntime", intraOpThreads: 1 },
      replicas: 1,
      pools: [{ name: "default" }],
      traffic: { timeout: "600ms" },
    });
  });

  test("fill in the rest of an object that is there in part", async () => {
    const partial = parse(readFileSync(join(manifests, "valid/partial.yaml"), "utf8"));
    const { spec } = JSON.parse(await kubectl([...CREATE, "-o", "json"], partial));
    expect(spec.runtime).toEqual({ name: "onnxruntime", intraOpThreads: 2 });
    expect(spec.traffic).toEqual({ timeout: "600ms", perTryTimeout: "100ms" });
  });
});

describe("refused, by the name of the field", () => {
  test.each(
    [...brokenConstraints(partOf("spec"), full, ["spec"], alternatives)].map(
      (broken) => [broken.name, broken] as const,
    ),
  )("%s", async (_name, { object, refusal }) => {
    expect(await refusalOf(CREATE, object)).toMatch(refusal);
  });

  test("an object without a spec", async () => {
    const { spec: _spec, ...rest } = full;
    expect(await refusalOf(CREATE, rest)).toMatch(/spec: Required value/);
  });

  test("an unknown field beside the spec", async () => {
    expect(await refusalOf(CREATE, { ...full, unheardOf: 1 })).toMatch(/unknown field "unheardOf"/);
  });
});

describe("refused by a rule", () => {
  const files = globSync("invalid/*.yaml", { cwd: manifests }).toSorted();
  const cases = files.map((file) => {
    const text = readFileSync(join(manifests, file), "utf8");
    const message = /^# refused: (.*)\n/.exec(text)?.[1];
    if (message === undefined) throw new Error(`${file} does not begin with "# refused: MESSAGE"`);
    return [file, message, parse(text)] as const;
  });

  test("each rule has a manifest, and each manifest a rule", () => {
    const rules = [...modelDeploymentKind.rules, ...modelDeploymentKind.specRules].map(
      ({ message }) => message,
    );
    expect(new Set(cases.map(([, message]) => message))).toEqual(new Set(rules));
  });

  test.each(cases)("%s: %s", async (_file, message, object) => {
    expect(await refusalOf(CREATE, object)).toContain(message);
  });
});

describe("a stored ModelDeployment", () => {
  beforeAll(async () => {
    const { status: _status, ...withoutStatus } = full;
    await kubectl(["create", "--validate=strict", "-f", "-"], withoutStatus);
  });

  test("has no status that a person wrote", async () => {
    await kubectl(["apply", "--validate=strict", "-f", "-"], { ...full, metadata: { name: "with-status" } });
    const { status } = JSON.parse(await kubectl(["get", "mdep/with-status", "-o", "json"]));
    expect(status).toEqual({ observedGeneration: 0 });
  });

  test.each(
    [...brokenConstraints(partOf("status"), full, ["status"], alternatives)].map(
      (broken) => [broken.name, broken] as const,
    ),
  )("refuses %s", async (_name, { object, refusal }) => {
    expect(await refusalOf(REPLACE_STATUS, object)).toMatch(refusal);
  });

  test("takes a whole status, and shows it in columns", async () => {
    await kubectl(["replace", "--subresource=status", "--validate=strict", "-f", "-"], full);
    const [header, row] = (await kubectl(["get", "mdep", "full"])).trim().split("\n");
    const columns = ["NAME", "READY", "REASON", "DESIRED", "AVAILABLE", "REVISION"];
    const more = ["PROMOTED", "SUSPENDED", "AGE"];
    expect(header?.split(/\s+/)).toEqual([...columns, ...more]);
    const cells = ["full", "True", "Serving", "4", "3", "full-bcdfghjklm", "False", "true"];
    expect(row?.split(/\s+/).slice(0, 8)).toEqual(cells);
    const [wideHeader, wideRow] = (await kubectl(["get", "mdep", "full", "-o", "wide"])).trim().split("\n");
    expect(wideHeader?.split(/\s+/)).toContain("CANDIDATE");
    expect(wideRow).toContain("full-npqrstvwxz");
  });

  test("is found in its category", async () => {
    expect(await kubectl(["get", "petrel", "-o", "name"])).toContain("modeldeployment.petrel.dev/full");
  });

  test("is scaled through its subresource, which tells replicas and selector to autoscalers", async () => {
    await kubectl(["replace", "--subresource=status", "-f", "-"], full);
    await kubectl(["scale", "mdep/full", "--replicas=7"]);
    const scale = JSON.parse(await kubectl(["get", "mdep", "full", "--subresource=scale", "-o", "json"]));
    expect(scale.spec).toEqual({ replicas: 7 });
    expect(scale.status).toEqual({ replicas: 4, selector: "petrel.dev/model-deployment=full" });
    const { spec } = JSON.parse(await kubectl(["get", "mdep/full", "-o", "json"]));
    expect(spec).toEqual({ ...full.spec, replicas: 7 });
  });

  test("is a target of kubectl autoscale", async () => {
    await kubectl(["autoscale", "mdep/full", "--min=2", "--max=9", "--name=full"]);
    const { spec } = JSON.parse(await kubectl(["get", "hpa", "full", "-o", "json"]));
    expect(spec.scaleTargetRef).toEqual({
      ...{ apiVersion: "petrel.dev/v1alpha1", kind: "ModelDeployment", name: "full" },
    });
    expect([spec.minReplicas, spec.maxReplicas]).toEqual([2, 9]);
    await kubectl(["delete", "hpa", "full"]);
  });

  test("cannot be scaled beyond the bounds of its schema", async () => {
    expect(await refusalOf(["scale", "mdep/full", "--replicas=1001"], undefined)).toMatch(/spec\.replicas/);
  });

  test("changes its generation with the spec and not with the status", async () => {
    const generation = async () =>
      JSON.parse(await kubectl(["get", "mdep/full", "-o", "json"])).metadata.generation;
    const before = await generation();
    await kubectl([
      "patch",
      "mdep/full",
      "--subresource=status",
      "--type=merge",
      "-p",
      '{"status":{"replicas":5}}',
    ]);
    expect(await generation()).toBe(before);
    await kubectl(["scale", "mdep/full", "--replicas=3"]);
    expect(await generation()).toBe(before + 1);
  });
});
