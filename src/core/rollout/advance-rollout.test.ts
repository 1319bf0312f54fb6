/**
 * The state machine of a release: every state x event.
 */
import { describe, expect, test } from "@jest/globals";
import { HOUR, Release } from "../../../test/fixtures/release.ts";
import type { ModelRolloutStatus } from "../../api/model-rollout-status.ts";
import { STABLE_LOSS_MILLISECONDS } from "./advance-rollout.ts";
import { rolloutTime } from "./rollout-time.ts";
import type { RolloutView } from "./rollout-view.ts";

/** States by name, each as an operator gets there. */
const STATES = {
  unseen: () => new Release(),
  pending: () => new Release().look({ carries: () => false }),
  "step 1, not in effect": () => new Release().look(),
  "step 1, in effect": () => new Release().look().look(),
  "step 1, passed and short of room": () =>
    new Release()
      .look()
      .look()
      .pass(HOUR)
      .look({ carries: () => false }),
  "step 1, without traffic": () => new Release().look().look().look({ anyIsReady: false }),
  "step 2, its time not over": () => new Release().look().look().pass(HOUR).look().look(),
  "step 2, its time over": () => new Release().look().look().pass(HOUR).look().look().pass(HOUR),
  "step 3": () =>
    new Release().look().look().pass(HOUR).look().look().pass(HOUR).look({}, { approvedStep: 2 }).look(),
  "all the traffic": () => new Release().look({}, { decision: "Promote" }).look(),
  aborted: () => new Release().look().look({}, { decision: "Abort" }),
  superseded: () => new Release().look().look({ role: "Replaced" }),
  promoted: () =>
    new Release().look({}, { decision: "Promote" }).look({ role: "Promoted" }, { decision: "Promote" }),
} as const;

type Event = readonly [changes?: Partial<RolloutView>, spec?: Partial<RolloutView["spec"]>];

const lost = (now: number): Partial<ModelRolloutStatus> => ({
  stableLostAt: rolloutTime(now - STABLE_LOSS_MILLISECONDS),
});

const EVENTS: Readonly<Record<string, (release: Release) => Event>> = {
  "nothing happens": () => [],
  "replicas for more are missing": () => [{ carries: () => false }],
  "answers are not counted alike": () => [{ isComparable: false }],
  "no replica is ready": () => [{ carries: () => false, anyIsReady: false }],
  "it is paused": () => [{}, { paused: true }],
  "every step is approved": () => [{}, { approvedStep: 21 }],
  "a person promotes": () => [{}, { decision: "Promote" }],
  "a person promotes what is paused": () => [{}, { decision: "Promote", paused: true }],
  "a person aborts": () => [{}, { decision: "Abort" }],
  "the spec returns to stable": () => [{ role: "ReturnedToStable" }],
  "a person undoes it": () => [{ role: "Undone" }],
  "a person undoes it, and stable cannot take its traffic": () => [{ isUndone: true }],
  "the spec asks for another": () => [{ role: "Replaced" }],
  "stable is lost for a minute": ({ now, status }) => [
    { stableIsLost: true, status: { ...status, ...lost(now) } },
  ],
  "stable is lost for a minute, paused": ({ now, status }) => [
    { stableIsLost: true, status: { ...status, ...lost(now) } },
    { paused: true },
  ],
  "a gate fails": () => [{ judge: () => [{ name: "bad", outcome: "Fail", message: "worse" }] }],
  "a gate waits": () => [{ judge: () => [{ name: "slow", outcome: "Wait", message: "few labels" }] }],
  "it is decided that it becomes stable": () => [{ role: "Promoting" }],
  "it has become stable": () => [{ role: "Promoted" }],
};

const P1 = "Pending 0 of 4: 0, room for 100";
const ENDED = {
  "a person aborts": "Aborted",
  "the spec returns to stable": "Superseded",
  "a person undoes it": "Superseded",
  "the spec asks for another": "Superseded",
  "it has become stable": "Promoted",
} as const;

