/**
 * The demo as the README promises it: from nothing to predictions, a lost node and a new model, and back to
 * nothing.
 */

import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { afterAll, expect, test } from "@jest/globals";
import { countTraces, readCluster, removeCluster, tracesOf } from "./cluster/index.ts";
import { clusterIsLocal } from "./scenario.ts";

const name = `demo-${randomBytes(3).toString("hex")}`;
// A cluster that was given must not be broken, and has no demo of ours: the summary then names this test as not run.
const testOnLocalCluster = clusterIsLocal ? test : test.skip;

/** Runs the demo to its end and gives all that it printed. */
function demo(
  ...args: readonly string[]
): Promise<{ readonly exitCode: number | null; readonly output: string }> {
  const child = spawn(process.execPath, [join(import.meta.dirname, "demo.ts"), "--name", name, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  }
  return new Promise((resolve) => child.once("close", (exitCode) => resolve({ exitCode, output })));
}

/**
 * Reads what the demo reported of its load. That nothing at all fails is held by node-lost.test.ts and update.test.ts,
 * one after the other on one cluster; here a second cluster shares the machine, and what is held is that the demo shows a
 * model that goes on answering.
 */
function expectMostAnswered(output: string, what: string, leastSent: number): void {
  const [, failed, sent] = output.match(new RegExp(`${what}: (\\d+) failed of (\\d+) requests`)) ?? [];
  expect(Number(sent)).toBeGreaterThanOrEqual(leastSent);
  expect(Number(failed)).toBeLessThan(Number(sent) / 2);
}

afterAll(async () => {
  if (readCluster(name) !== undefined) await removeCluster(name);
}, 120_000);

testOnLocalCluster(
  "the demo shows what it promises, stays up, and goes without a trace",
  async () => {
    // What the releases show, releases/label-gated-canary.test.ts holds, by the same code.
    const up = await demo("--no-releases");
    if (up.exitCode !== 0) throw new Error(`the demo ended with ${up.exitCode}:\n${up.output}`);
    expect(up.output).toMatch(/predictions by ranker-\w+/);
    expectMostAnswered(up.output, "node n\\d cut off", 1_000);
    expectMostAnswered(up.output, "new model revision", 500);
    expect(up.output).toContain("npm run demo -- --down");

    const layout = readCluster(name);
    if (layout === undefined) throw new Error("the demo left no cluster");
    expect(countTraces(tracesOf(layout.id, layout.folder))).toBeGreaterThan(0);

    const down = await demo("--down");
    expect(down.output).toContain("0 traces left");
    expect(countTraces(tracesOf(layout.id, layout.folder))).toBe(0);
  },
  900_000,
);
