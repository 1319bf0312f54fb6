import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { USER_GROUPS } from "./evidence.ts";
import {
  parseShadowCounts,
  SCORE_TOLERANCES,
  SHADOW_SUMS,
  type ShadowCounts,
  ShadowCountsError,
  shadowCountsText,
} from "./shadow-counts.ts";
import { type ShadowAnswer, ShadowTally, sumOfShadowCounts } from "./shadow-tally.ts";
import { totalOf } from "./total.ts";

const NOW = 1_795_000_020;
const EDGES = [1, 10, 100];
const answer = (scores: readonly number[], more: Partial<ShadowAnswer> = {}): ShadowAnswer => ({
  status: 200,
  latencyMilliseconds: 5,
  rows: scores.length,
  scores,
  ...more,
});

/** Of a request that is counted with it. */
function addPair(tally: ShadowTally, ...pair: Parameters<ShadowTally["addPair"]>): void {
  tally.addOriginal(pair[0]);
  tally.addPair(...pair);
}

function tallied(...pairs: readonly (readonly [ShadowAnswer, ShadowAnswer])[]): ShadowCounts {
  const tally = new ShadowTally(7, EDGES);
  for (const [stable, candidate] of pairs) addPair(tally, 12, stable, candidate, NOW);
  return tally.counts();
}

const totals = ({ sums }: ShadowCounts) =>
  Object.fromEntries(SHADOW_SUMS.map((name) => [name, totalOf(sums[name])]));
const within = (counts: ShadowCounts, tolerance: number) =>
  totalOf(counts.within[SCORE_TOLERANCES.indexOf(tolerance)] ?? []);

describe("a pair counts", () => {
  test("by its order, its first row and its correlation", () => {
    const counts = tallied(
      [answer([3, 2, 1]), answer([30, 20, 10])],
      [answer([3, 2, 1]), answer([30, 10, 20])],
      [answer([3, 2, 1]), answer([10, 20, 30])],
    );
    expect(totals(counts)).toEqual({
      originals: 3,
      pairs: 3,
      answered: 3,
      lists: 3,
      sameBest: 2,
      sameOrder: 1,
      correlated: 3,
      correlation: expect.closeTo(1 + 1 / 3 - 1, 12),
    });
    expect(counts.sums.pairs[12]).toBe(3);
    expect(counts.lastPairSeconds).toBe(NOW);
  });

  test("by its scores, up to the largest difference of a row", () => {
    const counts = tallied([answer([0.5, 0.1]), answer([0.502, 0.1])], [answer([0.5]), answer([0.5])]);
    expect([0.001, 0.002, 0.005].map((tolerance) => within(counts, tolerance))).toEqual([1, 2, 2]);
    expect(totals(counts)).toMatchObject({ pairs: 2, lists: 1 });
  });

  test("rows that are all tied are a list without a correlation", () => {
    const counts = tallied([answer([1, 1]), answer([1, 1])]);
    expect(totals(counts)).toMatchObject({ lists: 1, sameBest: 1, sameOrder: 1, correlated: 0 });
  });

  test("rows that the candidate alone ties are in no order, so they do not go with any", () => {
    const counts = tallied([answer([3, 2, 1]), answer([0, 0, 0])], [answer([1, 1]), answer([2, 1])]);
    expect(totals(counts)).toMatchObject({ lists: 2, correlated: 1, correlation: 0 });
  });

  test("by the rows that both tell of, where one is made to tell of fewer", () => {
    const counts = tallied([answer([3, 2, 1], { rows: 3 }), answer([30, 20], { rows: 3 })]);
    expect(totals(counts)).toMatchObject({ answered: 1, lists: 1, sameBest: 1, sameOrder: 1, correlated: 1 });
  });

  test.each([
    ["an error", answer([], { status: 500, rows: 0 })],
    ["other rows", answer([3, 2])],
    ["more rows than are told", answer([3, 2, 1], { rows: 40 })],
    ["a score that is missing", answer([3, Number.NaN, 1])],
    ["no scores", answer([], { rows: 3 })],
  ])("the candidate's %s against it", (_what, candidate) => {
    const counts = tallied([answer([3, 2, 1]), candidate]);
    expect(totals(counts)).toEqual({
      originals: 1,
      pairs: 1,
      answered: 0,
      lists: 1,
      sameBest: 0,
      sameOrder: 0,
      correlated: 0,
      correlation: 0,
    });
    expect(within(counts, 50)).toBe(0);
  });

  test("how it was served, minute by minute", () => {
    const tally = new ShadowTally(7, EDGES);
    const add = (candidate: ShadowAnswer, seconds: number) =>
      addPair(tally, 1, answer([1]), candidate, seconds);
    add(answer([1], { latencyMilliseconds: 50 }), NOW);
    add(answer([1], { latencyMilliseconds: 1_000 }), NOW);
    add(answer([], { status: 503, rows: 0 }), NOW + 60);
    const slot = Math.floor(NOW / 60);
    const stable = (tries: number) => ({ tries, errors: 0, latencies: [0, tries, 0, 0] });
    expect(tally.counts().service.windows).toEqual([
      {
        slot,
        minutes: 1,
        epoch: 7,
        candidate: { tries: 2, errors: 0, latencies: [0, 0, 1, 1] },
        stable: stable(2),
        uncompared: 0,
      },
      {
        slot: slot + 1,
        minutes: 1,
        epoch: 7,
        candidate: { tries: 1, errors: 1, latencies: [0, 0, 0, 0] },
        stable: stable(1),
        uncompared: 0,
      },
    ]);
  });

  test("and takes no more room after a week than after a day", () => {
    const tally = new ShadowTally(7, EDGES);
    let [afterDay, tries] = [0, 0];
    for (let minute = 0; minute < 7 * 1_440; minute++) {
      addPair(tally, 1, answer([1]), answer([1]), NOW + 60 * minute);
      if (minute === 1_500) afterDay = tally.counts().service.windows.length;
    }
    const { windows } = tally.counts().service;
    expect(Math.abs(windows.length - afterDay)).toBeLessThanOrEqual(10);
    expect(windows.length).toBeLessThan(1_024);
    for (const { candidate } of windows) tries += candidate.tries;
    expect(tries).toBeGreaterThanOrEqual(1_430);
  });
});

