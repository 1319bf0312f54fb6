/**
 * The chart's values and their schema say the same: every value is in both, with a comment, and no object takes a
 * value that nobody reads.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { Compile } from "typebox/compile";
import { parse } from "yaml";
import { routerPlacement, routerPodsSchema, routerResources } from "../../src/render/router-pods.ts";

interface Node {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly additionalProperties?: unknown;
  readonly items?: Node;
}

const chart = join(import.meta.dirname, "../../charts/petrel");
const schema: Node = JSON.parse(readFileSync(join(chart, "values.schema.json"), "utf8"));
const text = readFileSync(join(chart, "values.yaml"), "utf8");
const values = parse(text);

/** Paths of the schema's own properties, but for those inside what is passed on to Kubernetes as it is. */
function paths(node: Node, path: readonly string[] = []): readonly string[] {
  return Object.entries(node.properties ?? {}).flatMap(([name, child]) => {
    const here = [...path, name];
    return child.properties === undefined ? [here.join(".")] : paths(child, here);
  });
}

function leaves(value: unknown, path: readonly string[] = []): readonly string[] {
  const isBranch = typeof value === "object" && value !== null && !Array.isArray(value);
  const entries = isBranch ? Object.entries(value) : [];
  return entries.length === 0
    ? [path.join(".")]
    : entries.flatMap(([name, child]) => leaves(child, [...path, name]));
}

/** Kubernetes' own objects; the schema knows their fields, the values do not show them. */
const PASSED_ON = ["affinity", "resources"];

/** Objects in which the values show more than the schema names. */
const RESOURCES = /^(router|collector|envoy)\.resources/;

test("every value that the schema allows is shown in values.yaml", () => {
  const isOurs = (path: string) =>
    path !== "global" && !RESOURCES.test(path) && !PASSED_ON.includes(path.split(".")[0] ?? "");
  const shown = leaves(values).filter(isOurs);
  expect(paths(schema).filter(isOurs).toSorted()).toEqual(shown.toSorted());
  expect(Object.keys(values)).toEqual(expect.arrayContaining(PASSED_ON));
});

test("no object of the schema takes what is not listed", () => {
  const open: string[] = [];
  const visit = (node: Node, path: string) => {
    if (node.properties !== undefined && node.additionalProperties !== false) open.push(path);
    for (const [name, child] of Object.entries(node.properties ?? {})) visit(child, `${path}.${name}`);
    if (node.items !== undefined) visit(node.items, `${path}[]`);
  };
  visit(schema, "");
  // What a NetworkPolicy peer or an affinity says is for the API server to check.
  expect(open.filter((path) => !/^\.networkPolicy\.metricsFrom\[\]/.test(path))).toEqual([]);
});

test("every value has a comment above it, or above its group", () => {
  const lines = text.split("\n");
  const groups = ["tolerations", "affinity", "commonAnnotations", "podLabels", "podAnnotations"];
  const bare = lines.flatMap((line, index) => {
    const name = /^ {0,2}(\w+):/.exec(line)?.[1];
    if (name === undefined || groups.includes(name)) return [];
    const opensGroup = /^\w+:$/.test(line) && /^ {2}#/.test(lines[index + 1] ?? "");
    const isPassedOn = /^ {2}(requests|limits):/.test(line);
    return opensGroup || isPassedOn || /^\s*#/.test(lines[index - 1] ?? "") ? [] : [name];
  });
  expect(bare).toEqual([]);
});

test("the pods of routers are by default as they are when nothing is said about them", () => {
  const { imagePullSecrets, nodeSelector, tolerations, resources } = values.router;
  const pods = {
    imagePullSecrets,
    nodeSelector,
    tolerations,
    routerResources: resources,
    envoyResources: values.envoy.resources,
  };
  expect(Compile(routerPodsSchema).Check(pods)).toBe(true);
  expect(routerPlacement(pods)).toEqual({});
  expect(routerResources(pods)).toEqual(routerResources({}));
});
