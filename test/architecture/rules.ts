/**
 * The rules that hold the house together. Each is a function from a file to the violations in it; the table at
 * the end is the list of what is required.
 *
 * A rule must never fix or excuse anything: an exception stands in its own table, with its reason.
 */
import { posix } from "node:path";
import type { Located, SourceFile } from "./source-file.ts";

/** A line that breaks a rule. */
export interface Violation {
  readonly path: string;
  readonly line: number;
  readonly rule: string;
  readonly detail: string;
}

/** Finds what breaks one rule in one file. */
export type Rule = (file: SourceFile) => readonly Located[];

const PROGRAMS = ["operator", "serve", "sidecar", "collect", "router", "fetch", "probe", "cli"];

/** Layers from the top down. An import goes down, or stays inside its own folder. */
const LAYERS: readonly (readonly string[])[] = [
  ["main.ts", "kubectl-petrel.ts"],
  // What it measures is the model server, and what it reads is fetched: it stands upon both.
  ["evaluate"],
  PROGRAMS,
  // Written by two of the programs.
  ["training-log"],
  ["kube", "sources", "faults", "process", "records"],
  ["core", "anomaly", "stats", "metrics", "token", "tap"],
  ["render"],
  ["api"],
];

/** Folders that only decide and describe: no I/O, no time, no randomness. */
const PURE_FOLDERS = ["core", "render", "api", "anomaly", "stats", "metrics", "token", "tap"];

/** Files of the pure folders that may use a global, and which. */
const IMPURE_BY_PURPOSE: Readonly<Record<string, readonly string[]>> = {
  // The one place where the machine's own time comes in.
  "src/core/clock.ts": ["Date.now", "performance.now", "setTimeout", "clearTimeout"],
};

/** Packages that one folder alone may import. */
const PACKAGE_OWNERS: Readonly<Record<string, string>> = {
  "@kubernetes/client-node": "src/kube/",
  "onnxruntime-node": "src/serve/",
};

const MAXIMUM_LINES = 400;
const VAGUE_NAMES = /(^|[-_])(utils?|helpers?|common|managers?|misc)([-_.]|$)/;

function isTest(path: string): boolean {
  return path.endsWith(".test.ts") || path.includes("/testdata/");
}

function isSource(path: string): boolean {
  return path.startsWith("src/") && !isTest(path);
}

/** The part of a path in `src` that a layer is made of: a folder, or a file beside the folders. */
function folderOf(path: string): string | undefined {
  return path.startsWith("src/") ? path.split("/")[1] : undefined;
}

function layerOf(folder: string | undefined): number {
  return LAYERS.findIndex((folders) => folder !== undefined && folders.includes(folder));
}

function targetOf(file: SourceFile, specifier: string): string | undefined {
  return specifier.startsWith(".") ? posix.join(posix.dirname(file.path), specifier) : undefined;
}

/** Every folder of `src` has a place in the layers. */
const knownFolders: Rule = ({ path }) => {
  const folder = folderOf(path);
  if (folder === undefined || layerOf(folder) >= 0) return [];
  return [{ text: `${folder} has no place in the layers`, line: 1 }];
};

/** Imports go down the layers; programs, and folders of one layer, do not know each other. */
const downwardImports: Rule = (file) => {
  if (!isSource(file.path)) return [];
  const from = folderOf(file.path);
  return file.imports.flatMap(({ text, line }) => {
    const target = targetOf(file, text);
    if (target === undefined) return [];
    const to = folderOf(target);
    if (to === undefined) return [{ text: `imports ${target}, which is outside src`, line }];
    if (to === from || (layerOf(from) < layerOf(to) && layerOf(to) >= 0)) return [];
    const areBesides = layerOf(from) === layerOf(to);
    // `core` and `stats` and `metrics` serve each other; programs and edges do not.
    if (areBesides && PURE_FOLDERS.includes(to)) return [];
    return [{ text: `${from} imports ${areBesides ? "sideways" : "upwards"} from ${to}`, line }];
  });
};

/** A library that is hard to replace is known to one folder. */
const ownedPackages: Rule = (file) =>
  file.imports.flatMap(({ text, line }) => {
    const owner = Object.entries(PACKAGE_OWNERS).find(
      ([name]) => text === name || text.startsWith(`${name}/`),
    );
    if (owner === undefined || !file.path.startsWith("src/") || file.path.startsWith(owner[1])) return [];
    return [{ text: `imports ${owner[0]}, which only ${owner[1]} may`, line }];
  });

function isPure(path: string): boolean {
  return isSource(path) && PURE_FOLDERS.includes(folderOf(path) ?? "");
}

