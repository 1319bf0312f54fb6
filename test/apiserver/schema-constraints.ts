/**
 * Every constraint of a structural schema, each with an object that breaks it and what the API server must say.
 *
 * Derived from the schema and from one object that uses every field, so that a new field or bound is tried
 * without anybody thinking of it. Rules in CEL cannot be derived; they have manifests of their own.
 */
import { type FieldPath, pathText } from "../../src/cli/validate/finding.ts";
import type { SchemaNode } from "../../src/cli/validate/structural-schema.ts";

/** Keywords that are tried, and those that constrain nothing. Any other must be added on one of the two sides. */
const KNOWN_KEYWORDS: ReadonlySet<string> = new Set([
  ...[
    "type",
    "properties",
    "additionalProperties",
    "items",
    "required",
    "enum",
    "pattern",
    "format",
    "minLength",
  ],
  ...["maxLength", "minimum", "maximum", "minItems", "maxItems", "maxProperties", "x-kubernetes-list-type"],
  ...["x-kubernetes-int-or-string", "anyOf", "x-kubernetes-list-map-keys"],
  ...["description", "default"],
  // Of a whole spec tried by a manifest for each rule.
  "x-kubernetes-validations",
]);

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** A constraint of a field, and an object that breaks it. */
export interface BrokenConstraint {
  /** Such as `spec.pools[1].name maxLength`. */
  readonly name: string;
  readonly object: Json;
  /** What the refusal must say. */
  readonly refusal: RegExp;
}

