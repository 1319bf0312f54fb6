/**
 * The quality gate: every finding on harm x every finding on the margin x where the release stands.
 */
import { describe, expect, test } from "@jest/globals";
import type { CollectedEvidence, MetricEvidence, StepView } from "./gate-evidence.ts";
import type { Judgement } from "./judgement.ts";
import { judgeQuality } from "./quality.ts";
import {
  cell,
  clicks,
  collected,
  HOUR,
  LAST,
  metricOf,
  NOTHING,
  NOW,
  STEP,
  whole,
} from "./testdata/gate-world.ts";

function judge(
  metric: Partial<MetricEvidence>,
  step: StepView = STEP,
  changes: Partial<CollectedEvidence> = {},
): Judgement {
  const evidence = {
    ...NOTHING,
    collected: whole(
      collected([], { metrics: new Map([["ctr", { ...metricOf(clicks(0)), ...metric }]]), ...changes }),
    ),
  };
  return judgeQuality({
    name: "gate",
    settings: { metric: "ctr", margin: 0.1 },
    step,
    evidence,
    harmGates: 1,
  });
}

const NONE = [cell(3, "Candidate", 9, -1), cell(3, "Stable", 81, -1)];
const FAULTY = [cell(3, "Candidate", 9, 2), cell(3, "Stable", Number.NaN, 2)];
const ARRIVED = { good: clicks(0), harmful: clicks(-10), "too little": NONE, faulty: FAULTY };
/** As good, a little worse than can be told to be within the margin, nothing. */
const MATURED = { good: clicks(0), doubtful: clicks(-2), "too little": NONE, faulty: FAULTY };

const WHEN: Readonly<Record<string, StepView>> = {
  "labels are immature": { ...LAST, inEffectAtMilliseconds: NOW - HOUR / 2 + 1 },
  "in a step": STEP,
  "before all the traffic": LAST,
};

/** By what arrived, and when: for matured evidence good, doubtful, too little, faulty in turn. */
const TABLE: Readonly<Record<keyof typeof ARRIVED, Readonly<Record<string, readonly string[]>>>> = {
  good: {
    "labels are immature": Array(4).fill("Undecided LabelsImmature"),
    "in a step": Array(4).fill("Pass NoHarm"),
    "before all the traffic": [
      "Pass NotWorse",
      "Undecided NotShown",
      "TooLittle TooLittle",
      "NoData EvidenceFaulty",
    ],
  },
  harmful: {
    "labels are immature": Array(4).fill("Fail Harm"),
    "in a step": Array(4).fill("Fail Harm"),
    "before all the traffic": Array(4).fill("Fail Harm"),
  },
  "too little": {
    "labels are immature": Array(4).fill("Undecided LabelsImmature"),
    "in a step": Array(4).fill("TooLittle TooLittle"),
    "before all the traffic": Array(4).fill("TooLittle TooLittle"),
  },
  faulty: {
    "labels are immature": Array(4).fill("Undecided LabelsImmature"),
    "in a step": Array(4).fill("NoData EvidenceFaulty"),
    "before all the traffic": Array(4).fill("NoData EvidenceFaulty"),
  },
};

describe.each(Object.keys(ARRIVED) as (keyof typeof ARRIVED)[])("what arrived is %s", (arrived) => {
  test.each(Object.keys(WHEN))("%s", (when) => {
    const found = Object.values(MATURED).map((matured) => {
      const { verdict, reason } = judge({ arrived: ARRIVED[arrived], matured }, WHEN[when]);
      return `${verdict} ${reason}`;
    });
    expect(found).toEqual(TABLE[arrived][when]);
  });
});

test("only what is shown before all the traffic is decided once", () => {
  expect(judge({}, LAST).isFinal).toBe(true);
  expect(judge({}, STEP).isFinal).toBeUndefined();
});

