/**
 * Petrel's image as it is built: small, of a user without rights, with one entry point, and with nothing in it that
 * could give a process more rights than it has.
 */
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { petrelImage, runOrFail } from "./cluster/index.ts";
import { clusterIsLocal } from "./scenario.ts";

const MAXIMUM_BYTES = 250e6;
// A given cluster runs a given image, which is not there to be looked into.
const testOnLocalCluster = clusterIsLocal ? test : test.skip;

let folder: string | undefined;
let layers: readonly string[];
let config: { readonly config: Readonly<Record<string, unknown>> };

beforeAll(async () => {
  if (!clusterIsLocal) return;
  const { archive } = await petrelImage(() => {});
  folder = mkdtempSync(join(tmpdir(), "petrel-image-"));
  await runOrFail("tar", ["-xf", archive, "-C", folder]);
  const [manifest] = JSON.parse(readFileSync(join(folder, "manifest.json"), "utf8"));
  config = JSON.parse(readFileSync(join(folder, manifest.Config), "utf8"));
  layers = manifest.Layers.map((name: string) => join(folder ?? "", name));
}, 1_200_000);

afterAll(() => {
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
});

testOnLocalCluster("it is smaller than 250 MB, uncompressed", () => {
  const bytes = layers.reduce((sum, layer) => sum + statSync(layer).size, 0);
  console.info(`petrel image: ${(bytes / 1e6).toFixed(0)} MB`);
  expect(bytes).toBeGreaterThan(50e6);
  expect(bytes).toBeLessThan(MAXIMUM_BYTES);
});

testOnLocalCluster("it runs as a user of number 65532", () => {
  expect(config.config).toMatchObject({ User: "65532:65532", Entrypoint: ["node", "/app/dist/main.js"] });
});

testOnLocalCluster("no file of it takes on other rights, and its programs belong to root", async () => {
  const listings = await Promise.all(layers.map((layer) => runOrFail("tar", ["-tvf", layer])));
  const files = listings
    .join("")
    .split("\n")
    .filter((line) => line.startsWith("-"));
  expect(files.length).toBeGreaterThan(100);
  expect(files.filter((line) => /^-\S*[sS]/.test(line.slice(0, 10)))).toEqual([]);
  const writable = files.filter((line) => /^-.{7}w/.test(line) || !/ (root|0)\/(root|0) /.test(line));
  expect(writable).toEqual([]);
});
