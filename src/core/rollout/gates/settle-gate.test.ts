/**
 * What becomes of a judgement: every judgement x every policy x every time, and what was latched before.
 */
import { describe, expect, test } from "@jest/globals";
import type { GateStatus } from "../../../api/gate-status.ts";
import type { StepView } from "./gate-evidence.ts";
import type { Judgement } from "./judgement.ts";
import { type GatePolicy, NO_DATA_PATIENCE_MILLISECONDS, settleGate } from "./settle-gate.ts";
import { HOUR, MINUTE, NOW, STEP } from "./testdata/gate-world.ts";

const judgement = (verdict: Judgement["verdict"], more: Partial<Judgement> = {}): Judgement => ({
  verdict,
  reason: "Because",
  message: "so it is",
  ...more,
});

const { inEffectAtMilliseconds: _at, dueAtMilliseconds: _due, ...NOT_IN_EFFECT } = STEP;
const { dueAtMilliseconds: _none, ...NOT_DUE } = STEP;

/** When: and, for the times without data, since when. */
const TIMES: Readonly<Record<string, { readonly step: StepView; readonly since?: number }>> = {
  "not in effect": { step: NOT_IN_EFFECT, since: NOW - HOUR },
  "not due, no data for a moment": { step: NOT_DUE, since: NOW },
  "due, no data for a moment": { step: STEP, since: NOW - 1 },
  "due, no data for 5 minutes": { step: STEP, since: NOW - NO_DATA_PATIENCE_MILLISECONDS },
  "deadline, no data for a moment": {
    step: { ...STEP, dueAtMilliseconds: NOW - 168 * HOUR },
    since: NOW - 1,
  },
  "deadline, no data for 5 minutes": {
    step: { ...STEP, dueAtMilliseconds: NOW - 168 * HOUR },
    since: NOW - NO_DATA_PATIENCE_MILLISECONDS,
  },
};

/** For Pass, Undecided, TooLittle, NoData, Fail in turn: p for Pass, w for Wait, f for Fail. */
const TABLE: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "not in effect": { Wait: "wwwwf", Fail: "wwwwf", Proceed: "wwwwf" },
  "not due, no data for a moment": { Wait: "pwwwf", Fail: "pwwwf", Proceed: "pwwwf" },
  "due, no data for a moment": { Wait: "pwwwf", Fail: "pwwwf", Proceed: "pwwwf" },
  "due, no data for 5 minutes": { Wait: "pwwwf", Fail: "pwwff", Proceed: "pwwpf" },
  "deadline, no data for a moment": { Wait: "pffff", Fail: "pffff", Proceed: "pfppf" },
  "deadline, no data for 5 minutes": { Wait: "pffff", Fail: "pffff", Proceed: "pfppf" },
};

const VERDICTS = ["Pass", "Undecided", "TooLittle", "NoData", "Fail"] as const;

describe.each(Object.keys(TABLE))("%s", (when) => {
  test.each(["Wait", "Fail", "Proceed"] as const)("onNoData: %s", (onNoData) => {
    const { step, since } = TIMES[when] ?? { step: STEP };
    const outcomes = VERDICTS.map((verdict) => {
      const before: GateStatus = {
        name: "g",
        outcome: "Wait",
        message: "",
        ...(since === undefined ? {} : { noDataSince: new Date(since).toISOString() }),
      };
      return settleGate("g", { onNoData }, judgement(verdict), before, step).status.outcome;
    });
    expect(outcomes.map((outcome) => outcome.charAt(0).toLowerCase()).join("")).toBe(TABLE[when]?.[onNoData]);
  });
});

test("the default is to wait, for a week", () => {
  const settle = (policy: GatePolicy, dueAtMilliseconds: number) =>
    settleGate("g", policy, judgement("TooLittle"), undefined, { ...STEP, dueAtMilliseconds });
  expect(settle({}, NOW - 168 * HOUR + 1)).toMatchObject({
    status: { outcome: "Wait" },
    wakeAtMilliseconds: NOW + 1,
  });
  expect(settle({}, NOW - 168 * HOUR).status).toMatchObject({
    outcome: "Fail",
    reason: "DeadlineExceeded",
    message: "not passed by its deadline: so it is",
  });
  expect(settle({ deadline: "2h" }, NOW - 2 * HOUR).status.outcome).toBe("Fail");
});

