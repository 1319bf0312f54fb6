/**
 * What the summary of the tests says after a second run: what failed twice has failed, what passed only then is named.
 */
import { describe, expect, test } from "@jest/globals";
import { filesToRunAgain, type JestReport, readTierReport } from "../../tools/tier-report.ts";

type Tests = Readonly<Record<string, "passed" | "failed" | "pending" | "todo">>;

/** A file failed when a test of it did, or when it could not be run, which its having no tests says. */
function reportOf(files: Readonly<Record<string, Tests>>): JestReport {
  const testResults = Object.entries(files).map(([file, tests]) => {
    const statuses = Object.values(tests);
    return {
      name: `/petrel/${file}`,
      status: statuses.length === 0 || statuses.includes("failed") ? "failed" : "passed",
      assertionResults: Object.entries(tests).map(([fullName, status]) => ({ fullName, status })),
    };
  });
  return { testResults };
}

const first = reportOf({
  "e2e/a.test.ts": { one: "passed", two: "failed", three: "pending" },
  "e2e/b.test.ts": { four: "passed", five: "todo" },
  "e2e/c.test.ts": {},
});

test("without a second run all failures count, a file that could not be run as one", () => {
  expect(readTierReport("/petrel", first)).toEqual({
    ...{ passed: 2, failed: 2, skipped: 2 },
    failedTests: ["e2e/a.test.ts: two", "e2e/c.test.ts: the whole file"],
    skippedTests: ["e2e/a.test.ts: three"],
    unsteadyTests: [],
  });
});

describe("a second run", () => {
  test("what passes in it passed, and is named", () => {
    const again = reportOf({
      "e2e/a.test.ts": { one: "passed", two: "passed", three: "pending" },
      "e2e/c.test.ts": { six: "passed" },
    });
    expect(readTierReport("/petrel", first, again)).toEqual({
      ...{ passed: 4, failed: 0, skipped: 2 },
      failedTests: [],
      skippedTests: ["e2e/a.test.ts: three"],
      unsteadyTests: ["e2e/a.test.ts: two", "e2e/c.test.ts: the whole file"],
    });
  });

  test("what fails in it has failed, though it passed before", () => {
    const again = reportOf({ "e2e/a.test.ts": { one: "failed", two: "failed", three: "pending" } });
    expect(readTierReport("/petrel", first, again)).toEqual({
      ...{ passed: 1, failed: 3, skipped: 2 },
      failedTests: ["e2e/a.test.ts: one", "e2e/a.test.ts: two", "e2e/c.test.ts: the whole file"],
      skippedTests: ["e2e/a.test.ts: three"],
      unsteadyTests: [],
    });
  });

  test("a file that it does not have has still failed", () => {
    expect(readTierReport("/petrel", first, reportOf({}))).toMatchObject({ failed: 2, unsteadyTests: [] });
  });
});

test("only what failed is run again, and nothing when many files failed", () => {
  expect(filesToRunAgain(first)).toEqual(["/petrel/e2e/a.test.ts", "/petrel/e2e/c.test.ts"]);
  expect(filesToRunAgain(reportOf({ "e2e/b.test.ts": { four: "passed" } }))).toEqual([]);
  const failed = ["a", "b", "c", "d"].map((name) => [name, { test: "failed" }] as const);
  expect(filesToRunAgain(reportOf(Object.fromEntries(failed.slice(1))))).toHaveLength(3);
  expect(filesToRunAgain(reportOf(Object.fromEntries(failed)))).toEqual([]);
});
