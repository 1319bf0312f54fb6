/**
 * Kubernetes' structural schemas: what the API server fills in, and what it refuses. Pure.
 *
 * JSON Schema's own validators do not know lists that are maps, integers that may be strings, or that a null is a
 * field left out. A keyword that is not known here is an error at once: a constraint must never be skipped in silence.
 */
import { isRecord, type JsonRecord } from "../../api/json.ts";
import type { CelRule } from "../../api/schema.ts";
import { keeps } from "./cel-rules.ts";
import type { FieldPath, Problem } from "./finding.ts";

/** One node of a structural schema. */
export interface SchemaNode {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly additionalProperties?: SchemaNode;
  readonly items?: SchemaNode;
  readonly required?: readonly string[];
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly format?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly maxProperties?: number;
  readonly "x-kubernetes-int-or-string"?: boolean;
  readonly "x-kubernetes-list-type"?: string;
  readonly "x-kubernetes-list-map-keys"?: readonly string[];
  readonly "x-kubernetes-validations"?: readonly CelRule[];
}

const KNOWN_KEYWORDS: ReadonlySet<string> = new Set([
  ...["type", "description", "default", "properties", "additionalProperties", "items", "required", "enum"],
  ...["pattern", "format", "minLength", "maxLength", "minimum", "maximum", "minItems", "maxItems"],
  ...["maxProperties", "x-kubernetes-int-or-string", "x-kubernetes-list-type", "x-kubernetes-list-map-keys"],
  // The one says the same as x-kubernetes-int-or-string; rules of a whole spec are checked by themselves.
  ...["anyOf", "x-kubernetes-validations"],
]);

/** Longest value that is shown as a whole. */
const MAXIMUM_SHOWN_LENGTH = 80;

/** Children of a map or a structure, by name. */
function childNode(node: SchemaNode, name: string): SchemaNode | undefined {
  return node.properties?.[name] ?? node.additionalProperties;
}

/** The value as the API server stores it: without nulls, and with the defaults of the schema. */
export function withDefaults(node: SchemaNode, value: unknown): unknown {
  if (Array.isArray(value)) {
    return node.items === undefined ? value : value.map((item) => withDefaults(node.items ?? {}, item));
  }
  if (!isRecord(value)) return value;
  const filled: Record<string, unknown> = {};
  for (const [name, child] of Object.entries(value)) {
    if (child !== null) filled[name] = withDefaults(childNode(node, name) ?? {}, child);
  }
  for (const [name, child] of Object.entries(node.properties ?? {})) {
    if (filled[name] === undefined && child.default !== undefined) {
      filled[name] = withDefaults(child, child.default);
    }
  }
  return filled;
}

/** All that the API server would refuse about a value with its defaults. */
export function* schemaProblems(node: SchemaNode, value: unknown, path: FieldPath): Generator<Problem> {
  const unknown = Object.keys(node).find((keyword) => !KNOWN_KEYWORDS.has(keyword));
  if (unknown !== undefined) throw new Error(`the schema has a keyword that is not known here: ${unknown}`);
  const problem = (message: string): Problem => ({
    path,
    message,
    ...(node.description === undefined ? {} : { remedy: node.description }),
  });
  const mistaken = typeMistake(node, value);
  if (mistaken !== undefined) {
    yield problem(mistaken);
    return;
  }
  for (const message of valueMistakes(node, value)) yield problem(message);
  if (Array.isArray(value)) yield* listProblems(node, value, path);
  else if (isRecord(value)) yield* structureProblems(node, value, path);
}

function typeMistake(node: SchemaNode, value: unknown): string | undefined {
  if (node["x-kubernetes-int-or-string"] === true) {
    return typeof value === "string" || Number.isInteger(value)
      ? undefined
      : expected("a whole number or a text", value);
  }
  switch (node.type) {
    case "string":
      return typeof value === "string" ? undefined : expected("a text", value);
    case "integer":
      return Number.isInteger(value) ? undefined : expected("a whole number", value);
    case "boolean":
      return typeof value === "boolean" ? undefined : expected("true or false", value);
    case "array":
      return Array.isArray(value) ? undefined : expected("a list", value);
    case "object":
      return isRecord(value) ? undefined : expected("fields with names", value);
    default:
      throw new Error(`the schema has a type that is not known here: ${node.type}`);
  }
}

function expected(what: string, value: unknown): string {
  return `expected ${what}, got ${shown(value)}`;
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > MAXIMUM_SHOWN_LENGTH ? `${text.slice(0, MAXIMUM_SHOWN_LENGTH)}...` : text;
}

