import { describe, expect, test } from "@jest/globals";
import { afterProbe, isAnswering, type ProbeOutcome, UNKNOWN_PEER } from "./peer-health.ts";

function after(...outcomes: readonly ProbeOutcome[]) {
  return outcomes.reduce((health, outcome, index) => afterProbe(health, outcome, index), UNKNOWN_PEER);
}

describe("a router", () => {
  test.each<[string, readonly ProbeOutcome[], number | undefined, boolean]>([
    ["that was never asked is not lost", [], undefined, false],
    ["that never answered is not lost", ["Failed", "Failed", "Failed"], undefined, false],
    ["that answered answers", ["Answered"], undefined, true],
    ["that missed one probe is not lost", ["Answered", "Failed"], undefined, false],
    ["that missed two is lost since the second", ["Answered", "Failed", "Failed", "Failed"], 2, false],
    ["that answered in between is not lost", ["Answered", "Failed", "Answered", "Failed"], undefined, false],
    ["that answers again is not lost", ["Answered", "Failed", "Failed", "Answered"], undefined, true],
    ["is not judged by a probe that tells nothing", ["Answered", "Failed", "Unknown"], undefined, false],
    ["is judged by the probes around it", ["Answered", "Failed", "Unknown", "Failed"], 3, false],
  ])("%s", (_what, outcomes, lostSince, answers) => {
    const health = after(...outcomes);
    expect(health.lostSince).toBe(lostSince);
    expect(isAnswering(health)).toBe(answers);
  });
});
