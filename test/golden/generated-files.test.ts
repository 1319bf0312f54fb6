/**
 * What is generated and checked in must be what it is generated from says now.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { generatedFiles } from "../../tools/generated-files.ts";

const root = join(import.meta.dirname, "../..");

test.each([...generatedFiles()])("%s is not stale: `npm run generate` changes nothing", (path, content) => {
  const file = join(root, path);
  if (!existsSync(file)) throw new Error(`${path} does not exist; run \`npm run generate\``);
  expect(readFileSync(file, "utf8")).toBe(content);
});

test("no generated file is left of a kind or dashboard that is gone", () => {
  const files = generatedFiles();
  const present = ["crds", "charts/petrel/templates/crds", "charts/petrel/dashboards"].flatMap((folder) =>
    readdirSync(join(root, folder)).map((name) => `${folder}/${name}`),
  );
  expect(present.filter((path) => !files.has(path))).toEqual([]);
});
