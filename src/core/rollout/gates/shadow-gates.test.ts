/** What the gates of mirrored requests conclude. */
import { describe, expect, test } from "@jest/globals";
import type { ShadowSpec } from "../../../api/shadow.ts";
import type { ShadowCounts } from "../../../stats/shadow-counts.ts";
import type { GateEvidence, ServiceFigures, StepView } from "./gate-evidence.ts";
import { judgeGates } from "./judge-gates.ts";
import { figures, hourOf, NOTHING, NOW, STEP, whole } from "./testdata/gate-world.ts";
import { shadowCounts } from "./testdata/shadow-world.ts";

const MIRRORING: StepView = { ...STEP, weight: 0, mirror: 100, isLast: true };
const evidence = (
  counts: ShadowCounts,
  service: ServiceFigures = figures(hourOf(0, 0, 0), hourOf(0, 0, 0)),
): GateEvidence => ({ ...NOTHING, shadow: whole({ counts, service }) });

/** What one gate says. */
function said(name: string, shadow: Partial<ShadowSpec>, seen: GateEvidence, step = MIRRORING) {
  const settings: ShadowSpec = { minDuration: "1h", ...shadow };
  const gates = judgeGates({ declared: [], before: [], shadow: settings, step, evidence: seen });
  const found = gates.find(({ status }) => status.name === name)?.status;
  if (found === undefined) throw new Error(`no gate ${name}`);
  return found;
}
const short = (...asked: Parameters<typeof said>) => {
  const { outcome, reason } = said(...asked);
  return `${outcome} ${reason}`;
};

describe("agreement", () => {
  const best = { agreement: { by: "Best", min: "90%" } } as const;
  const order = { agreement: { by: "Order", min: "90%" } } as const;
  const score = { agreement: { by: "Score", min: "90%", tolerance: "0.01" } } as const;

  test.each<[string, Partial<ShadowSpec>, ShadowCounts, string]>([
    ["the best rows, all the same", best, shadowCounts({ pairs: 20, sameBest: 20 }), "Pass Within"],
    ["the best rows, just so many", best, shadowCounts({ pairs: 20, sameBest: 18 }), "Wait NotShown"],
    ["the best rows, clearly fewer", best, shadowCounts({ pairs: 20, sameBest: 12 }), "Fail Disagrees"],
    ["orders, whatever the best rows", order, shadowCounts({ pairs: 20, sameBest: 20 }), "Fail Disagrees"],
    ["orders, all the same", order, shadowCounts({ pairs: 20, sameBest: 20, sameOrder: 20 }), "Pass Within"],
    ["scores, all within", score, shadowCounts({ pairs: 20, within: 20 }), "Pass Within"],
    ["scores, clearly fewer", score, shadowCounts({ pairs: 20, within: 10 }), "Fail Disagrees"],
    [
      "scores that are counted by no such tolerance",
      { agreement: { ...score.agreement, tolerance: "0.03" } },
      shadowCounts({ pairs: 20, within: 20 }),
      "Wait NoSettings",
    ],
    ["too few pairs to pass", best, shadowCounts({ pairs: 3, sameBest: 3 }), "Wait TooLittle"],
    ["few pairs that fail it all the same", best, shadowCounts({ pairs: 3, sameBest: 1 }), "Fail Disagrees"],
    ["too few pairs to fail", best, shadowCounts({ pairs: 1, sameBest: 0 }), "Wait TooLittle"],
    [
      "as few as it asks for",
      { ...best, minPairs: 300 },
      shadowCounts({ pairs: 3, sameBest: 3 }),
      "Pass Within",
    ],
    ["no pairs", best, shadowCounts({ pairs: 0 }), "Wait TooLittle"],
  ])("%s", (_what, shadow, counts, expected) => {
    expect(short("shadow-agreement", shadow, evidence(counts))).toBe(expected);
  });

  test("tells estimate, bounds, threshold and count, and what is needed", () => {
    const found = said("shadow-agreement", best, evidence(shadowCounts({ pairs: 4, sameBest: 4 })));
    expect(found.figures).toEqual([
      {
        name: "agreement",
        estimate: "1",
        lower: expect.stringMatching(/^0\.9\d+$/),
        upper: "1",
        threshold: "0.9",
        dispersion: expect.any(String),
        candidateCount: 512,
        stableCount: 512,
      },
    ]);
    // 488 more pairs, of which 512 took two hours.
    expect(found.needs).toEqual({ requests: 100_000, duration: "1h55m" });
  });
});

test.each([
  ["clearly above", 0.95, "Pass Within"],
  ["clearly below", 0.5, "Fail Disagrees"],
])("a rank correlation %s", (_what, correlation, expected) => {
  const shadow = { rankCorrelation: { min: "0.8" } };
  const counts = shadowCounts({ pairs: 20, correlation });
  const found = said("shadow-rank-correlation", shadow, evidence(counts));
  expect(`${found.outcome} ${found.reason}`).toBe(expected);
  expect(found.figures?.[0]).toMatchObject({ estimate: String(correlation), threshold: "0.8" });
});