/** Constraints of a value that has the right type. */
function* valueMistakes(node: SchemaNode, value: unknown): Generator<string> {
  if (node.enum !== undefined && !node.enum.includes(value)) {
    yield expected(`one of ${node.enum.join(", ")}`, value);
  }
  if (typeof value === "string") yield* textMistakes(node, value);
  if (typeof value === "number") {
    if (node.minimum !== undefined && value < node.minimum) yield expected(`at least ${node.minimum}`, value);
    if (node.maximum !== undefined && value > node.maximum) yield expected(`at most ${node.maximum}`, value);
  }
  if (Array.isArray(value)) {
    const { minItems = 0, maxItems = Number.POSITIVE_INFINITY } = node;
    if (value.length < minItems) yield `expected at least ${minItems} items, got ${value.length}`;
    if (value.length > maxItems) yield `expected at most ${maxItems} items, got ${value.length}`;
  }
  if (isRecord(value) && Object.keys(value).length > (node.maxProperties ?? Number.POSITIVE_INFINITY)) {
    yield `expected at most ${node.maxProperties} entries, got ${Object.keys(value).length}`;
  }
}

function* textMistakes(node: SchemaNode, text: string): Generator<string> {
  // The API server counts characters, not UTF-16 units.
  const length = [...text].length;
  if (length < (node.minLength ?? 0)) yield expected(`at least ${node.minLength} characters`, text);
  if (length > (node.maxLength ?? Number.POSITIVE_INFINITY)) {
    yield `expected at most ${node.maxLength} characters, got ${length}`;
    return;
  }
  if (node.pattern !== undefined && !new RegExp(node.pattern, "u").test(text)) {
    yield expected(`a text that matches ${node.pattern}`, text);
  }
  for (const rule of node["x-kubernetes-validations"] ?? []) {
    if (!keeps(rule, text)) yield `${rule.message}, got ${shown(text)}`;
  }
  if (node.format === "date-time" && Number.isNaN(Date.parse(text))) yield expected("a date and time", text);
}

function* listProblems(node: SchemaNode, list: readonly unknown[], path: FieldPath): Generator<Problem> {
  const keys = node["x-kubernetes-list-map-keys"];
  const seen = new Set<string>();
  for (const [index, item] of list.entries()) {
    yield* schemaProblems(node.items ?? {}, item, [...path, index]);
    if (keys === undefined || !isRecord(item)) continue;
    const identity = JSON.stringify(keys.map((key) => item[key]));
    if (seen.has(identity)) {
      yield { path: [...path, index], message: `another item has the same ${keys.join(" and ")}` };
    }
    seen.add(identity);
  }
}

function* structureProblems(node: SchemaNode, structure: JsonRecord, path: FieldPath): Generator<Problem> {
  for (const name of node.required ?? []) {
    if (structure[name] !== undefined) continue;
    const description = node.properties?.[name]?.description;
    yield {
      path: [...path, name],
      message: "is required",
      ...(description === undefined ? {} : { remedy: description }),
    };
  }
  for (const [name, value] of Object.entries(structure)) {
    const child = childNode(node, name);
    if (child === undefined) yield unknownField([...path, name], name, Object.keys(node.properties ?? {}));
    else yield* schemaProblems(child, value, [...path, name]);
  }
}

/** A field that the API server does not know: kubectl refuses it, other clients drop it in silence. */
export function unknownField(path: FieldPath, name: string, known: readonly string[]): Problem {
  const alike = known.find((candidate) => isAlike(candidate, name));
  const remedy =
    alike === undefined ? `expected one of ${known.toSorted().join(", ")}` : `did you mean ${alike}?`;
  return { path, message: "unknown field", remedy };
}

/** Whether two names differ by case, or by one letter that is added, lost or exchanged. */
function isAlike(left: string, right: string): boolean {
  const [a, b] = [left.toLowerCase(), right.toLowerCase()];
  if (Math.abs(a.length - b.length) > 1) return false;
  let start = 0;
  while (start < a.length && a[start] === b[start]) start += 1;
  let end = 0;
  while (end < Math.min(a.length, b.length) - start && a.at(-1 - end) === b.at(-1 - end)) end += 1;
  return Math.max(a.length, b.length) - start - end <= 1 || isSwap(a.slice(start), b.slice(start), end);
}

/** Whether what differs is two letters in the other order. */
function isSwap(a: string, b: string, end: number): boolean {
  return a.length === b.length && a.length - end === 2 && a[0] === b[1] && a[1] === b[0];
}
