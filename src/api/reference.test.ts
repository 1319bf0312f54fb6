import { describe, expect, test } from "@jest/globals";
import Type from "typebox";
import type { KindDefinition } from "./kind.ts";
import { modelDeploymentKind } from "./model-deployment.ts";
import { referencePage } from "./reference.ts";

const page = referencePage(modelDeploymentKind);

describe("the reference page", () => {
  test("has a row for each field, with type, default, bounds and meaning", () => {
    expect(page).toContain("| `spec.model` | object | yes |  |  |");
    expect(page).toContain("| `spec.replicas` | integer |  | `1` | 0 to 1000 |");
    expect(page).toContain("| `spec.pools[].tolerations[].operator` | `Exists` or `Equal` |");
    expect(page).toContain("| `spec.pools[].resources.limits` | map |");
    expect(page).toContain("| `status.traffic.arms[].pools[].replicas` | integer | yes |");
  });

  test("states every rule", () => {
    for (const { message } of modelDeploymentKind.specRules) expect(page).toContain(`- ${message}.`);
  });

  test("has tables whose rows all have as many cells as their head", () => {
    const rows = page.split("\n").filter((line) => line.startsWith("|"));
    expect(rows.length).toBeGreaterThan(30);
    for (const row of rows) expect(row.match(/(?<!\\)\|/g)).toHaveLength(7);
  });

  test("keeps a bar in whatever text from breaking its table", () => {
    const kind: KindDefinition = {
      ...modelDeploymentKind,
      schema: Type.Object({
        spec: Type.Object({
          mode: Type.String({ description: "Either a|b.", default: "a|b", pattern: "^(a|b)$", maxLength: 3 }),
        }),
      }),
    };
    const row = referencePage(kind)
      .split("\n")
      .find((line) => line.startsWith("| `spec.mode`"));
    expect(row?.match(/(?<!\\)\|/g)).toHaveLength(7);
  });
});