const NO_STEP = {
  "*": "Progressing 1 of 4: 100, room for 100",
  "replicas for more are missing": P1,
  "answers are not counted alike": P1,
  "no replica is ready": P1,
  "it is paused": "Paused 0 of 4: 0, room for 100",
  "a person undoes it, and stable cannot take its traffic": P1,
  "a person promotes": "Promoting 4 of 4: 10000, room for 10000",
  "a person promotes what is paused": "Promoting 4 of 4: 10000, room for 10000",
  "stable is lost for a minute": "Promoting 4 of 4: 10000, room for 10000",
  "stable is lost for a minute, paused": "Paused 0 of 4: 0, room for 100",
};
const STEP_ONE = {
  "*": "Progressing 1 of 4: 100, room for 100",
  "no replica is ready": "Progressing 1 of 4: 0, room for 100",
  "it is paused": "Paused 1 of 4: 100, room for 100",
  "a person promotes": "Promoting 4 of 4: 10000, room for 10000",
  "a person promotes what is paused": "Promoting 4 of 4: 10000, room for 10000",
  "stable is lost for a minute": "Promoting 4 of 4: 10000, room for 10000",
  "stable is lost for a minute, paused": "Paused 1 of 4: 100, room for 100",
  "a gate fails": "Aborted 1 of 4: 0, room for 0",
  "it is decided that it becomes stable": "Progressing 1 of 4: 10000, room for 10000",
};

/** What becomes of a state by an event; `*` for every event that is not named. Terminal outcomes stand in ENDED. */
const TABLE: Readonly<Record<keyof typeof STATES, Readonly<Record<string, string>>>> = {
  unseen: {
    ...NO_STEP,
    "it is decided that it becomes stable": "undefined undefined of undefined: 10000, room for 10000",
  },
  pending: {
    ...NO_STEP,
    "it is decided that it becomes stable": "Pending 0 of 4: 10000, room for 10000",
  },
  "step 1, not in effect": STEP_ONE,
  "step 1, in effect": STEP_ONE,
  "step 1, passed and short of room": {
    "*": "Progressing 2 of 4: 1000, room for 1000",
    "replicas for more are missing": "Progressing 1 of 4: 100, room for 1000",
    "no replica is ready": "Progressing 1 of 4: 0, room for 1000",
    "a person undoes it, and stable cannot take its traffic": "Progressing 1 of 4: 100, room for 1000",
    "it is paused": "Paused 1 of 4: 100, room for 1000",
    "a person promotes": "Promoting 4 of 4: 10000, room for 10000",
    "a person promotes what is paused": "Promoting 4 of 4: 10000, room for 10000",
    "stable is lost for a minute": "Promoting 4 of 4: 10000, room for 10000",
    "stable is lost for a minute, paused": "Paused 1 of 4: 100, room for 1000",
    "a gate fails": "Aborted 1 of 4: 0, room for 0",
    "it is decided that it becomes stable": "Progressing 1 of 4: 10000, room for 10000",
  },
  "step 1, without traffic": {
    ...STEP_ONE,
    "replicas for more are missing": "Progressing 1 of 4: 0, room for 100",
  },
  "step 2, its time not over": {
    "*": "Progressing 2 of 4: 1000, room for 1000",
    "no replica is ready": "Progressing 2 of 4: 0, room for 1000",
    "it is paused": "Paused 2 of 4: 1000, room for 1000",
    "a person promotes": "Promoting 4 of 4: 10000, room for 10000",
    "a person promotes what is paused": "Promoting 4 of 4: 10000, room for 10000",
    "stable is lost for a minute": "Promoting 4 of 4: 10000, room for 10000",
    "stable is lost for a minute, paused": "Paused 2 of 4: 1000, room for 1000",
    "a gate fails": "Aborted 2 of 4: 0, room for 0",
    "it is decided that it becomes stable": "Progressing 2 of 4: 10000, room for 10000",
  },
  "step 2, its time over": {
    "*": "Paused 2 of 4: 1000, room for 1000",
    "a person undoes it, and stable cannot take its traffic": "Progressing 2 of 4: 1000, room for 1000",
    "no replica is ready": "Progressing 2 of 4: 0, room for 1000",
    "every step is approved": "Progressing 3 of 4: 5000, room for 5000",
    "a person promotes": "Promoting 4 of 4: 10000, room for 10000",
    "a person promotes what is paused": "Promoting 4 of 4: 10000, room for 10000",
    "stable is lost for a minute": "Promoting 4 of 4: 10000, room for 10000",
    "a gate fails": "Aborted 2 of 4: 0, room for 0",
    "a gate waits": "Progressing 2 of 4: 1000, room for 1000",
    "it is decided that it becomes stable": "Progressing 2 of 4: 10000, room for 10000",
  },
  "step 3": {
    "*": "Progressing 3 of 4: 5000, room for 5000",
    "no replica is ready": "Progressing 3 of 4: 0, room for 5000",
    "it is paused": "Paused 3 of 4: 5000, room for 5000",
    "a person promotes": "Promoting 4 of 4: 10000, room for 10000",
    "a person promotes what is paused": "Promoting 4 of 4: 10000, room for 10000",
    "stable is lost for a minute": "Promoting 4 of 4: 10000, room for 10000",
    "stable is lost for a minute, paused": "Paused 3 of 4: 5000, room for 5000",
    "a gate fails": "Aborted 3 of 4: 0, room for 0",
    "it is decided that it becomes stable": "Progressing 3 of 4: 10000, room for 10000",
  },
  "all the traffic": {
    "*": "Promoting 4 of 4: 10000, room for 10000",
    "no replica is ready": "Promoting 4 of 4: 0, room for 10000",
    "it is paused": "Paused 4 of 4: 10000, room for 10000",
    "stable is lost for a minute, paused": "Paused 4 of 4: 10000, room for 10000",
    "a gate fails": "Aborted 4 of 4: 0, room for 0",
  },
  aborted: { "*": "Aborted 1 of 4: 0, room for 0" },
  superseded: { "*": "Superseded 1 of 4: 0, room for 0" },
  promoted: { "*": "Promoted 4 of 4: 10000, room for 10000" },
};

