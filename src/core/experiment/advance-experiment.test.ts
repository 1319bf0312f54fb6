/**
 * Every state of an experiment times everything that can be seen: where it goes, and who has traffic and replicas.
 */
import { describe, expect, test } from "@jest/globals";
import { experimentSpec } from "../../../test/fixtures/world-experiments.ts";
import type { ArmFinding, ModelExperimentStatus } from "../../api/experiment-status.ts";
import {
  advanceExperiment,
  CONCLUSION_PATIENCE_MILLISECONDS,
  CONCLUSION_SLACK_MILLISECONDS,
} from "./advance-experiment.ts";
import type { ExperimentJudgement, ExperimentView } from "./experiment-view.ts";

const NOW = Date.UTC(2026, 0, 2);
const [MINUTE, HOUR] = [60_000, 3_600_000];
const at = (milliseconds: number) => new Date(NOW + milliseconds).toISOString();

const arm = (name: string, readyReplicas: number, replicas = 2) => ({
  name,
  arm: name === "wide" ? ("ArmA" as const) : ("ArmB" as const),
  revision: `ranker-${name}`,
  weight: "10%",
  replicas,
  readyReplicas,
});
const ready = [arm("wide", 2), arm("deep", 2)];
const shares = [{ firstEpoch: 7, lastEpoch: 7, drawnBy: "User" as const }];

const STATES: Readonly<Record<string, ModelExperimentStatus>> = {
  New: {},
  Waiting: { phase: "Waiting", reason: "ReplicasNotReady" },
  Running: { phase: "Running", stable: "ranker-v1", startedAt: at(-HOUR), endsAt: at(HOUR), shares },
  Interrupted: {
    phase: "Waiting",
    reason: "ReplicasNotReady",
    stable: "ranker-v1",
    startedAt: at(-HOUR),
    endsAt: at(HOUR),
    shares,
  },
  Concluding: {
    phase: "Concluding",
    stable: "ranker-v1",
    startedAt: at(-3 * HOUR),
    endsAt: at(-HOUR),
    concludesAt: at(30 * MINUTE),
    shares,
  },
  Ended: {
    phase: "Ended",
    stable: "ranker-v1",
    startedAt: at(-5 * HOUR),
    endsAt: at(-3 * HOUR),
    verdict: { outcome: "Completed", reason: "DurationPassed", message: "its time is over", at: at(-HOUR) },
  },
};

const finding: ArmFinding = {
  metric: "clicks",
  role: "Primary",
  finding: "Better",
  change: "0.04",
  message: "clicks +4 % (+1 % to +7 %): better than the control",
};

function judged(more: Partial<ExperimentJudgement> = {}): ExperimentJudgement {
  const findings = new Map([
    ["wide", [finding]],
    ["deep", [{ ...finding, finding: "NotShown" as const, message: "clicks: no difference is shown" }]],
  ]);
  return { atMilliseconds: NOW - MINUTE, findings, ...more };
}

function view(status: ModelExperimentStatus, seen: Partial<ExperimentView> = {}): ExperimentView {
  return {
    spec: experimentSpec(),
    status,
    generation: 1,
    nowMilliseconds: NOW,
    stable: "ranker-v1",
    metrics: [{ metric: "clicks", type: "ClickThroughRate", label: "click", better: "Higher" }],
    arms: ready,
    shortage: "arm wide, pool main: 1 of 2 replicas are ready",
    shares: status.shares ?? [],
    isInEffect: true,
    slowestLabelMilliseconds: 30 * MINUTE,
    ...seen,
  };
}

const interruption = { reason: "ReleaseBegan", message: "the release of ranker-v2 began" } as const;
const obstacle = { reason: "ReleaseInProgress", message: "the release of ranker-v2 comes first" } as const;

const EVENTS: Readonly<Record<string, Partial<ExperimentView>>> = {
  nothing: {},
  "a replica is missing": { arms: [arm("wide", 1), arm("deep", 2)] },
  "an arm is lost": { arms: [arm("wide", 0), arm("deep", 2)] },
  "no replicas are asked for": { arms: [arm("wide", 0, 0), arm("deep", 0, 0)] },
  "a release begins": { interruption, obstacle },
  "its metric goes": { interruption: { reason: "MetricChanged", message: "there is no metric clicks" } },
  "another comes first": { obstacle: { reason: "AnotherExperiment", message: "other comes first" } },
  "harm is shown": { judgement: judged({ harm: "arm deep does harm" }) },
  "arms are skewed": { judgement: judged({ skew: "users did not come as planned" }) },
  "one is better": { judgement: judged() },
  "a person stops it": { spec: experimentSpec({ stopped: true, reason: "enough" }) },
  "its time passes": { nowMilliseconds: NOW + HOUR },
};

/** Phase with its reason; `+shares` and `+replicas` where the arms get them. */
function outcome(state: string, seen: Partial<ExperimentView>): string {
  const { status, givesShares, needsReplicas } = advanceExperiment(view(STATES[state] ?? {}, seen));
  const { phase, reason } = status;
  const where = reason === undefined ? phase : `${phase} ${reason}`;
  return `${where}${givesShares ? " +shares" : ""}${needsReplicas ? " +replicas" : ""}`;
}