describe("what is latched", () => {
  const step = STEP;
  const failed = settleGate("g", {}, judgement("Fail"), undefined, step).status;
  const shown = settleGate("g", {}, judgement("Pass", { isFinal: true }), undefined, step).status;
  const passed = settleGate("g", {}, judgement("Pass"), undefined, step).status;

  test.each(VERDICTS)("as a failure stays, whatever comes: %s", (verdict) => {
    expect(settleGate("g", {}, judgement(verdict), failed, step).status).toBe(failed);
  });

  test.each(VERDICTS)("as shown stays unless it fails: %s", (verdict) => {
    const { status } = settleGate("g", {}, judgement(verdict), shown, step);
    if (verdict === "Fail") expect(status).toMatchObject({ outcome: "Fail", latched: true });
    else expect(status).toBe(shown);
  });

  test("is nothing that is merely good now", () => {
    expect(passed.latched).toBeUndefined();
    expect(settleGate("g", {}, judgement("NoData"), passed, step).status.outcome).toBe("Wait");
  });
});

describe("times", () => {
  const look = (verdict: Judgement["verdict"], before: GateStatus | undefined, now: number) =>
    settleGate("g", {}, judgement(verdict), before, { ...STEP, nowMilliseconds: now }).status;

  test("of a transition move with the outcome alone", () => {
    const first = look("TooLittle", undefined, NOW);
    expect(first.lastTransitionTime).toBe(new Date(NOW).toISOString());
    const second = look("NoData", first, NOW + MINUTE);
    expect(second.lastTransitionTime).toBe(first.lastTransitionTime);
    expect(look("Pass", second, NOW + 2 * MINUTE).lastTransitionTime).toBe(
      new Date(NOW + 2 * MINUTE).toISOString(),
    );
  });

  test("without data count from the first look without it, and no longer for a clock that was set back", () => {
    const first = look("NoData", undefined, NOW);
    expect(look("NoData", first, NOW + MINUTE).noDataSince).toBe(first.noDataSince);
    expect(look("NoData", first, NOW - MINUTE).noDataSince).toBe(new Date(NOW - MINUTE).toISOString());
    expect(look("TooLittle", first, NOW + MINUTE).noDataSince).toBeUndefined();
  });
});

describe("what it still needs", () => {
  const settle = (milliseconds: number, policy: GatePolicy = {}) =>
    settleGate(
      "g",
      policy,
      judgement("Undecided", { needs: { requests: 2_600_000, milliseconds } }),
      undefined,
      {
        ...STEP,
        dueAtMilliseconds: NOW,
      },
    ).status;

  test("is said, with a warning when it takes longer than the deadline", () => {
    expect(settle(100 * HOUR)).toMatchObject({
      needs: { requests: 2_600_000, duration: "100h" },
      message: "so it is; needs about 2,600,000 requests in all, 100h more at the present traffic",
    });
    expect(settle(100 * HOUR).needs?.exceedsDeadline).toBeUndefined();
    expect(settle(100 * HOUR, { deadline: "99h" })).toMatchObject({
      needs: { exceedsDeadline: true },
      message: expect.stringMatching(/: longer than its deadline$/),
    });
  });

  test("never comes without traffic", () => {
    const status = settle(Number.POSITIVE_INFINITY);
    expect(status.needs).toEqual({ requests: 2_600_000, exceedsDeadline: true });
    expect(status.message).toContain("which never come at the present traffic: longer than its deadline");
  });
});

test("a message is cut to what the API takes", () => {
  const long = judgement("TooLittle", { message: "x".repeat(5_000) });
  expect(settleGate("g", {}, long, undefined, STEP).status.message).toHaveLength(1024);
});
