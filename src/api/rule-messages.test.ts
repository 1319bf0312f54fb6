/**
 * Whoever is refused by a rule reads its message and nothing else: it begins with the field, by the name that the schema
 * has for it, and says what to write instead. A rule whose message does not say so in one of the known ways fails here.
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { parse } from "yaml";
import type { SchemaNode } from "../cli/validate/structural-schema.ts";
import { failoverDrillKind } from "./failover-drill.ts";
import { modelDeploymentKind } from "./model-deployment.ts";
import { modelExperimentKind } from "./model-experiment.ts";
import { modelRolloutKind } from "./model-rollout.ts";

const KINDS = {
  failoverdrills: failoverDrillKind,
  modeldeployments: modelDeploymentKind,
  modelexperiments: modelExperimentKind,
  modelrollouts: modelRolloutKind,
};

/** What a person is told to do: what the field has to be, what is missing, or what is to go. */
const REMEDIES = /\b(must|needs?|remove|goes with|belongs to|say|give|change|make|set up)\b/;

function messagesOf(name: keyof typeof KINDS) {
  const crd = parse(readFileSync(join(import.meta.dirname, `../../crds/petrel.dev_${name}.yaml`), "utf8"));
  const schema: SchemaNode = crd.spec.versions[0].schema.openAPIV3Schema;
  const { rules, specRules } = KINDS[name];
  return [...rules, ...specRules].map(({ message }) => [message, schema] as const);
}

const MESSAGES = [
  ...messagesOf("failoverdrills"),
  ...messagesOf("modeldeployments"),
  ...messagesOf("modelexperiments"),
  ...messagesOf("modelrollouts"),
];

/** The field that a message begins with, as the parts of its path. */
function fieldOf(message: string): readonly string[] {
  const [, path = ""] = /^((?:spec|metadata)(?:\.[A-Za-z0-9]+(?:\[\d*\])?)*): \S/.exec(message) ?? [];
  return path.split(".").map((part) => part.replace(/\[\d*\]$/, ""));
}

/** Lists are stepped into by themselves: many messages name a field of an item by the list alone. */
function nodeAt(schema: SchemaNode, path: readonly string[]): SchemaNode | undefined {
  return path.reduce<SchemaNode | undefined>((node, part) => {
    const object = node?.items ?? node;
    return object?.properties?.[part];
  }, schema);
}

test("there are rules of all kinds", () => {
  expect(messagesOf("failoverdrills").length).toBeGreaterThan(20);
  expect(messagesOf("modeldeployments").length).toBeGreaterThan(50);
  expect(messagesOf("modelexperiments").length).toBeGreaterThan(10);
  expect(messagesOf("modelrollouts").length).toBeGreaterThan(0);
});

describe.each(MESSAGES)("%s", (message, schema) => {
  test("begins with a field of the schema", () => {
    const path = fieldOf(message);
    if (path[0] === "metadata") expect(path).toEqual(["metadata", "name"]);
    else expect({ path, node: nodeAt(schema, path) }).toEqual({ path, node: expect.anything() });
  });

  test("says what to do", () => {
    expect(message.slice(message.indexOf(": ") + 2)).toMatch(REMEDIES);
  });
});
