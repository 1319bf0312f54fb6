/**
 * The rules in CEL of a kind, checked without an API server. Pure.
 *
 * The library takes most of the language, not all of it: a test holds that it takes every rule of ours and judges
 * every manifest of the schema's tests as the API server does. A rule that cannot be judged counts as broken.
 */
import { Environment } from "@marcbachmann/cel-js";
import { asRecord } from "../../api/json.ts";
import type { KindDefinition } from "../../api/kind.ts";
import type { CelRule } from "../../api/schema.ts";
import { errorMessage } from "../../core/log.ts";
import { type Problem, parsePath } from "./finding.ts";

/** Those functions of the API server's libraries that our rules call, and that the language itself has not. */
const environment = new Environment({ unlistedVariablesAreDyn: false })
  .registerVariable("self", "dyn")
  .registerVariable("oldSelf", "dyn")
  .registerFunction("string.replace(string, string): string", (text: string, old: string, by: string) =>
    text.replaceAll(old, () => by),
  )
  .registerFunction("list.isSorted(): bool", (list: readonly number[]) =>
    list.every((value, index) => index === 0 || (list[index - 1] ?? value) <= value),
  )
  .registerFunction("list.sum(): double", (list: readonly number[]) =>
    list.reduce((sum, value) => sum + value, 0),
  );

/** Why a rule cannot be understood here, or undefined when it can. */
export function ruleObstacle({ rule }: CelRule): string | undefined {
  try {
    const { valid, error } = environment.parse(rule).check();
    return valid ? undefined : errorMessage(error);
  } catch (error) {
    return errorMessage(error);
  }
}

/** Whether a value keeps a rule. */
export function keeps({ rule }: CelRule, self: unknown): boolean {
  try {
    return environment.evaluate(rule, { self: celValue(self) }) === true;
  } catch {
    return false;
  }
}

/** All numbers in our schemas are integers, which CEL tells from floating point. */
function celValue(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(celValue);
  if (typeof value === "number") return BigInt(value);
  const record = asRecord(value);
  if (record === undefined) return value;
  return Object.fromEntries(Object.entries(record).map(([name, child]) => [name, celValue(child)]));
}

/** A rule's message begins with the field that it is about: `spec.model.digest: what is wrong; what to do`. */
function problemOf({ message }: CelRule): Problem {
  const [, field = "", text = message] = /^([\w.[\]]+): (.*)$/s.exec(message) ?? [];
  const [what = text, ...remedy] = text.split("; ");
  return {
    path: parsePath(field),
    message: what,
    ...(remedy.length === 0 ? {} : { remedy: remedy.join("; ") }),
  };
}

/** A rule about what may be changed. The API server asks it of a change alone, never of an object that is new. */
function isAboutChange({ rule }: CelRule): boolean {
  return /\boldSelf\b/.test(rule);
}

/**
 * The rules that an object breaks that is made new: those about changes are not asked. It must fit the schema, its
 * defaults filled in.
 */
export function brokenRules(kind: KindDefinition, object: unknown): readonly Problem[] {
  const isBroken = (self: unknown) => (rule: CelRule) => !isAboutChange(rule) && !keeps(rule, self);
  return [
    ...kind.rules.filter(isBroken(object)),
    ...kind.specRules.filter(isBroken(asRecord(object)?.["spec"])),
  ].map(problemOf);
}
