/**
 * The state machine of a release in and after its holdback: every state x event.
 */
import { describe, expect, test } from "@jest/globals";
import { HOUR, Release } from "../../../test/fixtures/release.ts";
import type { ModelRolloutSpec } from "../../api/model-rollout-spec.ts";
import type { RolloutView } from "./rollout-view.ts";

const SPEC: Partial<ModelRolloutSpec> = {
  strategy: { type: "Canary", canary: { steps: [{ weight: "10%", minDuration: "1h" }] } },
  holdback: { weight: "5%", for: "96h" },
};
const held = (release: Release, view: Partial<RolloutView> = {}, spec: Partial<ModelRolloutSpec> = {}) =>
  release.look(view, { ...SPEC, ...spec });
const ABORT = { decision: "Abort" } as const;
/** Stable has one of its four replicas. */
const QUARTER = { stableCarries: 2_500 };

const inStep = () => held(held(new Release()));
const begun = () => held(held(inStep().pass(HOUR)));

const STATES = {
  "the step before": inStep,
  begun: () => held(begun()),
  "its time is over": () => held(begun()).pass(96 * HOUR),
  "all the traffic, promoted by a person": () => held(begun(), {}, { decision: "Promote" }),
  "without traffic": () => held(held(begun()), { anyIsReady: false, carries: () => false }),
  returning: () => held(held(begun()), QUARTER, ABORT),
} as const;

const EVENTS: Readonly<Record<string, readonly [Partial<RolloutView>?, Partial<ModelRolloutSpec>?]>> = {
  "nothing happens": [],
  "a replica is missing": [{ carries: () => false }],
  "no replica is ready": [{ carries: () => false, anyIsReady: false }],
  "it is paused": [{}, { paused: true }],
  "a person promotes": [{}, { decision: "Promote" }],
  "a person aborts": [QUARTER, ABORT],
  "a person aborts, and stable has all its replicas": [{}, ABORT],
  "a person undoes it": [{ ...QUARTER, isUndone: true }],
  "the spec returns to stable": [{ ...QUARTER, isReturned: true }],
  "the spec asks for another": [{ isReplaced: true }],
  "the spec asks for another, and it is paused": [{ isReplaced: true }, { paused: true }],
  "stable has no ready replica": [{ stableIsLost: true, stableCarries: 0 }],
  "a gate fails": [{ ...QUARTER, judge: () => [{ name: "bad", outcome: "Fail", message: "worse" }] }],
  "a gate waits": [{ judge: () => [{ name: "slow", outcome: "Wait", message: "few labels" }] }],
  "it has become stable": [{ role: "Promoted" }],
  "it is replaced without traffic": [{ role: "Replaced" }],
};

const HOLDING = "HoldingBack 2 of 3: 9500, room for 10000, stable for 500";
const ALL = "Promoting 3 of 3: 10000, room for 10000, stable for 500";
const BACK = "Returning 2 of 3: 7500, room for 7500, stable for 10000";
const TABLE: Readonly<Record<keyof typeof STATES, Readonly<Record<string, string>>>> = {
  "the step before": {
    "*": "Progressing 1 of 3: 1000, room for 1000, stable for 10000",
    "no replica is ready": "Progressing 1 of 3: 0, room for 1000, stable for 10000",
    "it is paused": "Paused 1 of 3: 1000, room for 1000, stable for 10000",
    "the spec asks for another, and it is paused": "Paused 1 of 3: 1000, room for 1000, stable for 10000",
    "a person promotes": "Promoting 3 of 3: 10000, room for 10000, stable for 10000",
    "a person aborts": "Aborted",
    "a person aborts, and stable has all its replicas": "Aborted",
    "a gate fails": "Aborted",
    "it has become stable": "Promoted",
    "it is replaced without traffic": "Superseded",
  },
  begun: {
    "*": HOLDING,
    "no replica is ready": "HoldingBack 2 of 3: 0, room for 10000, stable for 10000",
    "it is paused": "Paused 2 of 3: 9500, room for 10000, stable for 500",
    "a person promotes": ALL,
    "the spec asks for another": ALL,
    "the spec asks for another, and it is paused": ALL,
    "a person aborts": BACK,
    "a person aborts, and stable has all its replicas": "Aborted",
    "a person undoes it": BACK,
    "the spec returns to stable": BACK,
    "a gate fails": BACK,
    "it has become stable": "Promoted",
    "it is replaced without traffic": "Superseded",
  },
  "its time is over": {
    "*": ALL,
    "no replica is ready": "HoldingBack 2 of 3: 0, room for 10000, stable for 10000",
    "it is paused": "Paused 2 of 3: 9500, room for 10000, stable for 500",
    "a person aborts": BACK,
    "a person aborts, and stable has all its replicas": "Aborted",
    "a person undoes it": BACK,
    "the spec returns to stable": BACK,
    "a gate fails": BACK,
    "it has become stable": "Promoted",
    "it is replaced without traffic": "Superseded",
  },
  "all the traffic, promoted by a person": {
    "*": ALL,
    "no replica is ready": "Promoting 3 of 3: 0, room for 10000, stable for 10000",
    "it is paused": "Paused 3 of 3: 10000, room for 10000, stable for 500",
    "a person aborts": "Returning 3 of 3: 7500, room for 7500, stable for 10000",
    "a person aborts, and stable has all its replicas": "Aborted",
    "a person undoes it": "Returning 3 of 3: 7500, room for 7500, stable for 10000",
    "the spec returns to stable": "Returning 3 of 3: 7500, room for 7500, stable for 10000",
    "a gate fails": "Returning 3 of 3: 7500, room for 7500, stable for 10000",
    "it has become stable": "Promoted",
    "it is replaced without traffic": "Superseded",
  },
  "without traffic": {
    "*": HOLDING,
    "a replica is missing": "HoldingBack 2 of 3: 0, room for 10000, stable for 10000",
    "no replica is ready": "HoldingBack 2 of 3: 0, room for 10000, stable for 10000",
    "it is paused": "Paused 2 of 3: 9500, room for 10000, stable for 500",
    "a person promotes": ALL,
    "the spec asks for another": ALL,
    "the spec asks for another, and it is paused": ALL,
    "a person aborts": "Aborted",
    "a person aborts, and stable has all its replicas": "Aborted",
    "a person undoes it": "Superseded",
    "the spec returns to stable": "Superseded",
    "a gate fails": "Aborted",
    "it has become stable": "Promoted",
    "it is replaced without traffic": "Superseded",
  },
  returning: {
    "*": "Aborted",
    "a person aborts": BACK,
    "a person undoes it": BACK,
    "the spec returns to stable": BACK,
    "stable has no ready replica": BACK,
    "a gate fails": BACK,
    "it has become stable": "Promoted",
  },
};

