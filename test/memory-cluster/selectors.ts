/**
 * Label and field selectors in the API's own syntax. Pure.
 */

import { isRecord } from "../../src/api/json.ts";
import type { KubeObject } from "../../src/api/kube-object.ts";
import { KubeError, type Scope } from "../../src/kube/port.ts";

/** Whether an object is in a scope. Parsed once, used for many objects. */
export type ObjectFilter = (object: KubeObject) => boolean;

type LabelTest = (labels: Readonly<Record<string, string>>) => boolean;

/** The filter of a scope. Throws {@link KubeError} 400 on a selector that it cannot read. */
export function filterOf(scope: Scope): ObjectFilter {
  const labels = labelTests(scope.labelSelector ?? "");
  const fields = fieldTests(scope.fieldSelector ?? "");
  return (object) =>
    (scope.namespace === undefined || object.metadata.namespace === scope.namespace) &&
    labels.every((test) => test(object.metadata.labels ?? {})) &&
    fields.every((test) => test(object));
}

function labelTests(selector: string): readonly LabelTest[] {
  // Commas inside the parentheses of `in (a,b)` separate values, not requirements.
  return (selector.match(/(?:[^,(]|\([^)]*\))+/g) ?? []).map((text) => labelTest(text.trim()));
}

function labelTest(text: string): LabelTest {
  const set = /^(\S+)\s+(in|notin)\s+\(([^)]*)\)$/.exec(text);
  if (set !== null) {
    const [, key = "", operator, list = ""] = set;
    const values = list.split(",").map((value) => value.trim());
    const isIn = (labels: Readonly<Record<string, string>>) => values.includes(labels[key] ?? "\0");
    return operator === "in" ? isIn : (labels) => !isIn(labels);
  }
  const equality = /^([^\s=!]+)\s*(==|=|!=)\s*(\S*)$/.exec(text);
  if (equality !== null) {
    const [, key = "", operator, value = ""] = equality;
    return operator === "!=" ? (labels) => labels[key] !== value : (labels) => labels[key] === value;
  }
  const existence = /^(!?)\s*([^\s=!()]+)$/.exec(text);
  if (existence !== null) {
    const [, not, key = ""] = existence;
    return not === "!" ? (labels) => labels[key] === undefined : (labels) => labels[key] !== undefined;
  }
  throw new KubeError(
    400,
    "BadRequest",
    `unable to parse the label selector requirement ${JSON.stringify(text)}`,
  );
}

function fieldTests(selector: string): readonly ObjectFilter[] {
  return selector.split(",").flatMap((text) => {
    if (text.trim() === "") return [];
    const match = /^([A-Za-z.]+)(==|=|!=)(.*)$/.exec(text.trim());
    if (match === null) {
      throw new KubeError(400, "BadRequest", `unable to parse the field selector ${JSON.stringify(text)}`);
    }
    const [, path = "", operator, value = ""] = match;
    const found = (object: KubeObject) => String(fieldAt(object, path.split(".")) ?? "");
    return [
      operator === "!="
        ? (object: KubeObject) => found(object) !== value
        : (object: KubeObject) => found(object) === value,
    ];
  });
}

function fieldAt(object: unknown, path: readonly string[]): unknown {
  return path.reduce((value: unknown, name) => (isRecord(value) ? value[name] : undefined), object);
}
