/**
 * What every gate that sees more than the API keeps to: a row for each. It passes by knowledge alone, fails what is bad
 * and holds to that, and says why in numbers.
 */
import { describe, expect, test } from "@jest/globals";
import { Compile } from "typebox/compile";
import { type GateStatus, gateStatusSchema } from "../../../api/gate-status.ts";
import type { GateSpec } from "../../../api/rollout-gates.ts";
import type { GateEvidence, StepView } from "./gate-evidence.ts";
import { judgeGates } from "./judge-gates.ts";
import { MAXIMUM_READING_AGE_MILLISECONDS, type Reading } from "./reading.ts";
import { COUNT_GATES, GATE_KINDS } from "./register.ts";
import { NO_DATA_PATIENCE_MILLISECONDS } from "./settle-gate.ts";
import {
  cell,
  clicks,
  collected,
  figures,
  HOUR,
  hourOf,
  LAST,
  MINUTE,
  NOTHING,
  NOW,
  STEP,
  WELL,
  whole,
} from "./testdata/gate-world.ts";

interface Row {
  readonly spec: GateSpec | undefined;
  readonly name: string;
  /** What fails it, and what is known but not enough. */
  readonly bad: Partial<GateEvidence>;
  readonly little: Partial<GateEvidence>;
  /** Evidence that cannot be. */
  readonly faulty: Partial<GateEvidence>;
  /** The evidence, with this reading in its place. */
  readonly reading: (reading: Reading<never>) => Partial<GateEvidence>;
  readonly reasons: { readonly good: string; readonly bad: string };
}

const serviceReading = (service: Reading<never>) => ({ service });
const collectedReading = (reading: Reading<never>) => ({ collected: reading });

const ROWS: readonly Row[] = [
  {
    name: "gate",
    spec: { name: "gate", type: "Quality", quality: { metric: "ctr", nonInferiorityMargin: "10%" } },
    bad: { collected: whole(collected(clicks(-10))) },
    little: { collected: whole(collected([cell(3, "Candidate", 9, -1), cell(3, "Stable", 81, -1)])) },
    faulty: { collected: whole(collected(clicks(Number.NaN))) },
    reading: collectedReading,
    reasons: { good: "NoHarm", bad: "Harm" },
  },
  {
    name: "gate",
    spec: { name: "gate", type: "Latency", latency: { quantile: "p99", max: "40ms", maxAboveStable: "20%" } },
    bad: { service: whole(figures(hourOf(1_000, 1, 50))) },
    little: { service: whole(figures(hourOf(2, 0, 0))) },
    faulty: { service: whole(figures(hourOf(1_000, 0, Number.NaN))) },
    reading: serviceReading,
    reasons: { good: "Within", bad: "TooSlow" },
  },
  {
    name: "gate",
    spec: { name: "gate", type: "Errors", errors: { max: "1%", maxAboveStable: "0.5%" } },
    bad: { service: whole(figures(hourOf(1_000, 40, 2))) },
    little: { service: whole(figures(hourOf(2, 0, 0))) },
    faulty: { service: whole(figures(hourOf(1_000, 2_000, 2))) },
    reading: serviceReading,
    reasons: { good: "Within", bad: "TooManyErrors" },
  },
  {
    name: "gate",
    spec: {
      name: "gate",
      type: "PrometheusQuery",
      prometheusQuery: { url: "http://prometheus:9090", query: "up", min: "0.1", max: "0.9" },
    },
    bad: { queries: new Map([["gate", whole(0.95)]]) },
    little: { queries: new Map() },
    faulty: { queries: new Map([["gate", whole(Number.NaN)]]) },
    reading: (reading) => ({ queries: new Map([["gate", reading]]) }),
    reasons: { good: "Within", bad: "TooHigh" },
  },
  {
    name: "gate",
    spec: { name: "gate", type: "WebHook", webHook: { url: "http://judge/release" } },
    bad: { hooks: new Map([["gate", whole({ outcome: "Fail", message: "no" })]]) },
    little: { hooks: new Map([["gate", whole({ outcome: "Wait", message: "" })]]) },
    faulty: { hooks: new Map([["gate", { kind: "Torn", atMilliseconds: NOW, reason: "no JSON" }]]) },
    reading: (reading) => ({ hooks: new Map([["gate", reading]]) }),
    reasons: { good: "HookSaysPass", bad: "HookSaysFail" },
  },
  {
    name: "sample-ratio",
    spec: undefined,
    bad: {
      collected: whole(
        collected(clicks(0), {
          drawn: { of: "Users", epochs: [{ weights: [1_000, 9_000], users: [700, 9_000] }] },
        }),
      ),
    },
    little: {
      collected: whole(
        collected(clicks(0), {
          drawn: { of: "Users", epochs: [{ weights: [1_000, 9_000], users: [5, 45] }] },
        }),
      ),
    },
    faulty: {
      collected: whole(
        collected(clicks(0), {
          drawn: { of: "Users", epochs: [{ weights: [1_000, 8_000], users: [5, 45] }] },
        }),
      ),
    },
    reading: collectedReading,
    reasons: { good: "AsPlanned", bad: "Skewed" },
  },
  {
    name: "assigned-arms",
    spec: undefined,
    bad: {
      collected: whole(collected(clicks(0), { assignedArms: { told: 9_000, checked: 9_000, misplaced: 1 } })),
    },
    little: {
      collected: whole(collected(clicks(0), { assignedArms: { told: 0, checked: 0, misplaced: 0 } })),
    },
    faulty: {
      collected: whole(collected(clicks(0), { assignedArms: { told: 2, checked: 1, misplaced: 2 } })),
    },
    reading: collectedReading,
    reasons: { good: "AsAssigned", bad: "ArmsMixed" },
  },
];

