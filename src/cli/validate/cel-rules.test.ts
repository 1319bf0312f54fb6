import { describe, expect, test } from "@jest/globals";
import { modelDeploymentKind } from "../../api/model-deployment.ts";
import { brokenRules, ruleObstacle } from "./cel-rules.ts";
import { KNOWN_KINDS } from "./known-kinds.ts";

const rules = KNOWN_KINDS.flatMap(({ definition }) => [...definition.rules, ...definition.specRules]);

describe("every rule is understood here", () => {
  test.each(rules.map((rule) => [rule.rule, rule] as const))("%s", (_text, rule) => {
    expect(ruleObstacle(rule)).toBeUndefined();
  });

  test("one that is not is told", () => {
    expect(ruleObstacle({ rule: "self.x.unheardOf(", message: "" })).toBeDefined();
  });
});

test("a rule that cannot be judged counts as broken", () => {
  const kind = { ...modelDeploymentKind, rules: [{ rule: "self.a.b > 1", message: "a.b: must be; do" }] };
  expect(brokenRules({ ...kind, specRules: [] }, {})).toEqual([
    { path: ["a", "b"], message: "must be", remedy: "do" },
  ]);
});

test("a rule about changes is not asked of what is new", () => {
  const kind = {
    ...modelDeploymentKind,
    rules: [{ rule: "self.a == oldSelf.a", message: "a: is for good" }],
  };
  expect(brokenRules({ ...kind, specRules: [] }, { a: 1 })).toEqual([]);
});