test("a request whose copy nobody answered is an original without a pair", () => {
  const tally = new ShadowTally(7, EDGES);
  tally.addOriginal(5);
  expect(totals(tally.counts())).toMatchObject({ originals: 1, pairs: 0, answered: 0 });
  expect(tally.counts().lastPairSeconds).toBeUndefined();
});

const answers = fc.record({
  status: fc.constantFrom(200, 200, 200, 500, 429),
  latencyMilliseconds: fc.integer({ min: 0, max: 200 }),
  rows: fc.integer({ min: 0, max: 3 }),
  scores: fc.array(fc.constantFrom(0, 0.1, 0.5, 1, Number.NaN), { maxLength: 3 }),
});
const pairs = fc.array(
  fc.tuple(fc.integer({ min: 0, max: 127 }), answers, answers, fc.integer({ min: 0, max: 4 })),
  {
    maxLength: 30,
  },
);
type Pair = [number, ShadowAnswer, ShadowAnswer, number];

test("what is told comes over whole, and is taken for sums that can be", () => {
  fc.assert(
    fc.property(pairs, (all) => {
      const tally = new ShadowTally(7, EDGES);
      for (const [group, stable, candidate, minute] of all.toSorted((a, b) => a[3] - b[3]))
        addPair(tally, group, { ...stable, status: 200 }, candidate, NOW + 60 * minute);
      const counts = tally.counts();
      const read = parseShadowCounts(shadowCountsText("ranker", counts), "ranker", "a collector");
      expect(totals(read)).toEqual(totals(counts));
      expect(read.service).toEqual(counts.service);
      expect(read.lastPairSeconds).toBe(counts.lastPairSeconds);
    }),
  );
});

test("counts of several plans are those of one that had all of their pairs", () => {
  fc.assert(
    fc.property(pairs, fc.integer({ min: 0, max: 30 }), (all, at) => {
      const inOrder = all.toSorted((a, b) => a[3] - b[3]);
      const countsOf = (some: readonly Pair[]) => {
        const tally = new ShadowTally(7, EDGES);
        for (const [group, stable, candidate, minute] of some)
          addPair(tally, group, { ...stable, status: 200 }, candidate, NOW + 60 * minute);
        return tally.counts();
      };
      const together = countsOf(inOrder);
      const added = sumOfShadowCounts([countsOf(inOrder.slice(0, at)), countsOf(inOrder.slice(at))]);
      expect(added.service.windows).toEqual(together.service.windows);
      expect(added.within.map((counts) => totalOf(counts))).toEqual(
        together.within.map((counts) => totalOf(counts)),
      );
      const close = Object.fromEntries(
        Object.entries(totals(together)).map(([name, sum]) => [name, expect.closeTo(sum, 9)]),
      );
      expect(totals(added)).toEqual(close);
    }),
  );
});

describe("what cannot be is refused", () => {
  const whole = () => JSON.parse(shadowCountsText("ranker", tallied([answer([2, 1]), answer([2, 1])])));
  test.each<[string, (told: ReturnType<typeof whole>) => void, RegExp]>([
    [
      "another deployment",
      (told) => Object.assign(told, { deployment: "other" }),
      /deployment: expected "ranker"/,
    ],
    ["a sum that is missing", (told) => delete told.sums.pairs, /sums.pairs: expected a number for each/],
    [
      "a group that is missing",
      (told) => told.sums.lists.pop(),
      /sums.lists: expected a number for each of 128/,
    ],
    ["less than nothing", (told) => told.sums.pairs.fill(-1), /sums.pairs\[0\]: expected a whole number/],
    ["more pairs than originals", (told) => told.sums.pairs.fill(2), /sums.pairs\[0\]: expected at most 0/],
    ["more of the same order than of the same best", (told) => told.sums.sameBest.fill(0), /sums.sameOrder/],
    ["a correlation beyond 1", (told) => (told.sums.correlation[12] = 1.5), /sums.correlation\[12\]/],
    ["a tolerance that is missing", (told) => told.within.pop(), /within: expected 24 lists/],
    ["fewer within more", (told) => told.within[9].fill(0), /within\[9\]\[12\]: expected from 1 to 1, got 0/],
    ["a service that is missing", (told) => delete told.service, /service: expected a whole answer/],
  ])("%s", (_what, spoil, message) => {
    const told = whole();
    spoil(told);
    expect(() => parseShadowCounts(JSON.stringify(told), "ranker", "a collector")).toThrow(message);
  });

  test("what is no JSON", () => {
    expect(() => parseShadowCounts("{", "ranker", "a collector")).toThrow(ShadowCountsError);
  });
});

test("every group has its own sums", () => {
  const tally = new ShadowTally(7, EDGES);
  for (let group = 0; group < USER_GROUPS; group++) tally.addOriginal(group);
  expect(Array.from(tally.counts().sums.originals)).toEqual(Array(USER_GROUPS).fill(1));
});