/** With a gate that compares the arms, gates on counts hold a step. */
const COMPARING: GateSpec = {
  name: "comparing",
  type: "Quality",
  quality: { metric: "ctr", nonInferiorityMargin: "10%" },
};

const title = ({ spec, name }: Row) => spec?.type ?? name;

function look(
  { spec, name }: Row,
  evidence: Partial<GateEvidence>,
  { before, step = STEP, policy = {} }: { before?: GateStatus; step?: StepView; policy?: object } = {},
) {
  const settled = judgeGates({
    declared: spec === undefined ? [COMPARING] : [{ ...spec, ...policy }],
    before: before === undefined ? [] : [before],
    step,
    evidence: { ...WELL, ...evidence },
  }).find(({ status }) => status.name === name);
  if (settled === undefined) throw new Error(`expected the gate ${name}`);
  return settled;
}

test("every gate has its row", () => {
  expect(ROWS.map(title).toSorted()).toEqual(
    [...Object.keys(GATE_KINDS), ...COUNT_GATES.map(({ name }) => name)].toSorted(),
  );
});

describe.each(ROWS.map((row) => [title(row), row] as const))("%s", (_title, row) => {
  test("passes when all is well, and says why", () => {
    const { status } = look(row, {});
    expect(status).toMatchObject({ outcome: "Pass", reason: row.reasons.good });
    expect(status.latched).toBeUndefined();
    expect(Compile(gateStatusSchema).Check(status)).toBe(true);
  });

  test("fails what is bad, says why, and holds to that", () => {
    const { status } = look(row, row.bad);
    expect(status).toMatchObject({ outcome: "Fail", reason: row.reasons.bad, latched: true });
    expect(Compile(gateStatusSchema).Check(status)).toBe(true);
    expect(look(row, {}, { before: status }).status).toEqual(status);
    expect(look(row, row.reading({ kind: "Missing", reason: "gone" }), { before: status }).status).toEqual(
      status,
    );
  });

  test("fails what is bad before its share is in effect, and in spite of Proceed", () => {
    const { inEffectAtMilliseconds: _at, dueAtMilliseconds: _due, ...early } = STEP;
    const isAsked = row.spec?.type === "PrometheusQuery" || row.spec?.type === "WebHook";
    // What was asked before the step says nothing of the step.
    expect(look(row, row.bad, { step: early }).status.outcome).toBe(isAsked ? "Wait" : "Fail");
    expect(look(row, row.bad, { policy: { onNoData: "Proceed" } }).status.outcome).toBe("Fail");
    expect(look(row, {}, { step: early }).status).toMatchObject({ outcome: "Wait" });
  });

  test.each<[string, Reading<never>]>([
    ["missing", { kind: "Missing", reason: "no answer" }],
    ["torn", { kind: "Torn", atMilliseconds: NOW, reason: "one of two partitions is away" }],
  ])("waits for a reading that is %s", (_what, reading) => {
    const { status, wakeAtMilliseconds } = look(row, row.reading(reading));
    expect(status).toMatchObject({ outcome: "Wait", reason: "NoData" });
    expect(status.message).toContain(reading.kind === "Whole" ? "" : reading.reason);
    if (row.spec !== undefined) expect(wakeAtMilliseconds).toBe(NOW + NO_DATA_PATIENCE_MILLISECONDS);
  });

  test("waits when its last good reading is old, or of a time that has not come", () => {
    const { wakeAtMilliseconds = 0 } = look(row, {});
    expect(wakeAtMilliseconds).toBe(NOW - 1_000 + MAXIMUM_READING_AGE_MILLISECONDS);
    const later = { ...STEP, nowMilliseconds: wakeAtMilliseconds };
    expect(look(row, {}, { step: later }).status).toMatchObject({ outcome: "Wait", reason: "NoData" });
    const earlier = { ...STEP, nowMilliseconds: NOW - MINUTE };
    expect(look(row, {}, { step: earlier }).status).toMatchObject({ outcome: "Wait", reason: "NoData" });
  });

  test("waits for more where there is too little, and takes what cannot be for nothing", () => {
    expect(look(row, row.little).status.outcome).toBe("Wait");
    const { status } = look(row, row.faulty);
    expect(status.outcome).toBe("Wait");
    expect(status.noDataSince).toBe(new Date(NOW).toISOString());
  });

  test.each<[string, Partial<GateEvidence>]>([
    ["without an answer", row.reading({ kind: "Missing", reason: "no answer" })],
    ["by one failed reading", row.reading({ kind: "Torn", atMilliseconds: NOW, reason: "cut off" })],
    ["with too little", row.little],
  ])("ends by its deadline where somebody declared it, %s", (_what, evidence) => {
    const step = { ...STEP, nowMilliseconds: NOW + 168 * HOUR - HOUR };
    const { status } = look(row, evidence, { step });
    if (row.spec === undefined) {
      expect(status.outcome).toBe("Wait");
      expect(status.latched).toBeUndefined();
    } else {
      expect(status).toMatchObject({ outcome: "Fail", reason: "DeadlineExceeded", latched: true });
    }
  });
});