describe("latency", () => {
  const latency = { quantile: "p99", max: "40ms", maxAboveStable: "20%" } as const;

  test.each([
    ["as fast as stable", figures(hourOf(200, 0, 1), hourOf(200, 0, 1)), "Pass Within"],
    ["slower", figures(hourOf(200, 0, 60), hourOf(200, 0, 1)), "Fail TooSlow"],
    ["of a single pod", figures(hourOf(200, 0, 1, 1), hourOf(200, 0, 1)), "Wait TooFewPods"],
  ])("of a candidate that is %s", (_what, service, expected) => {
    const seen = evidence(shadowCounts({ pairs: 20 }), service);
    // Also before all the traffic: the candidate has the load of its copies alone.
    expect(short("shadow-latency", { latency }, seen)).toBe(expected);
  });
});

describe("answers", () => {
  test.each([
    ["all of them", shadowCounts({ pairs: 20 }), "Pass Answered"],
    [
      "just so many, which the next ones may not be",
      shadowCounts({ pairs: 20, answered: 19 }),
      "Wait NotShown",
    ],
    ["too few of them well", shadowCounts({ pairs: 20, answered: 18 }), "Wait TooFewAnswered"],
    ["too few of them at all", shadowCounts({ pairs: 20, originals: 22 }), "Wait TooFewAnswered"],
    ["too few pairs", shadowCounts({ pairs: 7 }), "Wait TooLittle"],
  ])("%s", (_what, counts, expected) => {
    expect(short("shadow-answers", {}, evidence(counts))).toBe(expected);
  });

  test("of a single user tell nothing of others", () => {
    const counts = shadowCounts({ pairs: 20 });
    const ofOne = [2_560, ...Array<number>(127).fill(0)];
    const sums = { ...counts.sums, originals: ofOne, answered: ofOne };
    expect(short("shadow-answers", {}, evidence({ ...counts, sums }))).toBe("Wait NotShown");
  });

  test("tell the share with bounds", () => {
    const found = said("shadow-answers", {}, evidence(shadowCounts({ pairs: 20 })));
    expect(found.figures).toEqual([
      {
        name: "answered",
        estimate: "1",
        lower: expect.stringMatching(/^0\.99\d+$/),
        upper: "1",
        threshold: "0.95",
        dispersion: expect.any(String),
        candidateCount: 2_560,
        stableCount: 2_560,
      },
    ]);
  });

  test("fail by the deadline alone: copies may be lost on their way", () => {
    const counts = shadowCounts({ pairs: 20, answered: 0, originals: 100 });
    const late = { ...MIRRORING, dueAtMilliseconds: NOW - 25 * 3_600_000 };
    expect(short("shadow-answers", {}, evidence(counts), late)).toBe("Fail DeadlineExceeded");
    expect(short("shadow-answers", { deadline: "48h" }, evidence(counts), late)).toBe("Wait TooFewAnswered");
  });
});

test.each([
  ["without a reading", NOTHING, "Wait NoData"],
  [
    "with one that is torn",
    { ...NOTHING, shadow: { kind: "Torn", atMilliseconds: NOW, reason: "half" } },
    "Wait NoData",
  ],
  [
    "with an old one",
    {
      ...NOTHING,
      shadow: whole(
        { counts: shadowCounts({ pairs: 20, sameBest: 20 }), service: figures(hourOf(0, 0, 0)) },
        NOW - 240_000,
      ),
    },
    "Wait NoData",
  ],
] as const)("nothing passes %s", (_what, seen, expected) => {
  const shadow = {
    agreement: { by: "Best", min: "90%" },
    rankCorrelation: { min: "0.8" },
    latency: { quantile: "p99", max: "40ms" },
  } as const;
  for (const name of ["shadow-answers", "shadow-agreement", "shadow-rank-correlation", "shadow-latency"])
    expect(short(name, shadow, seen)).toBe(expected);
});

test("a step that is not in effect passes by nothing", () => {
  const { inEffectAtMilliseconds: _since, dueAtMilliseconds: _due, ...step } = MIRRORING;
  const seen = evidence(shadowCounts({ pairs: 20, sameBest: 20 }));
  expect(short("shadow-agreement", { agreement: { by: "Best", min: "90%" } }, seen, step)).toBe(
    "Wait NotInEffect",
  );
});

test("in every other step what was mirrored is not judged", () => {
  const shadow: ShadowSpec = { minDuration: "1h", agreement: { by: "Best", min: "90%" } };
  const seen = evidence(shadowCounts({ pairs: 20 }));
  expect(judgeGates({ declared: [], before: [], shadow, step: STEP, evidence: seen })).toEqual([]);
});