/** What only computes imports no module of Node but its hashes. */
const pureImports: Rule = (file) => {
  if (!isPure(file.path)) return [];
  return file.imports
    .filter(({ text }) => text.startsWith("node:") && text !== "node:crypto")
    .map(({ text, line }) => ({ text: `a pure layer imports ${text}`, line }));
};

const IMPURE_USES =
  /^(Date\.now|Date|new Date\(\)|performance\.now|Math\.random|process\..*|console\..*|fetch|crypto\..*|randomUUID|randomBytes|randomInt|set(Timeout|Interval|Immediate)|clear(Timeout|Interval|Immediate)|queueMicrotask)$/;

/** What only computes has no clock, no chance and no world. */
const pureUses: Rule = (file) => {
  if (!isPure(file.path)) return [];
  const allowed = IMPURE_BY_PURPOSE[file.path] ?? [];
  return file.uses
    .filter(({ text }) => IMPURE_USES.test(text) && !allowed.includes(text))
    .map(({ text, line }) => ({ text: `a pure layer uses ${text}`, line }));
};

/** A file holds one concept. */
const shortFiles: Rule = ({ lines }) => {
  const count = lines.length - 1;
  return count > MAXIMUM_LINES
    ? [{ text: `has ${count} lines, more than ${MAXIMUM_LINES}`, line: count }]
    : [];
};

/** A name says what is inside. */
const tellingNames: Rule = ({ path }) => {
  const name = path.split("/").findLast((part) => VAGUE_NAMES.test(part));
  return name === undefined ? [] : [{ text: `the name ${name} says nothing`, line: 1 }];
};

/** Names of files are nouns in kebab-case. */
const kebabCaseNames: Rule = ({ path }) => {
  const name = path.slice(path.lastIndexOf("/") + 1);
  return /^[a-z0-9]+(-[a-z0-9]+)*(\.test)?\.ts$/.test(name)
    ? []
    : [{ text: `${name} is not kebab-case`, line: 1 }];
};

/** A module says what it is before its first statement. */
const headerComments: Rule = ({ path, lines }) => {
  if (isTest(path)) return [];
  const first = lines[0]?.startsWith("#!") === true ? 1 : 0;
  return lines[first]?.startsWith("/**") === true
    ? []
    : [{ text: "opens without a header comment", line: first + 1 }];
};

const EXPORTED_DECLARATION =
  /^export (?:default )?(?:declare )?(?:abstract )?(?:async )?(?:function\*?|class|interface|type|const|let) (\w+)/;

/** What others use is explained where it stands. */
const documentedExports: Rule = ({ path, lines }) => {
  if (!isSource(path)) return [];
  return lines.flatMap((line, index) => {
    const name = EXPORTED_DECLARATION.exec(line)?.[1];
    // The header comment is not the comment of the first export.
    const end = lines[index - 1]?.trimEnd() ?? "";
    const start = lines.slice(0, index).findLastIndex((before) => before.startsWith("/**"));
    const isDocumented = end.endsWith("*/") && start > 0;
    return name === undefined || isDocumented
      ? []
      : [{ text: `${name} has no doc comment`, line: index + 1 }];
  });
};

const LEFT_OVERS = new RegExp(
  ["TO" + "DO", "FIX" + "ME", "HA" + "CK", "XX" + "X"].map((word) => `\\b${word}\\b`).join("|"),
);
const DEVELOPER_PATHS = /(?<![\w.:/*-])\/(work|root|home\/\w+|Users\/\w+)\//;

/** No promise for later, and nothing of the machine on which it was written. */
const noLeftOvers: Rule = ({ lines }) =>
  lines.flatMap((line, index) => {
    const found = LEFT_OVERS.exec(line)?.[0] ?? DEVELOPER_PATHS.exec(line)?.[0];
    return found === undefined ? [] : [{ text: `holds ${found}`, line: index + 1 }];
  });

/** All rules, by what they require. */
export const RULES: Readonly<Record<string, Rule>> = {
  "every folder of src has a place in the layers": knownFolders,
  "imports go down the layers": downwardImports,
  "a library that is hard to replace is known to one folder": ownedPackages,
  "pure layers import no I/O": pureImports,
  "pure layers have no clock, no chance and no world": pureUses,
  "a file holds one concept": shortFiles,
  "a name says what is inside": tellingNames,
  "names of files are kebab-case": kebabCaseNames,
  "a module opens with a header comment": headerComments,
  "every export has a doc comment": documentedExports,
  "nothing is left over": noLeftOvers,
};

/** What breaks one rule in some files. */
export function violationsOf(rule: string, files: readonly SourceFile[]): readonly Violation[] {
  const find = RULES[rule];
  if (find === undefined) throw new Error(`there is no rule "${rule}"`);
  return files.flatMap((file) =>
    find(file).map(({ text, line }) => ({ path: file.path, line, rule, detail: text })),
  );
}
