/**
 * Makes the API reference page of a kind, in Markdown. Pure; `tools/generate.ts` writes it to `docs/`.
 */

import type { KindDefinition } from "./kind.ts";
import { API_GROUP_VERSION } from "./names.ts";

interface SchemaNode {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly string[];
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly maxLength?: number;
  readonly maxItems?: number;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly items?: SchemaNode;
  readonly additionalProperties?: unknown;
}

function typeName(node: SchemaNode): string {
  if (node.enum !== undefined) return node.enum.map((value) => `\`${value}\``).join(" or ");
  if (node.type === "array") return `list of ${node.items?.type ?? "values"}`;
  if (node.type === "object" && node.additionalProperties !== undefined) return "map";
  return node.type ?? "value";
}

function bounds(node: SchemaNode): string {
  const parts: string[] = [];
  if (node.minimum !== undefined || node.maximum !== undefined) {
    parts.push(`${node.minimum ?? "…"} to ${node.maximum ?? "…"}`);
  }
  if (node.maxItems !== undefined) parts.push(`at most ${node.maxItems}`);
  if (node.pattern !== undefined) parts.push(`\`${node.pattern}\``);
  return parts.join(", ");
}

function* rows(node: SchemaNode, path: string): Generator<string> {
  const target = node.type === "array" ? node.items : node;
  for (const [name, child] of Object.entries(target?.properties ?? {})) {
    const childPath = `${path}.${name}`;
    const isRequired = child.default === undefined && target?.required?.includes(name) === true;
    const fallback = child.default === undefined ? "" : `\`${JSON.stringify(child.default)}\``;
    const cells = [
      `\`${childPath}\``,
      typeName(child),
      isRequired ? "yes" : "",
      fallback,
      bounds(child),
      child.description ?? "",
    ];
    // A bar inside a cell would end it, even between backticks.
    yield `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
    yield* rows(child, child.type === "array" ? `${childPath}[]` : childPath);
  }
}

/** The reference page of a kind. */
export function referencePage(definition: KindDefinition): string {
  const schema: SchemaNode = JSON.parse(JSON.stringify(definition.schema));
  const head = [
    "| field | type | required | default | bounds | meaning |",
    "| --- | --- | --- | --- | --- | --- |",
  ];
  const part = (name: "spec" | "status") => {
    const node = schema.properties?.[name];
    return node === undefined ? [] : ["", `## ${name}`, "", ...head, ...rows(node, name)];
  };
  const rules = [...definition.rules, ...definition.specRules];
  return [
    `# ${definition.kind}`,
    "",
    `\`${API_GROUP_VERSION}\`, short name \`${definition.shortNames.join("`, `")}\`. ${definition.description}`,
    "",
    "This page is generated from the schemas in `src/api` by `npm run generate`.",
    ...part("spec"),
    "",
    "### Rules",
    "",
    ...rules.map(({ message }) => `- ${message}.`),
    ...part("status"),
    "",
  ].join("\n");
}
