/**
 * What the dashboards of the chart ask for is there: a name that nothing has makes a panel that is empty for ever, and
 * nobody is told. Whether Prometheus takes the queries, the apiserver tier asks promtool.
 */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { parse } from "yaml";
import { DASHBOARDS } from "../../tools/dashboards/register.ts";

const root = join(import.meta.dirname, "../..");
const textOf = (file: string) => readFileSync(join(root, file), "utf8");

/** Names of Petrel's own series: those that a program makes, and those that rules record. */
const made = globSync("src/**/*.ts", { cwd: root })
  .filter((file) => !file.endsWith(".test.ts"))
  .flatMap((file) => [...textOf(file).matchAll(/"(petrel_[a-z_]+)"/g)].map(([, name = ""]) => name));
const recorded = globSync("charts/petrel/rules/*.yaml", { cwd: root }).flatMap((file) =>
  parse(textOf(file)).groups.flatMap((group: { readonly rules: readonly { readonly record?: string }[] }) =>
    group.rules.flatMap(({ record }) => record ?? []),
  ),
);
const known = new Set<string>([...made, ...recorded]);

describe.each([...DASHBOARDS])("%s", (_, dashboard) => {
  const text = JSON.stringify([dashboard.panels, dashboard.templating]);

  test("asks for series that are there", () => {
    // Not the label petrel_component, behind which its value stands.
    const named = [...text.matchAll(/\bpetrel[_:][a-z0-9_:]+\b(?!=)/g)].map(([name]) => name);
    const unknown = named.filter(
      (name) => !known.has(name) && !known.has(name.replace(/_(bucket|sum|count)$/, "")),
    );
    expect(named.length).toBeGreaterThan(0);
    expect(unknown).toEqual([]);
  });

  test("uses what its reader chooses from, and nothing else", () => {
    const choices = dashboard.templating?.list?.map(({ name }) => name) ?? [];
    const used = [...text.matchAll(/\$(?!__)(\w+)/g)].map(([, name]) => name);
    expect([...new Set(used)].toSorted()).toEqual(choices.toSorted());
  });
});
