/**
 * A TypeScript file as the rules of the architecture see it: its imports, the globals that it uses, its exports
 * and their comments, each with its line.
 *
 * The parser tells what is code, so a word in a comment or a text is never taken for a call.
 */
import { readFileSync } from "node:fs";
import { parseSync } from "@swc/core";

/** Something in a file, and where it stands. */
export interface Located {
  readonly text: string;
  /** Counted from 1. */
  readonly line: number;
}

/** A file, parsed. */
export interface SourceFile {
  /** From the root of the repository, with slashes. */
  readonly path: string;
  readonly text: string;
  readonly lines: readonly string[];
  /** Specifiers of static, type-only, dynamic and re-exporting imports. */
  readonly imports: readonly Located[];
  /** Uses of globals and their members, such as `Date.now`, `new Date()`, `process.env`, `setTimeout`. */
  readonly uses: readonly Located[];
}

interface SyntaxNode {
  readonly type: string;
  readonly span: { readonly start: number };
  readonly [field: string]: unknown;
}

function isNode(value: unknown): value is SyntaxNode {
  return typeof value === "object" && value !== null && "type" in value && typeof value.type === "string";
}

function* nodesBelow(value: unknown): Generator<SyntaxNode> {
  if (Array.isArray(value)) {
    for (const item of value) yield* nodesBelow(item);
  } else if (typeof value === "object" && value !== null) {
    if (isNode(value)) yield value;
    for (const child of Object.values(value)) yield* nodesBelow(child);
  }
}

function stringValue(node: unknown): string | undefined {
  return isNode(node) && node.type === "StringLiteral" && typeof node["value"] === "string"
    ? node["value"]
    : undefined;
}

function identifier(node: unknown): string | undefined {
  return isNode(node) && node.type === "Identifier" && typeof node["value"] === "string"
    ? node["value"]
    : undefined;
}

function importedModule(node: SyntaxNode): string | undefined {
  switch (node.type) {
    case "ImportDeclaration":
    case "ExportNamedDeclaration":
    case "ExportAllDeclaration":
      return stringValue(node["source"]);
    case "CallExpression": {
      if (!isNode(node["callee"]) || node["callee"].type !== "Import") return undefined;
      const [first] = Array.isArray(node["arguments"]) ? node["arguments"] : [];
      return stringValue(first?.expression) ?? "an expression";
    }
    default:
      return undefined;
  }
}

/** What a node uses of the global scope, as text. */
function globalUse(node: SyntaxNode): string | undefined {
  switch (node.type) {
    case "MemberExpression": {
      const object = identifier(node["object"]);
      return object === undefined ? undefined : `${object}.${identifier(node["property"]) ?? "[]"}`;
    }
    case "CallExpression":
      return identifier(node["callee"]);
    case "NewExpression": {
      const withArguments = Array.isArray(node["arguments"]) && node["arguments"].length > 0;
      const name = identifier(node["callee"]);
      return name === undefined ? undefined : `new ${name}(${withArguments ? "..." : ""})`;
    }
    default:
      return undefined;
  }
}

/** Reads and parses a file. */
export function readSourceFile(root: string, path: string): SourceFile {
  return parseSourceFile(path, readFileSync(`${root}/${path}`, "utf8"));
}

/** Parses a text as the file of that path. */
export function parseSourceFile(path: string, text: string): SourceFile {
  // The parser counts bytes on from the files before. A first statement of one byte tells where this one begins.
  const code = `;${text.replace(/^#!/, "//")}`;
  const module = parseSync(code, { syntax: "typescript", target: "es2024" });
  const [marker] = module.body;
  const start = marker?.span.start ?? 0;
  const bytes = Buffer.from(code);
  const lineOf = (node: SyntaxNode) =>
    bytes
      .subarray(0, node.span.start - start)
      .toString("utf8")
      .split("\n").length;
  const imports: Located[] = [];
  const uses: Located[] = [];
  for (const node of nodesBelow(module.body)) {
    const imported = importedModule(node);
    if (imported !== undefined) imports.push({ text: imported, line: lineOf(node) });
    const used = globalUse(node);
    if (used !== undefined) uses.push({ text: used, line: lineOf(node) });
  }
  return { path, text, lines: text.split("\n"), imports, uses };
}
