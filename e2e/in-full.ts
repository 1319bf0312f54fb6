/**
 * Tests of a real cluster that a full run alone takes: each waits for minutes, or brings much, for what another test
 * shows in part. They are skipped elsewhere, and counted as skipped.
 */
import { describe, test } from "@jest/globals";
import { isFullRun } from "../test/full-run.ts";

/** `test` of a full run. */
export const testInFull = isFullRun() ? test : test.skip;

/** `describe` of a full run. */
export const describeInFull = isFullRun() ? describe : describe.skip;
