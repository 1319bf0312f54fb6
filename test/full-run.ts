/**
 * Whether this is a full run of the tests (`npm run test:full`), which has time for what takes too long for every run.
 *
 * It must never decide what is expected: a full run tries more, not something else.
 */

/** What `tools/test.ts --full` sets to 1 for all that it starts. */
export const FULL_RUN_VARIABLE = "PETREL_TEST_FULL";

/** Whether such an environment is that of a full run. */
export function isFullRun(environment: Readonly<Record<string, string | undefined>> = process.env): boolean {
  return environment[FULL_RUN_VARIABLE] === "1";
}
