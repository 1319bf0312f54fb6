/** Why a person did something with a release or an experiment: text in a spec, for others to read. */

/** Longest reason, in characters. */
export const MAXIMUM_REASON_LENGTH = 256;
