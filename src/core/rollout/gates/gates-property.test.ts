/**
 * What holds of gates for all evidence: they never pass without knowledge, more harm is never better for a candidate,
 * and the order in which cells come changes nothing.
 *
 * fast-check prints the seed and the shortest failing example; `PETREL_PROPERTY_RUNS` sets how many are tried.
 */
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import type { GateSpec } from "../../../api/rollout-gates.ts";
import { USER_GROUPS } from "../../../stats/evidence.ts";
import { epochsOf } from "./evidence-epochs.ts";
import type { ArmCell, GateEvidence } from "./gate-evidence.ts";
import { judgeGates } from "./judge-gates.ts";
import { judgeQuality } from "./quality.ts";
import { MAXIMUM_READING_AGE_MILLISECONDS, type Reading } from "./reading.ts";
import {
  clicks,
  collected,
  figures,
  hourOf,
  LAST,
  metricOf,
  NOTHING,
  NOW,
  STEP,
  WELL,
  whole,
} from "./testdata/gate-world.ts";

const numRuns = Number(process.env["PETREL_PROPERTY_RUNS"] ?? 100);

const DECLARED: readonly GateSpec[] = [
  { name: "quality", type: "Quality", quality: { metric: "ctr", nonInferiorityMargin: "10%" } },
  { name: "latency", type: "Latency", latency: { quantile: "p99", max: "40ms" } },
  { name: "errors", type: "Errors", errors: { max: "1%" } },
  { name: "query", type: "PrometheusQuery", prometheusQuery: { url: "http://p", query: "up", max: "1" } },
  { name: "hook", type: "WebHook", webHook: { url: "http://h" } },
];

/** Nothing that may be judged by, or something of which nothing follows. */
function unusable<Value>(good: Value): fc.Arbitrary<Reading<Value> | undefined> {
  return fc.oneof(
    fc.constant(undefined),
    fc.record({ kind: fc.constant("Missing" as const), reason: fc.string() }),
    fc.record({
      kind: fc.constant("Torn" as const),
      atMilliseconds: fc.integer({ min: NOW - 1e6, max: NOW + 1e6 }),
      reason: fc.string(),
    }),
    fc.record({
      kind: fc.constant("Whole" as const),
      atMilliseconds: fc.oneof(
        fc.integer({ min: NOW - 1e9, max: NOW - MAXIMUM_READING_AGE_MILLISECONDS }),
        fc.integer({ min: NOW + 1, max: NOW + 1e9 }),
        fc.constant(Number.NaN),
      ),
      value: fc.constant(good),
    }),
  );
}

const blind: fc.Arbitrary<GateEvidence> = fc
  .record({
    collected: unusable(collected(clicks(0))),
    service: unusable(figures(hourOf(1_000, 1, 2))),
    query: unusable(0.5),
    hook: unusable({ outcome: "Pass", message: "" } as const),
    drawsUsers: fc.boolean(),
  })
  .map(({ collected: counts, service, query, hook, drawsUsers }) => ({
    drawsUsers,
    ...(counts === undefined ? {} : { collected: counts }),
    ...(service === undefined ? {} : { service }),
    queries: new Map(query === undefined ? [] : [["query", query]]),
    hooks: new Map(hook === undefined ? [] : [["hook", hook]]),
  }));

test("no gate passes without knowledge, at any time, by any policy but Proceed", () => {
  fc.assert(
    fc.property(
      blind,
      fc.constantFrom("Wait" as const, "Fail" as const, undefined),
      fc.boolean(),
      fc.integer({ min: 0, max: 1e10 }),
      (evidence, onNoData, isLast, dueSince) => {
        const declared = DECLARED.map((spec) => ({
          ...spec,
          ...(onNoData === undefined ? {} : { onNoData }),
        }));
        const step = {
          ...STEP,
          isLast,
          inEffectAtMilliseconds: NOW - 2e10,
          dueAtMilliseconds: NOW - dueSince,
        };
        const found = judgeGates({ declared, before: [], step, evidence });
        expect(found.filter(({ status }) => status.outcome === "Pass")).toEqual([]);
      },
    ),
    { numRuns },
  );
});