test("without a collector the gates on counts are not there; with one that fell silent they wait", () => {
  const names = (evidence: GateEvidence, before: GateStatus[] = []) =>
    judgeGates({ declared: [COMPARING], before, step: STEP, evidence })
      .slice(0, -1)
      .map(({ status }) => `${status.name} ${status.outcome}`);
  expect(names(NOTHING)).toEqual([]);
  const silent: GateEvidence = { ...NOTHING, collected: { kind: "Missing", reason: "no answer" } };
  // Whose plans draw requests has no users in arms.
  expect(names(silent)).toEqual(["sample-ratio Wait"]);
  expect(names({ ...silent, drawsUsers: true })).toEqual(["assigned-arms Wait", "sample-ratio Wait"]);
  const failed: GateStatus = { name: "sample-ratio", outcome: "Fail", latched: true, message: "skewed" };
  expect(names(NOTHING, [failed])).toEqual(["sample-ratio Fail"]);
  const { assignedArms: _none, ...anonymous } = collected(clicks(0));
  expect(names({ ...NOTHING, collected: whole(anonymous) })).toEqual(["sample-ratio Pass"]);
  // A collector of an earlier version counts no users.
  const { drawn: _nobody, ...earlier } = anonymous;
  expect(names({ ...NOTHING, collected: whole(earlier) })).toEqual(["sample-ratio Wait"]);
});

