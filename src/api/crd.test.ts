/**
 * The conventions of the Kubernetes API that every generated schema keeps, field by field.
 */
import { describe, expect, test } from "@jest/globals";
import Type from "typebox";
import { parse } from "yaml";
import { customResourceDefinition } from "./crd.ts";
import { failoverDrillKind } from "./failover-drill.ts";
import type { KindDefinition } from "./kind.ts";
import { modelDeploymentKind } from "./model-deployment.ts";
import { modelExperimentKind } from "./model-experiment.ts";
import { modelRolloutKind } from "./model-rollout.ts";
import { matching, PATTERN_MESSAGE } from "./schema.ts";

type Node = { readonly [keyword: string]: unknown };

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function child(node: unknown, ...path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>((value, part) => {
    if (Array.isArray(value)) return value[Number(part)];
    return isNode(value) ? value[part] : undefined;
  }, node);
}

function* fieldsOf(node: unknown, path: string): Generator<readonly [path: string, node: Node]> {
  if (!isNode(node)) return;
  yield [path, node];
  const properties = child(node, "properties");
  if (isNode(properties)) {
    for (const [name, property] of Object.entries(properties)) yield* fieldsOf(property, `${path}.${name}`);
  }
  yield* fieldsOf(child(node, "items"), `${path}[]`);
  yield* fieldsOf(child(node, "additionalProperties"), `${path}[*]`);
}

function schemaOf(definition: KindDefinition): unknown {
  return child(customResourceDefinition(definition), "spec", "versions", 0, "schema", "openAPIV3Schema");
}

const schema = schemaOf(modelDeploymentKind);
const schemas = [failoverDrillKind, modelDeploymentKind, modelExperimentKind, modelRolloutKind].map(schemaOf);
const specFields = schemas.flatMap((each) => [...fieldsOf(child(each, "properties", "spec"), "spec")]);
const statusFields = schemas.flatMap((each) => [...fieldsOf(child(each, "properties", "status"), "status")]);
const fields = [...specFields, ...statusFields];

/** Paths of the fields of one JSON type that lack what they need. */
function lacking(type: string, isFine: (node: Node) => boolean, among = fields): readonly string[] {
  return among.filter(([, node]) => node["type"] === type && !isFine(node)).map(([path]) => path);
}

describe("every field", () => {
  test("is described", () => {
    const isDescribed = ([path, node]: readonly [string, Node]) =>
      path.endsWith("[*]") || typeof node["description"] === "string";
    expect(fields.filter((field) => !isDescribed(field)).map(([path]) => path)).toEqual([]);
  });

  test("that is a string is bounded", () => {
    const isBounded = (node: Node) => "maxLength" in node || "enum" in node || "format" in node;
    expect(lacking("string", isBounded)).toEqual([]);
  });

  test("that is a number is bounded: by people on both sides", () => {
    expect(lacking("integer", (node) => "minimum" in node && "maximum" in node, specFields)).toEqual([]);
    expect(lacking("integer", (node) => "minimum" in node, statusFields)).toEqual([]);
    expect(fields.filter(([, node]) => node["type"] === "number")).toEqual([]);
  });

  test("that is a list is bounded and says how it is merged", () => {
    expect(lacking("array", (node) => "maxItems" in node && "x-kubernetes-list-type" in node)).toEqual([]);
  });

  test("that is a map is bounded", () => {
    expect(lacking("object", (node) => "properties" in node || "maxProperties" in node)).toEqual([]);
  });

  test("that is an amount takes a number or a text, neither of them without bounds", () => {
    const amounts = fields.filter(([, node]) => node["x-kubernetes-int-or-string"] === true);
    expect(amounts.length).toBeGreaterThan(0);
    for (const [, node] of amounts) {
      expect(node).toMatchObject({
        minimum: expect.any(Number),
        maxLength: expect.any(Number),
        pattern: expect.any(String),
        anyOf: [{ type: "integer" }, { type: "string" }],
      });
      expect(node["minimum"]).toBeGreaterThanOrEqual(0);
    }
  });

  test("is CamelCase, and so are the values of enums that people write", () => {
    for (const [path, node] of fields) {
      expect(path).toMatch(/^[a-z][A-Za-z0-9]*((\.[a-z][A-Za-z0-9]*)|\[\]|\[\*\])*$/);
      const values = Array.isArray(node["enum"]) ? node["enum"] : [];
      // The name of a program is written as its makers write it, and so is that of a measure or a quantile.
      if (path === "spec.runtime.name" || path.endsWith(".latency.quantile")) continue;
      for (const value of values) if (value !== "F1") expect(value).toMatch(/^[A-Z][A-Za-z]+$/);
    }
  });

  test("that people write as one of some words takes no word that kubectl and Helm read as a boolean", () => {
    const values = specFields.flatMap(([, node]) => (Array.isArray(node["enum"]) ? node["enum"] : []));
    expect(values.filter((value) => parse(String(value), { version: "1.1" }) !== value)).toEqual([]);
    expect(parse("Off", { version: "1.1" })).toBe(false);
  });

  test("with a default is not required of people, and every other required one is", () => {
    for (const [path, node] of fields) {
      const required = Array.isArray(node["required"]) ? node["required"] : [];
      const withDefault = required.filter((name) => child(node, "properties", name, "default") !== undefined);
      expect([path, withDefault]).toEqual([path, []]);
    }
    expect(child(schema, "properties", "spec", "required")).toEqual(["model"]);
  });

  test("that is an object whose fields have defaults has one itself or is required, so that they are filled in", () => {
    const required = new Set(
      specFields.flatMap(([path, node]) =>
        Array.isArray(node["required"]) ? node["required"].map((name) => `${path}.${name}`) : [],
      ),
    );
    for (const [path, node] of specFields) {
      const properties = child(node, "properties");
      if (!isNode(properties) || path === "spec" || required.has(path)) continue;
      const someDefault = Object.values(properties).some(
        (property) => child(property, "default") !== undefined,
      );
      if (someDefault) expect([path, node["default"]]).toEqual([path, {}]);
    }
  });
});

