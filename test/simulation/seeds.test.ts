/**
 * The simulation over many seeds. See `settings.ts` for how to run more of them, or one again.
 */
import { afterAll, expect, test } from "@jest/globals";
import { Coverage } from "./coverage.ts";
import { coverageProblems } from "./coverage-table.ts";
import { describeCoverage, describeFailure } from "./report.ts";
import { SeedRunner } from "./seed-runner.ts";
import { readSettings } from "./settings.ts";

const { seeds, steps } = readSettings(process.env);

/** Far more than a seed takes: only one that hangs gets there. */
const LONGEST_RUN_MILLISECONDS = 30_000;

/** Failures that are shown: a few tell more than one, all of them would fill the screen. */
const SHOWN_FAILURES = 3;

/** From so many seeds on, every cell of the coverage is met. */
const SEEDS_FOR_COVERAGE = 2_000;

const coverage = new Coverage();
const runner = new SeedRunner();
afterAll(() => runner.end());

test(
  "no invariant breaks in any seed, and every world comes to rest where it belongs",
  async () => {
    const failures: string[] = [];
    for await (const result of runner.run({ seeds, steps })) {
      coverage.add(result.coverage);
      const failure = describeFailure(result);
      if (failure !== undefined) failures.push(failure);
      if (failures.length === SHOWN_FAILURES) break;
    }
    process.stderr.write(`${describeCoverage(coverage, seeds.length, steps)}\n`);
    if (failures.length > 0) throw new Error(failures.join("\n\n"));
  },
  seeds.length * LONGEST_RUN_MILLISECONDS,
);

// A few seeds, run again to look at one, cannot meet every cell: the summary then names this test as not run.
const testCoverage = seeds.length < SEEDS_FOR_COVERAGE ? test.skip : test;

testCoverage("every fault has met every write of every planner", () => {
  expect(coverageProblems(coverage)).toEqual([]);
});
