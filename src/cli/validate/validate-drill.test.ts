/**
 * What is said about manifests of FailoverDrills is what the API server says of new ones: the table here is the one that
 * `test/apiserver/drill-schema.test.ts` puts to a real one.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { parse } from "yaml";
import { brokenConstraints } from "../../../test/apiserver/schema-constraints.ts";
import { failoverDrillKind } from "../../api/failover-drill.ts";
import { pathText } from "./finding.ts";
import { KNOWN_KINDS } from "./known-kinds.ts";
import { validateText } from "./validate-text.ts";

const file = join(import.meta.dirname, "../../../test/apiserver/manifests/drill/full.yaml");
const text = readFileSync(file, "utf8");
const full = parse(text);
const known = KNOWN_KINDS.find(({ definition }) => definition === failoverDrillKind);
if (known === undefined) throw new Error("expected the kind FailoverDrill among those that are known");
/** No drill has all of the fields, and each has its constraints. */
const whole = { ...full, spec: { ...full.spec, fault: { ...full.spec.fault, status: 500 } } };
const cases = [...brokenConstraints(known.specNode, whole, ["spec"])];

const verdictOn = (value: unknown) => validateText("a.yaml", JSON.stringify(value), new Set());

test("one with every field is accepted, and named as looked at", () => {
  expect(validateText("a.yaml", text, new Set())).toEqual({
    findings: [],
    checked: [{ file: "a.yaml", document: 1, object: "FailoverDrill/ranker-gpu-loss" }],
    passedOver: [],
  });
});

test("there are many constraints", () => expect(cases.length).toBeGreaterThan(40));

test.each(cases.map(({ name, object }) => [name, object] as const))("refused: %s", (name, object) => {
  const [place = ""] = name.split(" ");
  const own = name.endsWith("unknown field") ? `${place}.unheardOf` : place;
  const places = verdictOn(object).findings.map(({ check, path }) => [check, pathText(path)]);
  expect(places.some(([check, path]) => check === "Schema" && path?.startsWith(own))).toBe(true);
});

test.each([
  ["errors without a status", { fault: { type: "Errors", pool: "gpu" } }, "must be there for Errors"],
  [
    "a delay that no probe waits for",
    { fault: { type: "Latency", pool: "gpu", delay: "2s" } },
    "must be less than spec.probe.timeout",
  ],
  ["a fault that is too short", { duration: "16s" }, "must be at least a ninth more"],
  ["too few probes", { duration: "20s" }, "too few probes to show"],
  ["all of the probes", { objectives: { ...full.spec.objectives, availability: "100%" } }, "less than 100%"],
])("refused by a rule: %s", (_what, changes, message) => {
  const { findings } = verdictOn({ ...full, spec: { ...full.spec, ...changes } });
  expect(findings.map((finding) => JSON.stringify(finding)).join()).toContain(message);
});
