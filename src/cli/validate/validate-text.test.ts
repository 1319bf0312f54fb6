/**
 * What is said about manifests without a cluster is what the API server says: the tables here are those that
 * `test/apiserver/schema.test.ts` puts to a real one.
 */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { parse } from "yaml";
import { brokenConstraints } from "../../../test/apiserver/schema-constraints.ts";
import { model } from "../../../test/fixtures/spec.ts";
import { customResourceDefinition } from "../../api/crd.ts";
import { asList, asRecord, valueAt } from "../../api/json.ts";
import { modelDeploymentKind } from "../../api/model-deployment.ts";
import { type Finding, pathText } from "./finding.ts";
import type { SchemaNode } from "./structural-schema.ts";
import { validateText } from "./validate-text.ts";

const root = join(import.meta.dirname, "../../..");
const manifests = join(root, "test/apiserver/manifests");
const read = (file: string) => readFileSync(join(manifests, file), "utf8");

function verdictOn(value: unknown) {
  return validateText("a.yaml", typeof value === "string" ? value : JSON.stringify(value), new Set());
}

function errorsOf(value: unknown): readonly Finding[] {
  return verdictOn(value).findings.filter(({ severity }) => severity === "Error");
}

const minimal = {
  apiVersion: "petrel.dev/v1alpha1",
  kind: "ModelDeployment",
  metadata: { name: "ranker" },
  spec: { model: model("v1"), replicas: 2 },
};

describe("accepted", () => {
  const files = [
    ...globSync("valid/*.yaml", { cwd: manifests }).map((name) => join(manifests, name)),
    ...globSync("examples/**/*.yaml", { cwd: root }).map((name) => join(root, name)),
  ].toSorted();

  test.each(files.map((file) => file.slice(root.length + 1)))("%s", (file) => {
    expect(errorsOf(readFileSync(join(root, file), "utf8"))).toEqual([]);
  });
});

describe("refused by a rule, in its words", () => {
  const files = globSync("invalid/*.yaml", { cwd: manifests }).toSorted();

  test.each(files)("%s", (file) => {
    const text = read(file);
    const message = /^# refused: (.*)\n/.exec(text)?.[1];
    const said = errorsOf(text).map(
      ({ path, message, remedy }) =>
        `${pathText(path)}: ${message}${remedy === undefined ? "" : `; ${remedy}`}`,
    );
    // A place in every pool is told as the place of the list.
    expect(said).toEqual([message?.replace(/\[\][\w.]*/, "")]);
  });
});

describe("refused by the schema, by the name of the field", () => {
  const versions = asList(valueAt(customResourceDefinition(modelDeploymentKind), "spec", "versions"));
  const schema = asRecord(valueAt(versions[0], "schema", "openAPIV3Schema", "properties", "spec"));
  const full = parse(read("valid/full.yaml"));
  const others = ["valid/web-identity.yaml", ...globSync("valid/full-*.yaml", { cwd: manifests }).toSorted()];
  const cases = [
    ...brokenConstraints(
      schema as SchemaNode,
      full,
      ["spec"],
      others.map((file) => parse(read(file))),
    ),
  ];

  test("there are many", () => expect(cases.length).toBeGreaterThan(300));

  test.each(cases.map(({ name, object }) => [name, object] as const))("%s", (name, object) => {
    const [place = ""] = name.split(" ");
    const places = errorsOf(object).map(({ check, path }) => [check, pathText(path)]);
    const own = name.endsWith("unknown field") ? `${place}.unheardOf` : place;
    expect(places.some(([check, path]) => check === "Schema" && path?.startsWith(own))).toBe(true);
  });
});