describe("the CustomResourceDefinition", () => {
  const crd = customResourceDefinition(modelDeploymentKind);

  test("is named and scoped as the kind says", () => {
    expect(crd).toMatchObject({
      metadata: { name: "modeldeployments.petrel.dev" },
      spec: {
        scope: "Namespaced",
        names: { kind: "ModelDeployment", shortNames: ["mdep"], categories: ["petrel"] },
        versions: [{ name: "v1alpha1", served: true, storage: true, subresources: { status: {} } }],
      },
    });
  });

  test("has columns and a scale subresource whose paths lead to fields", () => {
    const version = child(crd, "spec", "versions", 0);
    const paths = [
      ...Object.values(child(version, "subresources", "scale") ?? {}),
      ...modelDeploymentKind.columns.map(({ jsonPath }) => jsonPath),
    ];
    expect(paths.length).toBeGreaterThan(6);
    for (const path of paths) {
      const [field] = String(path).slice(1).replace("[0]", "[]").split("[?");
      const isKnown = field?.startsWith("metadata.") === true || fields.some(([name]) => name === field);
      expect([path, isKnown]).toEqual([path, true]);
    }
  });

  test("carries every rule with its message", () => {
    const rules = (node: unknown) => child(node, "x-kubernetes-validations");
    expect(rules(schema)).toEqual(modelDeploymentKind.rules);
    expect(rules(child(schema, "properties", "spec"))).toEqual(modelDeploymentKind.specRules);
    for (const { message } of [...modelDeploymentKind.rules, ...modelDeploymentKind.specRules]) {
      // The API server names the object that a rule stands on; the message names the field.
      expect(message).toMatch(/^(spec|metadata)\.[a-zA-Z.[\]0-9]+: /);
    }
  });

  test("says in words what a text of the spec must be, for no pattern tells a person that", () => {
    const texts = specFields.filter(([, node]) => node["type"] === "string");
    expect(texts.filter(([, node]) => "pattern" in node)).toEqual([]);
    const messages = texts.flatMap(([, node]) => {
      const message = child(node, "x-kubernetes-validations", 0, "message");
      return message === undefined ? [] : [message];
    });
    expect(messages.length).toBeGreaterThan(50);
    for (const message of messages) expect(message).toMatch(/^must be \S/);
  });

  test("has the patterns of the status as they are, and no keyword that the API server does not know", () => {
    expect(statusFields.some(([, node]) => "pattern" in node)).toBe(true);
    expect(JSON.stringify(crd).includes(PATTERN_MESSAGE)).toBe(false);
  });

  test("has the pattern of a text as a rule that takes the same texts", () => {
    const spec = Type.Object({
      pattern: Type.String({ ...matching("^'\\\\[a-z]\\.$", "must be odd"), maxLength: 4 }),
    });
    const odd = { ...modelDeploymentKind, schema: Type.Object({ spec }) };
    expect(child(schemaOf(odd), "properties", "spec", "properties", "pattern")).toEqual({
      type: "string",
      maxLength: 4,
      "x-kubernetes-validations": [
        { rule: "self.matches('^\\'\\\\\\\\[a-z]\\\\.$')", message: "must be odd" },
      ],
    });
  });

  test("of a kind whose spec has a pattern without a message cannot be made", () => {
    const spec = Type.Object({ name: Type.String({ pattern: "^a$", maxLength: 1 }) });
    const odd = { ...modelDeploymentKind, schema: Type.Object({ spec }) };
    expect(() => customResourceDefinition(odd)).toThrow("the pattern at spec.properties.name has no message");
  });

  test("of a kind without spec cannot be made", () => {
    const odd = { ...modelDeploymentKind, kind: "Odd", schema: Type.Object({ status: Type.Object({}) }) };
    expect(() => customResourceDefinition(odd)).toThrow("Odd has no spec");
  });

  test("of a kind without status, scale and rules has none", () => {
    const { scale: _scale, ...rest } = modelDeploymentKind;
    const plain = { ...rest, rules: [], specRules: [], schema: Type.Object({ spec: Type.Object({}) }) };
    const version = child(customResourceDefinition(plain), "spec", "versions", 0);
    expect(child(version, "subresources")).toEqual({ status: {} });
    expect(schemaOf(plain)).not.toHaveProperty("x-kubernetes-validations");
    expect(child(version, "schema", "openAPIV3Schema", "properties")).not.toHaveProperty("status");
  });
});