function textOf({ text, outcome, status }: Release): string {
  if (status.verdict !== undefined) return status.verdict.outcome;
  return `${text}, stable for ${outcome?.holdback?.stableRoom ?? 10_000}`;
}

describe.each(Object.keys(STATES) as (keyof typeof STATES)[])("%s", (state) => {
  test.each(Object.entries(EVENTS))("when %s", (event, [view, spec]) => {
    const release = held(STATES[state](), view, spec);
    expect(textOf(release)).toBe(TABLE[state][event] ?? TABLE[state]["*"]);
  });

  test.each(Object.entries(EVENTS))("comes to rest when %s", (_event, [view, spec]) => {
    const release = STATES[state]();
    for (let look = 0; look < 4; look++) held(release, view, spec);
    const { status } = release;
    expect(held(release, view, spec).status).toEqual(status);
  });
});

test("what goes back never comes again, and the verdict is the one that fell first", () => {
  const release = STATES.returning();
  const weights = [5_000, 2_500, 7_500, 9_900].map((stableCarries) => {
    held(release, { stableCarries, isReturned: true }, { decision: "Promote" });
    return release.outcome?.weight;
  });
  expect(weights).toEqual([5_000, 5_000, 2_500, 100]);
  held(release, {});
  expect(release.status.verdict).toMatchObject({ outcome: "Aborted", reason: "DecidedByPerson" });
  expect(release.status.returning).toBeUndefined();
});

test("its time begins when its share is in effect, and lasts", () => {
  const release = held(inStep().pass(HOUR), { planIsInEffect: false });
  held(release.pass(50 * HOUR), { planIsInEffect: false });
  expect(release.status.nextCheckAt).toBeUndefined();
  held(release);
  held(release.pass(96 * HOUR - 1));
  expect(release.status.phase).toBe("HoldingBack");
  held(release.pass(1));
  expect(release.status.phase).toBe("Promoting");
});

test("one whose ModelRollout was deleted goes on where its traffic says, and takes the holdback anew", () => {
  const release = begun();
  release.status = {};
  held(release, { isHeldBack: true });
  expect(textOf(release)).toBe(HOLDING);
  expect(release.status.history).toMatchObject([{ step: 2, weight: "95%" }]);
});

test("one that was deleted while its traffic went back keeps what it has: stable carries no more", () => {
  const release = STATES.returning();
  release.status = {};
  held(release, { isHeldBack: true, carries: () => false });
  expect(release.outcome?.weight).toBe(7_500);
  held(release, { isHeldBack: true });
  expect(textOf(release)).toBe(HOLDING);
});

test("where the record of the old revision is lost in the way back, the verdict tells", () => {
  const release = held(STATES.returning(), { role: "Promoted" });
  expect(release.status.verdict).toMatchObject({
    outcome: "Promoted",
    reason: "StableLost",
    message: expect.stringContaining("it was to be given up: a person gave the release up"),
  });
});
