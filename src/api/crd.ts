/**
 * Makes the CustomResourceDefinition of a kind. Pure; `tools/generate.ts` writes the result to `crds/`.
 */

import type { KindDefinition } from "./kind.ts";
import { API_GROUP, API_VERSION } from "./names.ts";
import { type CelRule, PATTERN_MESSAGE } from "./schema.ts";

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json | undefined };

function celRules(rules: readonly CelRule[]): { "x-kubernetes-validations"?: Json } {
  return rules.length === 0
    ? {}
    : { "x-kubernetes-validations": rules.map(({ rule, message }) => ({ rule, message })) };
}

/**
 * A plain JSON copy, in which a field with a default is not required: the API server fills it in, so people
 * need not write it, while readers of a stored object can rely on it.
 */
function forWriters(schema: unknown): { readonly [key: string]: Json } {
  return JSON.parse(JSON.stringify(schema), (_key, value) => {
    if (
      typeof value !== "object" ||
      value === null ||
      !Array.isArray(value.required) ||
      value.properties === undefined
    ) {
      return value;
    }
    const required = value.required.filter((name: string) => value.properties[name]?.default === undefined);
    const { required: _all, ...rest } = value;
    return required.length === 0 ? rest : { ...rest, required };
  });
}

/**
 * With each pattern as a rule that has its message: of a pattern alone the API server shows nothing but the expression,
 * and of one beside a rule it asks the pattern first. Amounts keep theirs: a rule about what may be a number or a text
 * costs more than the API server allows, for it knows no bound of it.
 */
function withPatternRules(value: Json, path: string): Json {
  if (typeof value !== "object" || value === null) return value;
  if (isList(value)) return value.map((item) => withPatternRules(item, path));
  const { pattern, [PATTERN_MESSAGE]: message } = value;
  // A text where it is the keyword, and not a field of that name.
  const isRule = typeof pattern === "string" && value["x-kubernetes-int-or-string"] !== true;
  const children = Object.entries(value).flatMap(([name, child = null]) =>
    name === PATTERN_MESSAGE || (isRule && name === "pattern")
      ? []
      : [[name, withPatternRules(child, `${path}.${name}`)] as const],
  );
  if (!isRule) return Object.fromEntries(children);
  if (typeof message !== "string") throw new Error(`the pattern at ${path} has no message`);
  return { ...Object.fromEntries(children), ...celRules([{ rule: patternRule(pattern), message }]) };
}

function asObject(value: Json): { readonly [key: string]: Json | undefined } {
  return typeof value === "object" && value !== null && !isList(value) ? value : {};
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}

/** The operator writes the status: nobody reads messages about it. */
function withoutMessages(value: Json): Json {
  return JSON.parse(JSON.stringify(value), (name, child) => (name === PATTERN_MESSAGE ? undefined : child));
}

/** CEL: whether a text matches. */
function patternRule(pattern: string): string {
  return `self.matches('${pattern.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}')`;
}

/** The CustomResourceDefinition of a kind, as an object for YAML. */
export function customResourceDefinition(definition: KindDefinition): { readonly [key: string]: Json } {
  const schema = forWriters(definition.schema);
  const properties = schema["properties"] as { readonly [key: string]: { readonly [key: string]: Json } };
  const { spec, status } = properties;
  if (spec === undefined) throw new Error(`${definition.kind} has no spec`);
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${definition.plural}.${API_GROUP}` },
    spec: {
      group: API_GROUP,
      scope: "Namespaced",
      names: {
        kind: definition.kind,
        listKind: `${definition.kind}List`,
        plural: definition.plural,
        singular: definition.singular,
        shortNames: definition.shortNames,
        categories: definition.categories,
      },
      versions: [
        {
          name: API_VERSION,
          served: true,
          storage: true,
          subresources: {
            status: {},
            ...(definition.scale === undefined ? {} : { scale: { ...definition.scale } }),
          },
          additionalPrinterColumns: definition.columns.map((column) => ({ ...column })),
          schema: {
            openAPIV3Schema: {
              type: "object",
              description: definition.description,
              required: ["spec"],
              ...celRules(definition.rules),
              properties: {
                apiVersion: { type: "string" },
                kind: { type: "string" },
                metadata: { type: "object" },
                spec: { ...asObject(withPatternRules(spec, "spec")), ...celRules(definition.specRules) },
                ...(status === undefined ? {} : { status: withoutMessages(status) }),
              },
            },
          },
        },
      ],
    },
  };
}
