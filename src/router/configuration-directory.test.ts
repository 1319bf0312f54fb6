import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { configurationLayout } from "../render/envoy/layout.ts";
import { resourceFile } from "../render/envoy/resource.ts";
import { ConfigurationDirectory } from "./configuration-directory.ts";
import type { ConfigurationFiles } from "./sequence.ts";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "petrel-configuration-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const file = (text: string) => resourceFile([{ "@type": text }]);
const NOTHING: ConfigurationFiles = {
  endpoints: new Map(),
  knownClusters: new Set(),
  secrets: new Map(),
  clusters: file("clusters"),
  routes: new Map(),
  knownListeners: new Set(),
  listeners: file("listeners"),
};

async function prepared() {
  const layout = configurationLayout(join(root, "envoy"));
  const directory = new ConfigurationDirectory(layout);
  await directory.prepare({ node: {} });
  return { layout, directory };
}

test("has all that Envoy needs to start, readable for another user", async () => {
  const { layout } = await prepared();
  for (const path of [layout.bootstrap, layout.clusters, layout.listeners]) {
    expect(statSync(path).mode & 0o777).toBe(0o644);
    expect(() => JSON.parse(readFileSync(path, "utf8"))).not.toThrow();
  }
  expect(readdirSync(join(root, "envoy")).filter((name) => name.endsWith(".new"))).toEqual([]);
});

test("leaves what an earlier run wrote", async () => {
  const { layout, directory } = await prepared();
  await directory.write(NOTHING);
  await new ConfigurationDirectory(layout).prepare({ node: {} });
  expect(readFileSync(layout.clusters, "utf8")).toBe(NOTHING.clusters.content);
});

test("writes each version once, and by a rename", async () => {
  const { layout, directory } = await prepared();
  await directory.write(NOTHING);
  const inode = statSync(layout.clusters).ino;
  writeFileSync(layout.listeners, "changed by hand");
  await directory.write(NOTHING);
  expect(statSync(layout.clusters).ino).toBe(inode);
  expect(readFileSync(layout.listeners, "utf8")).toBe("changed by hand");
  await directory.write({ ...NOTHING, secrets: new Map(), clusters: file("others") });
  expect(statSync(layout.clusters).ino).not.toBe(inode);
});

test("keeps the files that Envoy may still read, and removes the others", async () => {
  const { layout, directory } = await prepared();
  const full = { ...NOTHING, endpoints: new Map([["c", file("c")]]), routes: new Map([["m", file("m")]]) };
  await directory.write(full);
  await directory.write({ ...NOTHING, knownClusters: new Set(["c"]), knownListeners: new Set(["m"]) });
  expect([layout.endpoints("c"), layout.routes("m")].map((path) => existsSync(path))).toEqual([true, true]);
  await directory.write(NOTHING);
  expect([layout.endpoints("c"), layout.routes("m")].map((path) => existsSync(path))).toEqual([false, false]);
  await directory.write(full);
  expect([layout.endpoints("c"), layout.routes("m")].map((path) => existsSync(path))).toEqual([true, true]);
});

test("notes plans, and counts a note that cannot be read as none", async () => {
  const { layout, directory } = await prepared();
  expect([...(await directory.readPlans())]).toEqual([]);
  const plan = { port: 10_000, epoch: 2, timeout: "1s", perTryTimeout: "300ms", arms: [] };
  const known = { serving: plan, others: [{ ...plan, epoch: 3 }] };
  await directory.writePlans(new Map([["ranker", known]]));
  expect([...(await directory.readPlans())]).toEqual([["ranker", known]]);
  const broken = { ...plan, port: 1 };
  const note = { ranker: { ...known, others: [...known.others, broken] }, other: { serving: broken } };
  writeFileSync(layout.plans, JSON.stringify({ ...note, new: { others: [plan] } }));
  expect([...(await directory.readPlans())]).toEqual([
    ["ranker", known],
    ["new", { others: [plan] }],
  ]);
  writeFileSync(layout.plans, "{");
  expect([...(await directory.readPlans())]).toEqual([]);
});