const TERMINAL: ReadonlySet<string> = new Set(["aborted", "superseded", "promoted"]);

function expected(state: keyof typeof STATES, event: string): string {
  const row = TABLE[state];
  const phase = Object.entries(ENDED).find(([name]) => name === event)?.[1];
  if (phase !== undefined && !TERMINAL.has(state)) return phase;
  return row[event] ?? row["*"] ?? "";
}

describe.each(Object.keys(STATES) as (keyof typeof STATES)[])("%s", (state) => {
  test.each(Object.entries(EVENTS))("when %s", (event, of) => {
    const release = STATES[state]();
    const text = release.look(...of(release)).text;
    expect(text.startsWith(expected(state, event)) ? expected(state, event) : text).toBe(
      expected(state, event),
    );
  });

  test.each(Object.entries(EVENTS))("comes to rest when %s", (_event, of) => {
    const release = STATES[state]();
    const event = of(release);
    release.look(...event);
    const given = release.outcome?.weight;
    // What was decided is in effect; then nothing more is to be said while nothing else happens.
    release.look(...event).look(...event);
    const { status } = release;
    expect(release.look(...event).status).toEqual(status);
    if (TERMINAL.has(state)) expect(release.outcome?.weight).toBe(given);
  });
});

test("where no step compares the arms it does not matter how they are counted", () => {
  const release = new Release({ type: "BlueGreen" }).look({ isComparable: false });
  expect(release.text).toBe("Promoting 1 of 1: 10000, room for 10000");
});