const RUNS = "Running +shares +replicas";
const LACKS = "Waiting ReplicasNotReady +replicas";
const STOPPED = "Ended StoppedByPerson";
const OVER = "Ended DurationPassed";
const RELEASE = "Waiting ReleaseInProgress";
const OTHER = "Waiting AnotherExperiment";

const TABLE: readonly (readonly [string, Readonly<Record<string, string>>])[] = [
  [
    "nothing",
    { New: RUNS, Waiting: RUNS, Running: RUNS, Interrupted: RUNS, Concluding: "Concluding", Ended: OVER },
  ],
  [
    "a replica is missing",
    { New: LACKS, Waiting: LACKS, Running: RUNS, Interrupted: LACKS, Concluding: "Concluding", Ended: OVER },
  ],
  [
    "an arm is lost",
    { New: LACKS, Waiting: LACKS, Running: LACKS, Interrupted: LACKS, Concluding: "Concluding", Ended: OVER },
  ],
  [
    "no replicas are asked for",
    { New: LACKS, Waiting: LACKS, Running: LACKS, Interrupted: LACKS, Concluding: "Concluding", Ended: OVER },
  ],
  [
    "a release begins",
    {
      New: RELEASE,
      Waiting: RELEASE,
      Running: "Ended ReleaseBegan",
      Interrupted: "Ended ReleaseBegan",
      Concluding: "Concluding",
      Ended: OVER,
    },
  ],
  [
    "its metric goes",
    {
      New: RUNS,
      Waiting: RUNS,
      Running: "Ended MetricChanged",
      Interrupted: "Ended MetricChanged",
      Concluding: "Ended MetricChanged",
      Ended: OVER,
    },
  ],
  [
    "another comes first",
    { New: OTHER, Waiting: OTHER, Running: RUNS, Interrupted: OTHER, Concluding: "Concluding", Ended: OVER },
  ],
  [
    "harm is shown",
    {
      New: RUNS,
      Waiting: RUNS,
      Running: "Ended HarmShown",
      Interrupted: "Ended HarmShown",
      Concluding: "Concluding",
      Ended: OVER,
    },
  ],
  [
    "arms are skewed",
    {
      New: RUNS,
      Waiting: RUNS,
      Running: "Ended ArmsSkewed",
      Interrupted: "Ended ArmsSkewed",
      Concluding: "Ended ArmsSkewed",
      Ended: OVER,
    },
  ],
  [
    "one is better",
    { New: RUNS, Waiting: RUNS, Running: RUNS, Interrupted: RUNS, Concluding: "Concluding", Ended: OVER },
  ],
  [
    "a person stops it",
    {
      New: STOPPED,
      Waiting: STOPPED,
      Running: STOPPED,
      Interrupted: STOPPED,
      Concluding: STOPPED,
      Ended: OVER,
    },
  ],
  [
    "its time passes",
    {
      New: RUNS,
      Waiting: RUNS,
      Running: "Concluding",
      Interrupted: "Concluding",
      Concluding: "Concluding",
      Ended: OVER,
    },
  ],
];

test("the table has every event, and every state of each", () => {
  expect(TABLE.map(([event]) => event)).toEqual(Object.keys(EVENTS));
  for (const [, row] of TABLE) expect(Object.keys(row)).toEqual(Object.keys(STATES));
});

describe.each(TABLE)("%s", (event, row) => {
  test.each(Object.entries(row))("%s", (state, expected) => {
    expect(outcome(state, EVENTS[event] ?? {})).toBe(expected);
  });
});

test("its time counts from when the arms first get their shares, and no break makes it longer", () => {
  const { status } = advanceExperiment(view({}, { isInEffect: false }));
  expect(status).toMatchObject({ startedAt: at(0), endsAt: at(2 * HOUR) });
  expect(status.sharesInEffectAt).toBeUndefined();
  const again = advanceExperiment(view(STATES["Interrupted"] ?? {}));
  expect(again.status).toMatchObject({ startedAt: at(-HOUR), endsAt: at(HOUR), sharesInEffectAt: at(0) });
  expect(again.wakeAtMilliseconds).toBe(NOW + HOUR);
});

test("shares that are in effect have been so since they are told to be", () => {
  const stored = { ...STATES["Running"], sharesInEffectAt: at(-10 * MINUTE) };
  expect(advanceExperiment(view(stored)).status.sharesInEffectAt).toBe(at(-10 * MINUTE));
  const lost = advanceExperiment(view(stored, EVENTS["an arm is lost"])).status;
  expect(lost.sharesInEffectAt).toBeUndefined();
  expect(lost.arms?.map(({ weight }) => weight)).toEqual(["0%", "0%"]);
  expect(lost.message).toBe("the arms lost their shares: arm wide, pool main: 1 of 2 replicas are ready");
});

