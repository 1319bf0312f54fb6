/**
 * What jest reports of a tier, and what a second run of its failed files makes of it.
 *
 * On real parts a stall of the machine can fail a test that nothing is wrong with. Such a file gets one more run, and a
 * test that passes only then is named as unsteady in the summary, for somebody to look into. A test that fails twice has
 * failed, and so has a tier of which many files fail.
 */
import { relative } from "node:path";

/** The part of jest's report that is read. */
export interface JestReport {
  readonly testResults: readonly {
    /** Path of the file. */
    readonly name: string;
    readonly status: string;
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
}

/** Counts and names of a tier's tests. Names begin with the file, from the root of the repository. */
export interface TierReport {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** What failed counts: tests, and files that could not be run. */
  readonly failedTests: readonly string[];
  /** Tests that this machine could not run. */
  readonly skippedTests: readonly string[];
  /** Tests that failed, and passed when they were run again. */
  readonly unsteadyTests: readonly string[];
}

/** More failed files than a stall explains. */
const MOST_FILES_AGAIN = 3;

/** Paths of the files that are worth a second run: none when nothing failed, or too much. */
export function filesToRunAgain({ testResults }: JestReport): readonly string[] {
  const failed = testResults.filter(({ status }) => status === "failed").map(({ name }) => name);
  return failed.length > MOST_FILES_AGAIN ? [] : failed;
}

/**
 * Reads the report of a tier.
 *
 * @param again the report of a second run of {@link filesToRunAgain}. A file that it does not have stays as it was.
 */
export function readTierReport(root: string, first: JestReport, again?: JestReport): TierReport {
  const repeated = new Map(again?.testResults.map((result) => [result.name, result]));
  const results = first.testResults.map((result) => repeated.get(result.name) ?? result);
  const named = (report: readonly JestReport["testResults"][number][], wanted: string) =>
    report.flatMap(({ name, assertionResults }) =>
      assertionResults
        .filter(({ status }) => status === wanted)
        .map(({ fullName }) => `${relative(root, name)}: ${fullName}`),
    );
  const passed = named(results, "passed");
  const skipped = named(results, "pending");
  // A file that could not be run has no tests.
  const broken = results.filter(
    ({ status, assertionResults }) =>
      status === "failed" && !assertionResults.some((test) => test.status === "failed"),
  );
  const failed = [
    ...named(results, "failed"),
    ...broken.map(({ name }) => `${relative(root, name)}: the whole file`),
  ];
  const before = first.testResults.filter(({ name }) => repeated.has(name));
  const unsteady = [
    ...named(before, "failed").filter((test) => passed.includes(test)),
    ...before
      .filter(({ status, assertionResults }) => status === "failed" && assertionResults.length === 0)
      .filter(({ name }) => repeated.get(name)?.status === "passed")
      .map(({ name }) => `${relative(root, name)}: the whole file`),
  ];
  return {
    passed: passed.length,
    failed: failed.length,
    skipped: skipped.length + named(results, "todo").length,
    failedTests: failed,
    skippedTests: skipped,
    unsteadyTests: unsteady,
  };
}
