/**
 * How many hostile requests a fuzz test sends to a server: few enough for every run, and in a full run, which has a
 * random seed, as many as find what few do not.
 */

/** Runs of each property. */
export const FUZZ_RUNS = process.env["PETREL_TEST_FULL"] === undefined ? 400 : 20_000;