describe("a step of which nothing is counted does not pass by what was counted before it", () => {
  const EARLIER = { ...LAST, epochs: { first: 4, last: 6 } };
  const recent = (epoch: number, ...arms: ("Candidate" | "Stable")[]) => ({
    recentRequests: arms.map((arm) => ({ epoch, arm, requests: 9 })),
  });
  const both = recent(5, "Candidate", "Stable");
  const of = (epoch: number) => clicks(0).map((one) => ({ ...one, epoch }));
  const oneArm = [...clicks(0), cell(5, "Candidate", 400, 20), cell(6, "Stable", 400, 20)];
  const words = ({ verdict, reason }: Judgement) => `${verdict} ${reason}`;

  test.each<[what: string, metric: Partial<MetricEvidence>, changes: Partial<CollectedEvidence>]>([
    ["cells of an earlier step alone, and no traffic", {}, { recentRequests: [], requestsPerSecond: 0 }],
    ["cells of an earlier step alone, and requests", {}, both],
    ["answers of one arm under each of its plans", { arrived: oneArm, matured: oneArm }, both],
    [
      "rows without an answer",
      { arrived: [...clicks(0), cell(5, "Candidate", 0, -1), cell(5, "Stable", 0, -1)] },
      both,
    ],
  ])("%s", (_what, metric, changes) => {
    for (const isLast of [true, false]) {
      const step = { ...EARLIER, isLast };
      expect(judge(metric, step, changes)).toMatchObject({ verdict: "NoData", reason: "StepNotCounted" });
    }
  });

  test("a plan with its share is not known", () => {
    const { epochs: _none, ...step } = LAST;
    expect(words(judge({}, step))).toBe("NoData StepNotCounted");
  });

  test("answers of both arms lately", () => {
    const metric = { arrived: of(5), matured: of(5) };
    expect(words(judge(metric, EARLIER, both))).toBe("Pass NotWorse");
    for (const lately of [
      recent(5),
      recent(5, "Candidate"),
      recent(5, "Stable"),
      recent(3, "Candidate", "Stable"),
    ]) {
      for (const isLast of [true, false])
        expect(words(judge(metric, { ...EARLIER, isLast }, lately))).toBe("TooLittle NotCountedLately");
    }
  });

  test("before all the traffic, by matured answers of the step", () => {
    const metric = { arrived: [...clicks(0), ...of(5)], matured: clicks(0) };
    expect(words(judge(metric, EARLIER, both))).toBe("TooLittle LabelsImmature");
    expect(words(judge(metric, { ...EARLIER, isLast: false }, both))).toBe("Pass NoHarm");
  });

  test("and harm is harm all the same", () => {
    expect(words(judge({ arrived: clicks(-10) }, EARLIER, { recentRequests: [] }))).toBe("Fail Harm");
  });
});

test("a step is looked at again when its labels can have matured", () => {
  const nearly = { ...STEP, inEffectAtMilliseconds: NOW - HOUR / 2 + 1_000 };
  expect(judge({}, nearly).changesAtMilliseconds).toBe(NOW + 1_000);
});

test("a metric that nobody counts is waited for", () => {
  expect(judge({}, STEP, { metrics: new Map() })).toMatchObject({
    verdict: "NoData",
    reason: "MetricUnknown",
    message: "metric ctr: it is not counted",
  });
});

describe("it explains itself", () => {
  test("harm by estimate, bounds, evidence, threshold and sizes", () => {
    expect(judge({ arrived: clicks(-10) })).toMatchObject({
      message:
        "ctr is -48.8 % (-53.9 % to -43.3 %) against stable, from 51,200 answers and 51,200 of stable: harm is shown",
      figures: [
        {
          name: "change",
          estimate: "-0.487805",
          lower: expect.stringMatching(/^-0\.539/),
          upper: expect.stringMatching(/^-0\.432/),
          candidateCount: 51_200,
          stableCount: 51_200,
          dispersion: expect.stringMatching(/^0\.9/),
        },
        { name: "evidence-of-harm", estimate: expect.stringMatching(/^\d[\d.]*e\+\d+$/), threshold: "20" },
      ],
    });
  });

  test("a margin that is not shown by what is lacking", () => {
    const { message, figures, needs } = judge({ matured: clicks(-2) }, LAST);
    expect(message).toMatch(
      /^ctr of matured answers is -9\.76 % \(-1[\d.]+ % to -[\d.]+ %\) against stable, from .*; the whole range must be above -10 %$/,
    );
    expect(figures?.at(-1)).toMatchObject({ name: "change-of-matured", threshold: "-0.1" });
    expect(needs?.requests).toBeGreaterThan(0);
  });

  test("where lower is better, by the other side", () => {
    const metric = { values: "ZeroOne", better: "Lower" } as const;
    expect(judge({ metric, matured: clicks(2) }, LAST).message).toMatch(
      /the whole range must be below \+10 %$/,
    );
    expect(judge({ metric, arrived: clicks(10) }, LAST)).toMatchObject({ verdict: "Fail", reason: "Harm" });
    expect(judge({ metric, arrived: clicks(-10), matured: clicks(-10) }, LAST)).toMatchObject({
      verdict: "Pass",
      reason: "NotWorse",
    });
  });

  test("too little by what there is too little of", () => {
    const { message, needs } = judge({ arrived: NONE }, STEP);
    expect(message).toBe(
      "ctr is not known, from 1,152 answers and 10,368 of stable (no epoch has answers of both arms and a success)",
    );
    // Without a success there is no rate to plan by.
    expect(needs).toBeUndefined();
  });
});
