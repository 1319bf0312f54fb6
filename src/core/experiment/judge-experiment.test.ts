/**
 * What counts say of the arms of an experiment: made up where a sentence is looked for, drawn at random where an error rate is.
 */
import { describe, expect, test } from "@jest/globals";
import { experimentSpec } from "../../../test/fixtures/world-experiments.ts";
import { SeededRandom } from "../../../test/simulation/seeded-random.ts";
import type { ModelExperimentSpec } from "../../api/model-experiment.ts";
import { USER_GROUPS } from "../../stats/evidence.ts";
import type { ExperimentCounts, NumberedCell } from "./experiment-question.ts";
import { judgeExperiment } from "./judge-experiment.ts";

const AT = Date.UTC(2026, 0, 2);
const shares = [{ firstEpoch: 7, lastEpoch: 9, drawnBy: "User" as const }];
const wanted = {
  arms: [
    { arm: "ArmA" as const, weight: 1_000 },
    { arm: "ArmB" as const, weight: 1_000 },
  ],
  holdout: 2_000,
};

/** So many answers in each group of users, and clicks that differ a little from group to group. */
function cell(
  arm: number,
  answers: number,
  clicks: number,
  epoch = 7,
): NumberedCell & { readonly sums: number[] } {
  const groups = Array.from({ length: USER_GROUPS }, (_, group) => group);
  return {
    epoch,
    arm,
    answers: groups.map(() => answers),
    sums: groups.map((group) => clicks + (group % 2)),
  };
}

const ALIKE = [cell(2, 400, 20), cell(3, 400, 20), cell(0, 2_400, 120), cell(15, 800, 300)];

function counted(ofArms: readonly NumberedCell[], more: Partial<ExperimentCounts> = {}): ExperimentCounts {
  const metric = { values: "ZeroOne", better: "Higher" } as const;
  return {
    cells: new Map([["clicks", { metric, ofArms }]]),
    unusable: new Map(),
    requests: [],
    newUsers: [
      { epoch: 7, arm: 2, count: 1_000 },
      { epoch: 7, arm: 3, count: 1_010 },
      { epoch: 7, arm: 0, count: 5_990 },
      { epoch: 7, arm: 15, count: 2_000 },
    ],
    armChecks: [{ epoch: 7, lastEpoch: 9, told: 100, checked: 90, wrong: 0 }],
    ...more,
  };
}

function judge(counts: ExperimentCounts, changes: Partial<ModelExperimentSpec> = {}) {
  return judgeExperiment({ spec: experimentSpec(changes), wanted, shares, counts, atMilliseconds: AT });
}

const foundOf = (judged: ReturnType<typeof judge>) =>
  [...judged.findings].map(
    ([name, findings]) => `${name} ${findings.map(({ finding }) => finding).join(" ")}`,
  );

describe("an arm against the control", () => {
  test("that is like it shows no difference, whatever those do who are held out", () => {
    const judged = judge(counted(ALIKE));
    expect(foundOf(judged)).toEqual(["wide NotShown", "deep NotShown"]);
    expect(judged).toMatchObject({ atMilliseconds: AT });
    expect(judged.harm).toBeUndefined();
    expect(judged.skew).toBeUndefined();
  });

  test("that is better is called so, with its range and what it rests on", () => {
    const judged = judge(counted([cell(2, 400, 30), ...ALIKE.slice(1)]));
    expect(foundOf(judged)).toEqual(["wide Better", "deep NotShown"]);
    const [finding] = judged.findings.get("wide") ?? [];
    expect(finding).toMatchObject({
      metric: "clicks",
      role: "Primary",
      armAnswers: 51_200,
      controlAnswers: 307_200,
    });
    expect(Number(finding?.lower)).toBeGreaterThan(0);
    expect(finding?.message).toMatch(
      /^clicks \+[\d.]+ % \(\+[\d.]+ % to \+[\d.]+ %\): better than the control/,
    );
  });

  test("that is worse does harm", () => {
    const judged = judge(counted([ALIKE[0] ?? cell(2, 1, 0), cell(3, 400, 8), ...ALIKE.slice(2)]));
    expect(foundOf(judged)).toEqual(["wide NotShown", "deep Worse"]);
    expect(judged.harm).toMatch(/^arm deep does harm: clicks -/);
  });

  test("is worse by less where more is worse", () => {
    const counts = counted([cell(2, 400, 30), ...ALIKE.slice(1)]);
    const lower = {
      metric: { values: "ZeroOne", better: "Lower" } as const,
      ofArms: counts.cells.get("clicks")?.ofArms ?? [],
    };
    const judged = judge({ ...counts, cells: new Map([["clicks", lower]]) });
    expect(foundOf(judged)).toEqual(["wide Worse", "deep NotShown"]);
    expect(judged.harm).toMatch(/^arm wide does harm/);
  });

  test("that has hardly any labels says nothing", () => {
    const few = [cell(2, 1, 0), cell(3, 1, 0), cell(0, 6, 0), cell(15, 2, 0)];
    const judged = judge(
      counted(
        few.map((one) => ({ ...one, sums: cell(0, 1, 0).sums.map((_, group) => (group < 3 ? 1 : 0)) })),
      ),
    );
    expect(foundOf(judged)).toEqual(["wide TooLittle", "deep TooLittle"]);
  });

  test("is judged by its own plans alone", () => {
    const others = [cell(2, 4_000, 3_000, 6), cell(2, 4_000, 3_000, 10)];
    expect(foundOf(judge(counted([...ALIKE, ...others])))).toEqual(["wide NotShown", "deep NotShown"]);
  });

  test("harms a guardrail, of which nothing good is looked for", () => {
    const metric = { values: "ZeroOne", better: "Higher" } as const;
    const cells = new Map([
      ["clicks", { metric, ofArms: ALIKE }],
      ["orders", { metric, ofArms: [cell(2, 400, 8), cell(3, 400, 32), ...ALIKE.slice(2)] }],
    ]);
    const judged = judge({ ...counted([]), cells }, { guardrails: [{ metric: "orders" }] });
    expect(foundOf(judged)).toEqual(["wide NotShown Worse", "deep NotShown NotShown"]);
    expect(judged.harm).toMatch(/^arm wide does harm: orders/);
  });

  test("with a metric that cannot be used has no verdict, and no harm", () => {
    const counts = {
      ...counted([]),
      cells: new Map(),
      unusable: new Map([["clicks", "the collector is busy"]]),
    };
    const judged = judge(counts);
    expect(foundOf(judged)).toEqual(["wide NoVerdict", "deep NoVerdict"]);
    expect(judged.findings.get("wide")?.[0]?.message).toBe("clicks: the collector is busy");
    expect(judged.harm).toBeUndefined();
  });

  test("with numbers that cannot be has no verdict", () => {
    const broken = { ...cell(2, 400, 20), sums: cell(2, 400, 900).sums };
    expect(foundOf(judge(counted([broken, ...ALIKE.slice(1)])))).toEqual(["wide NoVerdict", "deep NotShown"]);
  });
});