function isObject(value: Json | undefined): value is { readonly [key: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function valueAt(object: Json, path: FieldPath): Json | undefined {
  let value: Json | undefined = object;
  for (const part of path) {
    if (typeof part === "number") value = Array.isArray(value) ? value[part] : undefined;
    else value = isObject(value) ? value[part] : undefined;
  }
  return value;
}

/** The same object with another value at a path, or without one. */
function withValue(object: Json | undefined, path: FieldPath, value: Json | undefined): Json {
  const [part, ...rest] = path;
  if (part === undefined) throw new Error("a path must not be empty");
  const change = (child: Json | undefined) => (rest.length === 0 ? value : withValue(child, rest, value));
  if (typeof part === "number") {
    if (!Array.isArray(object)) throw new Error(`expected a list for [${part}]`);
    return object.flatMap((child: Json, index) => (index === part ? (change(child) ?? []) : [child]));
  }
  if (!isObject(object)) throw new Error(`expected an object with ${part}`);
  const changed = change(object[part]);
  const { [part]: _former, ...others } = object;
  return changed === undefined ? others : { ...others, [part]: changed };
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

function wrongType(node: SchemaNode): Json {
  if (node["x-kubernetes-int-or-string"] === true) return true;
  return node.type === "string" ? 7 : "a string";
}

/** A text that breaks a pattern and nothing else. */
function mismatch(pattern: string, minLength = 1): string {
  const texts = ["!", "-", " "].map((character) => character.repeat(minLength));
  const text = texts.find((candidate) => !new RegExp(pattern).test(candidate));
  if (text === undefined) throw new Error(`no text is known that breaks ${pattern}`);
  return text;
}

/** The rules of a text; those of a whole spec are tried by manifests. */
function ruleOfText(node: SchemaNode): readonly { readonly rule: string; readonly message: string }[] {
  return node.type === "string" ? (node["x-kubernetes-validations"] ?? []) : [];
}

/** The expression that a rule of a text has in the place of the keyword `pattern`. */
function patternIn(rule: string): string {
  const [, literal] = /^self\.matches\('(.*)'\)$/.exec(rule) ?? [];
  if (literal === undefined) throw new Error(`nothing is known that breaks ${rule}`);
  return literal.replace(/\\(.)/g, "$1");
}

/** Broken values of one field: the keyword that is broken, the value, and what is said about it. */
function* brokenValues(node: SchemaNode, value: Json): Generator<readonly [keyof SchemaNode, Json, string]> {
  yield ["type", wrongType(node), "(Invalid value|must be of type)"];
  if (node.enum !== undefined) yield ["enum", "Unheard", "Unsupported value"];
  if (node.pattern !== undefined)
    yield ["pattern", mismatch(node.pattern, node.minLength), "Invalid value.* should match"];
  for (const { rule, message } of ruleOfText(node)) {
    const pattern = patternIn(rule);
    yield [
      "x-kubernetes-validations",
      mismatch(pattern, node.minLength),
      `Invalid value.*: ${escaped(message)}`,
    ];
  }
  if (node.format !== undefined) yield ["format", "yesterday", "Invalid value.*must be of type date-time"];
  if (node.minLength !== undefined) yield ["minLength", "x".repeat(node.minLength - 1), "should be at least"];
  if (node.maxLength !== undefined) yield ["maxLength", "x".repeat(node.maxLength + 1), "Too long"];
  if (node.minimum !== undefined) yield ["minimum", node.minimum - 1, "greater than or equal to"];
  if (node.maximum !== undefined) yield ["maximum", node.maximum + 1, "less than or equal to"];
  if (node.minItems !== undefined) yield ["minItems", [], "should have at least"];
  if (Array.isArray(value)) {
    const [first = null] = value;
    if (node.maxItems !== undefined) {
      yield ["maxItems", Array.from({ length: node.maxItems + 1 }, () => first), "Too many"];
    }
    if (node["x-kubernetes-list-type"] === "map") {
      yield ["x-kubernetes-list-type", [first, first], "Duplicate value"];
    }
  }
  if (node.maxProperties !== undefined && isObject(value)) {
    const [first = null] = Object.values(value);
    const keys = Array.from({ length: node.maxProperties + 1 }, (_, index) => `example.com/key-${index}`);
    yield ["maxProperties", Object.fromEntries(keys.map((key) => [key, first])), "Too many"];
  }
}

/** Fields below a node, each with its schema. Of a list the last item is looked at; it must use every field. */
function childrenOf(node: SchemaNode, value: Json): readonly (readonly [string | number, SchemaNode])[] {
  if (node.properties !== undefined) return Object.entries(node.properties);
  if (node.items !== undefined && Array.isArray(value)) return [[value.length - 1, node.items]];
  const { additionalProperties } = node;
  if (additionalProperties !== undefined && isObject(value)) {
    return Object.keys(value).map((key) => [key, additionalProperties]);
  }
  return [];
}

/**
 * Every constraint at and below a path.
 *
 * @param others objects for fields that exclude some of `object`: the first object that uses a field is broken there.
 * @throws Error when no object uses a field of the schema, or the schema a keyword that is not known here:
 * the constraint would go untried.
 */
export function* brokenConstraints(
  schema: SchemaNode,
  first: Json,
  path: FieldPath,
  others: readonly Json[] = [],
): Generator<BrokenConstraint> {
  const object = [first, ...others].find((candidate) => valueAt(candidate, path) !== undefined) ?? first;
  const value = valueAt(object, path);
  const text = pathText(path);
  if (value === undefined)
    throw new Error(`the example object has no ${text}, so its constraints are not tried`);
  const unknown = Object.keys(schema).find((keyword) => !KNOWN_KEYWORDS.has(keyword));
  if (unknown !== undefined) throw new Error(`nothing is known that breaks ${unknown} of ${text}`);
  for (const [keyword, broken, says] of brokenValues(schema, value)) {
    const refusal = new RegExp(`${escaped(text)}(\\[[^\\]]*\\])?: .*${says}`);
    yield { name: `${text} ${keyword}`, object: withValue(object, path, broken), refusal };
  }
  for (const name of schema.required ?? []) {
    const refusal = new RegExp(`${escaped(`${text}.${name}`)}: Required value`);
    yield {
      name: `${text}.${name} required`,
      object: withValue(object, [...path, name], undefined),
      refusal,
    };
  }
  if (schema.properties !== undefined) {
    const refusal = new RegExp(`unknown field "${escaped(text)}\\.unheardOf"`);
    yield { name: `${text} unknown field`, object: withValue(object, [...path, "unheardOf"], 1), refusal };
  }
  for (const [part, child] of childrenOf(schema, value))
    yield* brokenConstraints(child, object, [...path, part], [first, ...others]);
}
