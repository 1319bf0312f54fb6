/**
 * The architecture as a test: each rule over all files, and each rule over a file that breaks it.
 */
import { globSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { RULES, violationsOf } from "./rules.ts";
import { parseSourceFile, readSourceFile } from "./source-file.ts";

const root = join(import.meta.dirname, "../..");
const files = globSync("{src,test,e2e,tools,bench}/**/*.ts", { cwd: root, exclude: ["**/node_modules/**"] })
  .toSorted()
  .map((path) => readSourceFile(root, path.replaceAll("\\", "/")));

test("there are files to look at", () => {
  expect(files.length).toBeGreaterThan(50);
});

test.each(Object.keys(RULES))("%s", (rule) => {
  const violations = violationsOf(rule, files).map(({ path, line, detail }) => `${path}:${line}: ${detail}`);
  expect(violations).toEqual([]);
});

describe("a rule finds what breaks it", () => {
  const header = "/**\n * A module.\n */\n";
  const leftOver = ["FIX", "ME"].join("");

  const examples: readonly [rule: string, path: string, text: string, line: number | undefined][] = [
    ["every folder of src has a place in the layers", "src/misfit/a.ts", header, 1],
    ["every folder of src has a place in the layers", "src/core/a.ts", header, undefined],
    ["imports go down the layers", "src/api/a.ts", `import "../core/b.ts";`, 1],
    ["imports go down the layers", "src/render/a.ts", `\nimport { b } from "../core/b.ts";`, 2],
    ["imports go down the layers", "src/core/a.ts", `import "../render/b.ts";`, undefined],
    ["imports go down the layers", "src/core/a/b.ts", `export * from "../../kube/b.ts";`, 1],
    ["imports go down the layers", "src/serve/a.ts", `import type { B } from "../fetch/b.ts";`, 1],
    ["imports go down the layers", "src/serve/a.ts", `const b = await import("../fetch/b.ts");`, 1],
    ["imports go down the layers", "src/kube/a.ts", `import "../sources/b.ts";`, 1],
    ["imports go down the layers", "src/core/a.ts", `import "../stats/b.ts";`, undefined],
    ["imports go down the layers", "src/operator/a.ts", `import "../../test/b.ts";`, 1],
    ["imports go down the layers", "src/main.ts", `import "./serve/command.ts";`, undefined],
    ["imports go down the layers", "src/serve/a.ts", `import "../main.ts";`, 1],
    [
      "a library that is hard to replace is known to one folder",
      "src/cli/a.ts",
      `import { KubeConfig } from "@kubernetes/client-node";`,
      1,
    ],
    [
      "a library that is hard to replace is known to one folder",
      "src/kube/a.ts",
      `import { KubeConfig } from "@kubernetes/client-node";`,
      undefined,
    ],
    [
      "a library that is hard to replace is known to one folder",
      "src/router/a.ts",
      `import "onnxruntime-node";`,
      1,
    ],
    ["pure layers import no I/O", "src/render/a.ts", `import { readFileSync } from "node:fs";`, 1],
    ["pure layers import no I/O", "src/render/a.ts", `import { createHash } from "node:crypto";`, undefined],
    ["pure layers import no I/O", "src/kube/a.ts", `import { request } from "node:https";`, undefined],
    ["pure layers have no clock, no chance and no world", "src/core/a.ts", "\n\nconst b = Date.now();", 3],
    ["pure layers have no clock, no chance and no world", "src/core/a.ts", "const b = new Date();", 1],
    [
      "pure layers have no clock, no chance and no world",
      "src/core/a.ts",
      "const b = new Date(0);",
      undefined,
    ],
    [
      "pure layers have no clock, no chance and no world",
      "src/core/a.ts",
      "// é\nconst b = Math.random();",
      2,
    ],
    ["pure layers have no clock, no chance and no world", "src/core/a.ts", "const b = process.env.B;", 1],
    ["pure layers have no clock, no chance and no world", "src/core/a.ts", "setTimeout(b, 1);", 1],
    ["pure layers have no clock, no chance and no world", "src/core/a.ts", "// Date.now()", undefined],
    [
      "pure layers have no clock, no chance and no world",
      "src/core/clock.ts",
      "const b = Date.now();",
      undefined,
    ],
    ["pure layers have no clock, no chance and no world", "src/core/clock.ts", "const b = Math.random();", 1],
    ["a file holds one concept", "src/core/a.ts", "\n".repeat(401), 401],
    ["a file holds one concept", "src/core/a.ts", "\n".repeat(400), undefined],
    ["a name says what is inside", "src/core/string-utils.ts", header, 1],
    ["a name says what is inside", "src/common/a.ts", header, 1],
    ["a name says what is inside", "src/core/a-manager.ts", header, 1],
    ["a name says what is inside", "src/core/management-interface.ts", header, undefined],
    ["names of files are kebab-case", "src/core/planTraffic.ts", header, 1],
    ["names of files are kebab-case", "src/core/plan-traffic.test.ts", header, undefined],
    ["a module opens with a header comment", "src/core/a.ts", `import "./b.ts";`, 1],
    ["a module opens with a header comment", "src/main.ts", `#!/usr/bin/env node\n${header}`, undefined],
    ["a module opens with a header comment", "src/core/a.test.ts", `import "./b.ts";`, undefined],
    ["every export has a doc comment", "src/core/a.ts", `${header}export const b = 1;`, 4],
    [
      "every export has a doc comment",
      "src/core/a.ts",
      `${header}\n/** B. */\nexport const b = 1;`,
      undefined,
    ],
    [
      "every export has a doc comment",
      "src/core/a.ts",
      `${header}\n/** B. */\n\nexport async function b() {}`,
      7,
    ],
    ["nothing is left over", "src/core/a.ts", `\n// ${leftOver}: later`, 2],
    ["nothing is left over", "src/core/a.ts", `const path = "/${"root"}/model";`, 1],
    [
      "nothing is left over",
      "src/core/a.ts",
      "// Copies to the root/ of the image, at /rooted/ or var/work/.",
      undefined,
    ],
  ];

  test.each(examples)("%s: %s %j", (rule, path, text, line) => {
    const lines = violationsOf(rule, [parseSourceFile(path, text)]).map((violation) => violation.line);
    expect(lines).toEqual(line === undefined ? [] : [line]);
  });

  test("and every rule is tried", () => {
    const broken = new Set(examples.flatMap(([rule, , , line]) => (line === undefined ? [] : [rule])));
    expect(broken).toEqual(new Set(Object.keys(RULES)));
  });
});
