/**
 * Reads a text of manifests: YAML or JSON, several documents, lists of objects. Knows on which line a field stands.
 *
 * Words such as `yes` are booleans here, as they are to kubectl. Pure.
 */
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseAllDocuments,
  type ScalarTag,
} from "yaml";
import { asString, isRecord, type JsonRecord } from "../../api/json.ts";
import type { FieldPath } from "./finding.ts";

/** One object of a text. */
export interface Manifest {
  /** Number of its document in the text, from 1. */
  readonly document: number;
  readonly object: JsonRecord;
  /** Line of a field, from 1; of the nearest one around it where it does not exist itself. */
  lineOf(path: FieldPath): number | undefined;
}

/** A document that is none. */
export interface BrokenDocument {
  readonly document: number;
  readonly line?: number;
  readonly message: string;
}

/** What a text holds. */
export interface ManifestText {
  readonly manifests: readonly Manifest[];
  readonly broken: readonly BrokenDocument[];
}

const OTHER_BOOLEANS: ScalarTag = {
  tag: "tag:yaml.org,2002:bool",
  default: true,
  test: /^(?:y|Y|yes|Yes|YES|n|N|no|No|NO|on|On|ON|off|Off|OFF)$/,
  resolve: (text) => /^(y|on)/i.test(text),
};

/** Reads a text. Never throws. */
export function readManifests(text: string): ManifestText {
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, {
    lineCounter: lines,
    merge: true,
    customTags: (tags) => [...tags, OTHER_BOOLEANS],
  });
  const manifests: Manifest[] = [];
  const broken: BrokenDocument[] = [];
  for (const [index, document] of (Array.isArray(documents) ? documents : []).entries()) {
    const number = index + 1;
    try {
      const read = readDocument(document, number, lines);
      if ("message" in read) broken.push(read);
      else manifests.push(...read.manifests);
    } catch (error) {
      // An alias without an anchor, or more aliases than are good for anybody.
      broken.push({ document: number, message: error instanceof Error ? error.message : String(error) });
    }
  }
  return { manifests, broken };
}

type ReadDocument = BrokenDocument | { readonly manifests: readonly Manifest[] };

function readDocument(document: Document.Parsed, number: number, lines: LineCounter): ReadDocument {
  const [error] = document.errors;
  if (error !== undefined) {
    const [message = ""] = error.message.split(" at line ");
    return { document: number, line: lines.linePos(error.pos[0]).line, message };
  }
  const value: unknown = document.toJS();
  if (value === null || value === undefined) return { manifests: [] };
  const line = lineOf(document, [], lines);
  if (!isRecord(value)) {
    return { document: number, ...(line === undefined ? {} : { line }), message: "expected an object" };
  }
  const manifest = (object: JsonRecord, prefix: FieldPath): Manifest => ({
    document: number,
    object,
    lineOf: (path) => lineOf(document, [...prefix, ...path], lines),
  });
  const { kind, items } = value;
  // A kind of its own may be called so, too: an AllowList holds no objects.
  const isList = asString(kind)?.endsWith("List") === true && Array.isArray(items);
  if (!isList) return { manifests: [manifest(value, [])] };
  return {
    manifests: items.flatMap((item, index) => (isRecord(item) ? [manifest(item, ["items", index])] : [])),
  };
}

/** Line of the deepest part of the path that is there: of its key, or of its item. */
function lineOf(document: Document.Parsed, path: FieldPath, lines: LineCounter): number | undefined {
  let node: unknown = document.contents;
  let offset = startOf(document.contents);
  for (const part of path) {
    if (isAlias(node)) node = node.resolve(document);
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(part));
      if (pair === undefined) break;
      offset = startOf(pair.key) ?? offset;
      node = pair.value;
    } else if (isSeq(node) && typeof part === "number" && part < node.items.length) {
      node = node.items[part];
      offset = startOf(node) ?? offset;
    } else break;
  }
  return offset === undefined ? undefined : lines.linePos(offset).line;
}

function startOf(node: unknown): number | undefined {
  return (node as Node | null | undefined)?.range?.[0];
}
