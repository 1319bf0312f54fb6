/**
 * Judges a text of manifests without a cluster: the schema, the rules in CEL, and the lints. Pure.
 *
 * What it calls an error the API server refuses, and the other way round, as far as the text alone tells; what is
 * no kind of Petrel is passed over.
 */
import { asString, type JsonRecord, valueAt } from "../../api/json.ts";
import { API_GROUP, API_GROUP_VERSION } from "../../api/names.ts";
import { brokenRules } from "./cel-rules.ts";
import type { Finding, Problem } from "./finding.ts";
import type { StatedTraffic } from "./gate-plans.ts";
import { type Judged, KNOWN_KINDS } from "./known-kinds.ts";
import { readManifests } from "./manifest-text.ts";
import { schemaProblems, unknownField, withDefaults } from "./structural-schema.ts";

/** Names one object that was looked at, or passed over. */
export interface Seen {
  readonly file: string;
  readonly document: number;
  /** `KIND/NAME`. */
  readonly object: string;
}

/** What is said about a text. */
export interface Verdict {
  readonly findings: readonly Finding[];
  readonly checked: readonly Seen[];
  readonly passedOver: readonly Seen[];
}

const TOP_LEVEL_FIELDS = ["apiVersion", "kind", "metadata", "spec", "status"];
/** What the API server adds to `metadata.generateName`. */
const GENERATED_SUFFIX = "00000";

/**
 * Judges one text.
 *
 * @param ignoredLints are not asked.
 * @param traffic at which the quality gates are to decide, where it is stated.
 */
export function validateText(
  file: string,
  text: string,
  ignoredLints: ReadonlySet<string>,
  traffic?: StatedTraffic,
): Verdict {
  const { manifests, broken } = readManifests(text);
  const findings: Finding[] = broken.map(({ document, line, message }) => ({
    severity: "Error",
    check: "Syntax",
    file,
    document,
    ...(line === undefined ? {} : { line }),
    path: [],
    message,
  }));
  const checked: Seen[] = [];
  const passedOver: Seen[] = [];
  for (const manifest of manifests) {
    const { document } = manifest;
    const seen: Seen = { file, document, object: objectName(manifest.object) };
    if (isForeign(manifest.object)) {
      passedOver.push(seen);
      continue;
    }
    checked.push(seen);
    for (const { severity, check, problem } of judged(manifest.object, ignoredLints, traffic)) {
      const line = manifest.lineOf(problem.path);
      const place = line === undefined ? {} : { line };
      findings.push({ severity, check, ...seen, ...place, ...problem });
    }
  }
  return { findings, checked, passedOver };
}

function objectName(object: JsonRecord): string {
  const kind = asString(object["kind"]) ?? "object";
  const metadata = object["metadata"];
  const name = asString(valueAt(metadata, "name")) ?? asString(valueAt(metadata, "generateName"));
  return name === undefined ? kind : `${kind}/${name}`;
}

/** An object of another group. One without a kind is nobody's, so it is looked at. */
function isForeign(object: JsonRecord): boolean {
  const apiVersion = asString(object["apiVersion"]);
  return apiVersion !== undefined && object["kind"] !== undefined && !apiVersion.startsWith(`${API_GROUP}/`);
}

function judged(
  written: JsonRecord,
  ignoredLints: ReadonlySet<string>,
  traffic: StatedTraffic | undefined,
): readonly Judged[] {
  const errors = (check: string, problems: readonly Problem[]): readonly Judged[] =>
    problems.map((problem) => ({ severity: "Error", check, problem }));
  const known = KNOWN_KINDS.find(({ definition }) => definition.kind === written["kind"]);
  const wrongKind = kindProblems(written);
  if (known === undefined || wrongKind.length > 0) return errors("Schema", wrongKind);
  const { definition, specNode, fits, remarks } = known;
  const spec = withDefaults(specNode, written["spec"]);
  const misfits = [
    ...envelopeProblems(written),
    ...(spec === undefined ? [] : schemaProblems(specNode, spec, ["spec"])),
  ];
  // As the API server: rules are asked only about what fits the schema.
  if (misfits.length > 0 || !fits(spec)) return errors("Schema", misfits);
  const name = nameOf(written);
  const broken = brokenRules(definition, { ...written, metadata: { name }, spec });
  return broken.length > 0 ? errors("Rule", broken) : remarks(spec, ignoredLints, traffic);
}

function kindProblems(object: JsonRecord): readonly Problem[] {
  const problem = (field: string, wanted: readonly string[]): readonly Problem[] => {
    const came = object[field];
    if (wanted.some((one) => one === came)) return [];
    const message = `expected ${wanted.join(" or ")}, got ${came === undefined ? "nothing" : came}`;
    return [{ path: [field], message }];
  };
  const kinds = KNOWN_KINDS.map(({ definition }) => definition.kind);
  return [...problem("apiVersion", [API_GROUP_VERSION]), ...problem("kind", kinds)];
}

function nameOf(object: JsonRecord): string | undefined {
  const name = asString(valueAt(object["metadata"], "name"));
  const generated = asString(valueAt(object["metadata"], "generateName"));
  return name ?? (generated === undefined ? undefined : `${generated}${GENERATED_SUFFIX}`);
}

/** What is wrong around the spec. A status is dropped by the API server, whatever it is. */
function envelopeProblems(object: JsonRecord): readonly Problem[] {
  const unknown = Object.keys(object).filter((field) => !TOP_LEVEL_FIELDS.includes(field));
  return [
    ...unknown.map((field) => unknownField([field], field, TOP_LEVEL_FIELDS)),
    ...(nameOf(object) === undefined ? [{ path: ["metadata", "name"], message: "is required" }] : []),
    ...(object["spec"] === undefined || object["spec"] === null
      ? [{ path: ["spec"], message: "is required" }]
      : []),
  ];
}