describe("the end", () => {
  const ending = { ...STATES["Running"], endsAt: at(0) };
  test("waits for the slowest label of the last answers", () => {
    const { status, wakeAtMilliseconds } = advanceExperiment(view(ending));
    const due = 30 * MINUTE + CONCLUSION_SLACK_MILLISECONDS;
    expect(status.concludesAt).toBe(at(due));
    expect(wakeAtMilliseconds).toBe(NOW + due);
  });

  const due = STATES["Concluding"] ?? {};
  test.each([
    ["read before the labels had come", 31 * MINUTE, 29 * MINUTE, "Concluding"],
    ["read since", 32 * MINUTE, 31 * MINUTE, "Ended"],
    ["never read again", 30 * MINUTE + CONCLUSION_PATIENCE_MILLISECONDS, undefined, "Ended"],
  ] as const)("with evidence that was %s", (_what, now, readAt, phase) => {
    const judgement = readAt === undefined ? {} : { judgement: judged({ atMilliseconds: NOW + readAt }) };
    const { status } = advanceExperiment(view(due, { nowMilliseconds: NOW + now, ...judgement }));
    expect(status.phase).toBe(phase);
    if (phase === "Ended" && readAt === undefined) {
      expect(status.verdict?.message).toBe("its time is over, and its last labels could not be read");
    }
  });
});

test("the end of one whose arms never had their shares waits for no evidence", () => {
  const { status } = advanceExperiment(
    view({ ...STATES["Concluding"], shares: [] }, { shares: [], nowMilliseconds: NOW + 30 * MINUTE }),
  );
  expect(status.verdict).toMatchObject({
    reason: "DurationPassed",
    message: "its time is over, and its arms never had their shares",
  });
});

test("what is found stays, with what it is compared to, and names no winner of its own", () => {
  const { status } = advanceExperiment(view(STATES["Running"] ?? {}, { judgement: judged() }));
  expect(status.evidenceAt).toBe(at(-MINUTE));
  const later = advanceExperiment(
    view(status, { spec: experimentSpec({ stopped: true, reason: "enough" }) }),
  );
  expect(later.status.verdict).toEqual({
    outcome: "Stopped",
    reason: "StoppedByPerson",
    message:
      "a person stopped it: enough; arm wide, clicks +4 % (+1 % to +7 %): better than the control; arm deep, clicks: no difference is shown",
    at: at(0),
  });
  expect(later.status.arms?.[0]).toMatchObject({ weight: "0%", replicas: 0, findings: [finding] });
  // Whatever is seen from then on.
  const { status: much } = advanceExperiment(
    view(later.status, {
      nowMilliseconds: NOW + 9 * HOUR,
      judgement: judged({ harm: "harm" }),
      stable: "v9",
    }),
  );
  expect(much).toEqual(later.status);
});

test("a reading that says the same as the one before is no news", () => {
  const { status } = advanceExperiment(view(STATES["Running"] ?? {}, { judgement: judged() }));
  const again = { judgement: judged({ atMilliseconds: NOW }), nowMilliseconds: NOW + MINUTE };
  expect(advanceExperiment(view(status, again)).status).toEqual(status);
  const other = new Map([["wide", [{ ...finding, change: "0.05" }]]]);
  const changed = { ...again, judgement: judged({ atMilliseconds: NOW, findings: other }) };
  expect(advanceExperiment(view(status, changed)).status.evidenceAt).toBe(at(0));
});

test("its conditions say whether it runs and whether it is over", () => {
  const conditionsOf = (state: string) =>
    advanceExperiment(view(STATES[state] ?? {})).status.conditions?.map(
      ({ type, status }) => `${type} ${status}`,
    );
  expect(conditionsOf("Running")).toEqual(["Running True", "Ended False"]);
  expect(conditionsOf("Ended")).toEqual(["Running False", "Ended True"]);
});

test("a clock that was set back makes it no longer than it was to be, nor the wait for its last labels", () => {
  const early = { nowMilliseconds: NOW - 5 * HOUR };
  const running = advanceExperiment(view(STATES["Running"] ?? {}, early)).status;
  expect(running).toMatchObject({ startedAt: at(-5 * HOUR), endsAt: at(-3 * HOUR) });
  const { status, wakeAtMilliseconds } = advanceExperiment(view(STATES["Concluding"] ?? {}, early));
  const { slowestLabelMilliseconds } = view({});
  const due = early.nowMilliseconds + slowestLabelMilliseconds + CONCLUSION_SLACK_MILLISECONDS;
  expect(status.concludesAt).toBe(new Date(due).toISOString());
  expect(wakeAtMilliseconds).toBe(due);
});

test("whoever has not tried to read the last labels gives up on none, however late it is", () => {
  const late = { nowMilliseconds: NOW + 9 * HOUR };
  const unread = { ...late, isUnread: true, ignorance: "not read yet" };
  expect(advanceExperiment(view(STATES["Concluding"] ?? {}, unread)).status.phase).toBe("Concluding");
  const failed = { ...late, isUnread: false, ignorance: "no answer" };
  expect(advanceExperiment(view(STATES["Concluding"] ?? {}, failed)).status.verdict).toMatchObject({
    reason: "DurationPassed",
    message: expect.stringContaining("could not be read"),
  });
});
