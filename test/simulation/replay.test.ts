/**
 * A seed stands for its run: the same one again is the same, line by line, and another one is not.
 */
import { afterAll, expect, test } from "@jest/globals";
import { SeedRunner } from "./seed-runner.ts";
import type { SimulationResult } from "./simulation-result.ts";

const SEEDS = [1, 2, 3, 4, 5, 6];

const runner = new SeedRunner();
afterAll(() => runner.end());

async function run(): Promise<ReadonlyMap<number, SimulationResult>> {
  const results = new Map<number, SimulationResult>();
  for await (const result of runner.run({ seeds: SEEDS, steps: 120 })) results.set(result.seed, result);
  return results;
}

test("a seed replays exactly, and another one is another run", async () => {
  const first = await run();
  const again = await run();
  for (const seed of SEEDS) {
    expect(first.get(seed)?.operatorWrites).toBeGreaterThan(0);
    expect(again.get(seed)?.traceHash).toBe(first.get(seed)?.traceHash);
    expect(again.get(seed)?.lastLines).toEqual(first.get(seed)?.lastLines);
  }
  expect(new Set([...first.values()].map(({ traceHash }) => traceHash)).size).toBe(SEEDS.length);
}, 120_000);