test("numbers that cannot be pass no gate", () => {
  const wrong = fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, -1, 1e17);
  fc.assert(
    fc.property(wrong, fc.integer({ min: 0, max: USER_GROUPS - 1 }), fc.boolean(), (value, group, inSums) => {
      const [candidate, ...rest] = clicks(0);
      if (candidate === undefined) throw new Error("expected a cell");
      const broken = (list: ArrayLike<number>) => Array.from(list, (one, at) => (at === group ? value : one));
      const cell = inSums
        ? { ...candidate, sums: broken(candidate.sums) }
        : { ...candidate, answers: broken(candidate.answers) };
      const evidence = {
        ...WELL,
        collected: whole(collected([cell, ...rest])),
        service: whole(figures(hourOf(value, 0, 0))),
        queries: new Map([["query", whole(Number.NaN)]]),
      };
      const names = ["quality", "latency", "errors", "query"];
      for (const { status } of judgeGates({ declared: DECLARED, before: [], step: LAST, evidence })) {
        if (names.includes(status.name)) expect(status.outcome).toBe("Wait");
      }
    }),
    { numRuns },
  );
});

/** Cells as collectors might have them: any epochs, several partitions, small whole numbers. */
const cells: fc.Arbitrary<readonly ArmCell[]> = fc.array(
  fc
    .record({
      epoch: fc.integer({ min: 1, max: 4 }),
      arm: fc.constantFrom("Candidate" as const, "Stable" as const),
      answers: fc.array(fc.integer({ min: 0, max: 400 }), { minLength: USER_GROUPS, maxLength: USER_GROUPS }),
      share: fc.double({ min: 0, max: 0.5, noNaN: true }),
    })
    .map(({ share, answers, ...rest }) => ({
      ...rest,
      answers,
      sums: answers.map((count, group) => count * share * (1 + (group % 3) / 4)),
    })),
  { minLength: 1, maxLength: 12 },
);

const judgement = (list: readonly ArmCell[], values: "ZeroOne" | "Amount", step = LAST) =>
  judgeQuality({
    name: "gate",
    settings: { metric: "ctr", margin: 0.1 },
    step,
    evidence: {
      ...NOTHING,
      collected: whole(
        collected([], {
          metrics: new Map([["ctr", { ...metricOf(list), metric: { values, better: "Higher" } }]]),
        }),
      ),
    },
    harmGates: 1,
  });

describe("the order of cells changes nothing", () => {
  const shuffled = cells.chain((list) =>
    fc.tuple(fc.constant(list), fc.shuffledSubarray([...list], { minLength: list.length })),
  );

  test("of an epoch, to the last digit", () => {
    fc.assert(
      fc.property(shuffled, ([list, other]) => {
        expect(epochsOf(other)).toEqual(epochsOf(list));
      }),
      { numRuns },
    );
  });

  test("of a judgement, to the last letter", () => {
    fc.assert(
      fc.property(shuffled, ([list, other]) => {
        expect(judgement(other, "Amount")).toEqual(judgement(list, "Amount"));
      }),
      { numRuns },
    );
  });
});

describe("more harm is never better", () => {
  const RANK = { Fail: 0, NoData: 1, TooLittle: 1, Undecided: 2, Pass: 3 } as const;
  const worse = fc.record({
    answers: fc.integer({ min: 50, max: 2_000 }),
    change: fc.integer({ min: -15, max: 15 }),
    less: fc.integer({ min: 1, max: 20 }),
    isLast: fc.boolean(),
  });

  test("for clicks that go missing in every group", () => {
    fc.assert(
      fc.property(worse, ({ answers, change, less, isLast }) => {
        const step = isLast ? LAST : STEP;
        const before = judgement(clicks(change, answers), "ZeroOne", step).verdict;
        const after = judgement(clicks(change - less, answers), "ZeroOne", step).verdict;
        expect(RANK[after]).toBeLessThanOrEqual(RANK[before]);
      }),
      { numRuns },
    );
  });

  test("for errors and slow answers that are added", () => {
    const more = fc.record({
      tries: fc.integer({ min: 10, max: 3_000 }),
      bad: fc.nat(100),
      added: fc.nat(100),
    });
    fc.assert(
      fc.property(more, fc.boolean(), ({ tries, bad, added }, isLast) => {
        const outcome = (count: number) => {
          const limited = Math.min(count, tries);
          const service = whole(figures(hourOf(tries, limited, limited)));
          return judgeGates({
            declared: DECLARED.filter(({ type }) => type === "Errors" || type === "Latency"),
            before: [],
            step: { ...STEP, isLast },
            evidence: { ...NOTHING, service },
          }).map(({ status }) => ["Fail", "Wait", "Pass"].indexOf(status.outcome));
        };
        const before = outcome(bad);
        const after = outcome(bad + added);
        expect(after.every((rank, index) => rank <= (before[index] ?? 0))).toBe(true);
      }),
      { numRuns },
    );
  });
});