describe("the envelope", () => {
  test.each([
    [
      "no kind",
      { ...minimal, kind: undefined },
      "kind",
      "expected ModelDeployment or ModelExperiment or FailoverDrill or ModelRollout, got nothing",
    ],
    ["another kind of the group", { ...minimal, kind: "modelDeployment" }, "kind", "got modelDeployment"],
    ["another version", { ...minimal, apiVersion: "petrel.dev/v2" }, "apiVersion", "got petrel.dev/v2"],
    ["no name", { ...minimal, metadata: {} }, "metadata.name", "is required"],
    ["no spec", { ...minimal, spec: undefined }, "spec", "is required"],
    ["an unknown field", { ...minimal, specs: {} }, "specs", "unknown field"],
  ])("%s", (_what, object, field, said) => {
    const [error] = errorsOf(object);
    expect(pathText(error?.path ?? [])).toBe(field);
    expect(error?.message).toContain(said);
  });

  test("a name may be generated, and a status be there", () => {
    expect(errorsOf({ ...minimal, metadata: { generateName: "ranker-" }, status: { x: 1 } })).toEqual([]);
    expect(errorsOf({ ...minimal, metadata: { generateName: "9-" } })).toHaveLength(1);
  });

  test("a field that is null is one that is left out", () => {
    expect(errorsOf({ ...minimal, spec: { ...minimal.spec, fetch: null, traffic: null } })).toEqual([]);
    expect(errorsOf({ ...minimal, spec: { ...minimal.spec, model: null } })).toHaveLength(1);
  });
});

describe("a text", () => {
  const text = `# several
apiVersion: v1
kind: Service
metadata: {name: other}
---
---
apiVersion: petrel.dev/v1alpha1
kind: ModelDeployment
metadata:
  name: ranker
spec:
  model:
    uri: https://models.example/1.onnx
    digset: sha256:00
  replicas: 2
  pools:
    - name: gpu
    - name: yes
      replicas: 1
---
a: [
`;
  const { findings, checked, passedOver } = verdictOn(text);

  test("is told by document and line, with what to do", () => {
    expect(findings).toEqual([
      expect.objectContaining({ check: "Syntax", document: 4, line: 22 }),
      expect.objectContaining({
        check: "Schema",
        document: 3,
        line: 14,
        object: "ModelDeployment/ranker",
        message: "unknown field",
        remedy: "did you mean digest?",
      }),
      // To kubectl, `yes` is no text.
      expect.objectContaining({ line: 18, message: "expected a text, got true" }),
    ]);
  });

  test("names what was looked at and what was not", () => {
    expect(checked).toEqual([{ file: "a.yaml", document: 3, object: "ModelDeployment/ranker" }]);
    expect(passedOver).toEqual([{ file: "a.yaml", document: 1, object: "Service/other" }]);
  });

  test("names a kind that is only called a list", () => {
    const allowList = { apiVersion: "other.example/v1", kind: "AllowList", metadata: { name: "a" } };
    expect(verdictOn(allowList).passedOver).toMatchObject([{ object: "AllowList/a" }]);
  });

  test("may be a list, as kubectl prints it", () => {
    const list = { apiVersion: "v1", kind: "List", items: [minimal, { ...minimal, spec: {} }] };
    const { findings, checked } = verdictOn(JSON.stringify(list, null, 1));
    expect(checked).toHaveLength(2);
    expect(findings).toEqual([expect.objectContaining({ message: "is required", path: ["spec", "model"] })]);
    expect(findings[0]?.line).toBeGreaterThan(15);
  });

  test.each([
    ["nothing", ""],
    ["a comment", "# nothing\n"],
  ])("of %s holds nothing", (_what, empty) => {
    expect(verdictOn(empty)).toEqual({ findings: [], checked: [], passedOver: [] });
  });

  test.each([
    ["a template", "kind: {{ .Values.kind }}\n"],
    ["a word", "ranker\n"],
    ["the same field twice", "kind: A\nkind: B\n"],
    ["an alias of nothing", "kind: *a\n"],
    [
      "aliases without end",
      `a: &a [x]\n${[..."bcdefghij"].map((key, index) => `${key}: &${key} [${`*${"abcdefghi"[index]},`.repeat(9)}]`).join("\n")}\n`,
    ],
  ])("with %s is refused", (_what, broken) => {
    expect(errorsOf(broken).length).toBeGreaterThan(0);
  });
});