describe("arms that cannot be compared", () => {
  test("by users who do not come as planned", () => {
    const newUsers = [
      { epoch: 8, arm: 2, count: 700 },
      { epoch: 8, arm: 3, count: 1_000 },
      { epoch: 8, arm: 0, count: 6_300 },
      { epoch: 8, arm: 15, count: 2_000 },
    ];
    expect(judge(counted(ALIKE, { newUsers })).skew).toMatch(
      /^users did not come to the arms as planned: ArmA 700 of 1,000/,
    );
    // Those of other plans are of nobody.
    const others = newUsers.map((one) => ({ ...one, epoch: 10 }));
    expect(judge(counted(ALIKE, { newUsers: others })).skew).toBeUndefined();
  });

  test("by one request in the arm of another user", () => {
    const armChecks = [{ epoch: 7, lastEpoch: 9, told: 100, checked: 90, wrong: 1 }];
    expect(judge(counted(ALIKE, { armChecks })).skew).toBe(
      "1 requests were in another arm than that of their user",
    );
  });

  test("by requests, where each is drawn by itself", () => {
    const requests = [2, 3, 0, 15].map((arm, index) => ({
      epoch: 7,
      lastEpoch: 9,
      arm,
      count: [700, 1_000, 6_300, 2_000][index] ?? 0,
    }));
    const drawn = [{ firstEpoch: 7, lastEpoch: 9, drawnBy: "Request" as const }];
    const skewOf = (counts: ExperimentCounts) =>
      judgeExperiment({ spec: experimentSpec(), wanted, shares: drawn, counts, atMilliseconds: AT }).skew;
    expect(skewOf(counted(ALIKE, { requests }))).toMatch(/^requests did not come/);
    expect(skewOf(counted(ALIKE))).toBeUndefined();
  });
});

test("of arms that are all alike, hardly any experiment claims a difference or harm at any of its looks", () => {
  const random = new SeededRandom(20_260_101);
  const [RUNS, LOOKS] = [60, 8];
  const arms = [2, 3, 0] as const;
  let wrong = 0;
  for (let run = 0; run < RUNS; run++) {
    const sums = new Map(
      arms.map((arm) => [
        arm,
        { answers: new Array(USER_GROUPS).fill(0), clicks: new Array(USER_GROUPS).fill(0) },
      ]),
    );
    let isWrong = false;
    for (let look = 0; look < LOOKS && !isWrong; look++) {
      for (const arm of arms) {
        const cells = sums.get(arm);
        for (let group = 0; cells !== undefined && group < USER_GROUPS; group++) {
          const answers = arm === 0 ? 16 : 2;
          cells.answers[group] += answers;
          for (let answer = 0; answer < answers; answer++) if (random.next() < 0.1) cells.clicks[group] += 1;
        }
      }
      const ofArms = [...sums].map(([arm, { answers, clicks }]) => ({
        epoch: 7,
        arm,
        answers,
        sums: clicks,
      }));
      const judged = judge(counted(ofArms));
      isWrong =
        judged.harm !== undefined ||
        [...judged.findings.values()]
          .flat()
          .some(({ finding }) => finding === "Better" || finding === "Worse");
    }
    if (isWrong) wrong += 1;
  }
  // At most 10 %, claims and alarms together: of 60 then 14 or fewer with a probability of 0.999.
  expect(wrong).toBeLessThanOrEqual(14);
}, 120_000);
