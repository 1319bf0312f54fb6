/**
 * How many hostile requests a fuzz test sends to a server: few enough for every run, and in a full run, which has a
 * random seed, as many as find what few do not.
 */
import { isFullRun } from "../full-run.ts";

/** Runs of each property. */
export const FUZZ_RUNS = isFullRun() ? 20_000 : 400;