describe("gates on counts that lack data leave it to the gates that people declared", () => {
  const gate = (onNoData: NonNullable<GateSpec["onNoData"]>, deadline = "720h"): GateSpec => ({
    ...COMPARING,
    onNoData,
    deadline,
  });
  const silent: GateEvidence = {
    ...NOTHING,
    drawsUsers: true,
    collected: { kind: "Torn", atMilliseconds: NOW, reason: "the collector is away" },
  };
  const little: GateEvidence = {
    ...NOTHING,
    drawsUsers: true,
    collected: whole(
      collected([], {
        metrics: new Map(),
        drawn: { of: "Users", epochs: [{ weights: [1_000, 9_000], users: [1, 9] }] },
        assignedArms: { told: 0, checked: 0, misplaced: 0 },
      }),
    ),
  };
  /** At the first look, and when it has been so for five minutes. */
  const said = (declared: readonly GateSpec[], evidence: GateEvidence, step = STEP) => {
    const first = judgeGates({ declared, before: [], step, evidence }).map(({ status }) => status);
    const nowMilliseconds = step.nowMilliseconds + NO_DATA_PATIENCE_MILLISECONDS;
    const later = { ...step, nowMilliseconds };
    const read =
      evidence.collected?.kind === "Whole"
        ? { ...evidence.collected, atMilliseconds: nowMilliseconds }
        : undefined;
    const then = read === undefined ? evidence : { ...evidence, collected: read };
    return [
      first,
      judgeGates({ declared, before: first, step: later, evidence: then }).map(({ status }) => status),
    ].map((look) => look.slice(0, COUNT_GATES.length).map(({ outcome, reason }) => `${outcome} ${reason}`));
  };
  const WAIT = ["Wait NoData", "Wait NoData"];
  const PROCEED = ["Pass ProceedsWithoutData", "Pass ProceedsWithoutData"];
  const weekLater = { ...STEP, nowMilliseconds: NOW + 200 * HOUR };

  test("a new leader, and a reading that failed, give nothing up long after a week where a month was declared", () => {
    expect(said([gate("Wait")], silent, weekLater)).toEqual([WAIT, WAIT]);
    const missing: GateEvidence = { ...silent, collected: { kind: "Missing", reason: "not read yet" } };
    expect(said([gate("Wait")], missing, weekLater)).toEqual([WAIT, WAIT]);
  });

  test("with Proceed a collector that is dead holds no step for longer than it would that gate", () => {
    expect(said([gate("Proceed")], silent)).toEqual([WAIT, PROCEED]);
    expect(said([gate("Proceed"), gate("Proceed")], silent)).toEqual([WAIT, PROCEED]);
    expect(said([gate("Proceed"), { ...gate("Wait"), name: "other" }], silent)).toEqual([WAIT, WAIT]);
    expect(said([gate("Fail")], silent)).toEqual([WAIT, WAIT]);
  });

  test("with Proceed too little holds a step until the longest deadline", () => {
    const declared = [gate("Proceed", "2h"), { ...gate("Proceed", "720h"), name: "other" }];
    const TOO_LITTLE = ["Wait TooLittle", "Wait TooLittle"];
    const at = (hours: number) => ({ ...STEP, dueAtMilliseconds: NOW - hours * HOUR });
    expect(said(declared, little, at(719))).toEqual([TOO_LITTLE, TOO_LITTLE]);
    expect(said(declared, little, at(720))).toEqual([PROCEED, PROCEED]);
  });

  test("and what is seen to be bad fails the release, whatever they say", () => {
    const skewed = collected(clicks(0), {
      drawn: { of: "Users", epochs: [{ weights: [1_000, 9_000], users: [700, 9_000] }] },
    });
    const evidence = { ...NOTHING, collected: whole(skewed) };
    const [ratio] = judgeGates({ declared: [gate("Proceed")], before: [], step: STEP, evidence });
    expect(ratio?.status).toMatchObject({ name: "sample-ratio", outcome: "Fail", reason: "Skewed" });
  });
});

test("where no gate compares the arms, what is not known holds no step that is due, and what is bad fails it", () => {
  const said = (evidence: GateEvidence, step = STEP) =>
    judgeGates({ declared: [], before: [], step, evidence }).map(
      ({ status }) => `${status.name} ${status.outcome} ${status.reason}`,
    );
  const silent: GateEvidence = {
    ...NOTHING,
    drawsUsers: true,
    collected: { kind: "Missing", reason: "no answer" },
  };
  expect(said(silent)[0]).toBe("assigned-arms Pass ProceedsWithoutData");
  expect(said(silent, { ...STEP, dueAtMilliseconds: NOW + 1 })[0]).toBe("assigned-arms Wait NoData");
  const wrong = collected(clicks(0), { assignedArms: { told: 9, checked: 9, misplaced: 1 } });
  expect(said({ ...silent, collected: whole(wrong) })[0]).toBe("assigned-arms Fail ArmsMixed");
});

test("answers none of which names a user that can be checked are no fault", () => {
  const none = collected(clicks(0), { assignedArms: { told: 9, checked: 0, misplaced: 0 } });
  const [arms] = judgeGates({
    declared: [COMPARING],
    before: [],
    step: STEP,
    evidence: { ...NOTHING, drawsUsers: true, collected: whole(none) },
  });
  expect(arms?.status).toMatchObject({ outcome: "Pass", reason: "NothingToCheck" });
});

test("gates that look for harm share its error", () => {
  const quality = { metric: "ctr", nonInferiorityMargin: "10%" };
  const gates = ["a", "b", "c"].map((name): GateSpec => ({ name, type: "Quality", quality }));
  const thresholds = judgeGates({ declared: gates, before: [], step: LAST, evidence: WELL })
    .slice(COUNT_GATES.length)
    .map(({ status }) => status.figures?.find(({ name }) => name === "evidence-of-harm")?.threshold);
  expect(thresholds).toEqual(["60", "60", "60"]);
});
