import { describe, expect, test } from "@jest/globals";
import { USER_GROUPS } from "./evidence.ts";
import { boundedMean } from "./mean-bounds.ts";
import { mixtureHalfWidth } from "./mixture-bounds.ts";
import { Chance } from "./testdata/chance.ts";

const each = (count: number) => Array.from({ length: USER_GROUPS }, () => count);
const share = { values: "ZeroOne" } as const;

test("the mean of shares that are alike in every group", () => {
  const { mean, lower, upper, count } = boundedMean({ counts: each(10), sums: each(9), ...share }, 0.05);
  expect(count).toBe(1_280);
  expect(mean).toBeCloseTo(0.9, 12);
  // Groups that do not differ at all tell no less than independent requests would: M (1 - M) / N.
  const m = 1_153 / 1_282;
  const width = mixtureHalfWidth((m * (1 - m)) / 1_280, 0.05, 0.05);
  expect(lower).toBeCloseTo(0.9 - width, 12);
  expect(upper).toBeCloseTo(0.9 + width, 12);
});

test("the mean of correlations is as uncertain as groups differ", () => {
  const sums = Array.from({ length: USER_GROUPS }, (_, group) => (group < 64 ? 6 : 2));
  const { mean, lower } = boundedMean({ counts: each(10), sums, values: "Correlation" }, 0.05);
  expect(mean).toBeCloseTo(0.4, 12);
  // By hand: M = 512 / 1282, and half of the groups leave 6 - 10 M, half 2 - 10 M.
  const m = 512 / 1_282;
  const squares = (128 / 127) * 64 * ((6 - 10 * m) ** 2 + (2 - 10 * m) ** 2) + (1 + m) ** 2 + (1 - m) ** 2;
  expect(lower).toBeCloseTo(0.4 - mixtureHalfWidth(squares / 1_280 ** 2, 0.05, 0.1), 12);
});

test("no bound is beyond what the values can have as their mean", () => {
  const [nothing, all] = [each(0), each(10)];
  const below = each(-10);
  expect(boundedMean({ counts: all, sums: all, ...share }, 0.05).upper).toBe(1);
  expect(boundedMean({ counts: all, sums: nothing, ...share }, 0.05).lower).toBe(0);
  expect(boundedMean({ counts: all, sums: below, values: "Correlation" }, 0.05).lower).toBe(-1);
  expect(boundedMean({ counts: all, sums: all, values: "Correlation" }, 0.05).upper).toBe(1);
});

test("values that were all the same are no proof of the next ones", () => {
  const { lower } = boundedMean({ counts: each(1), sums: each(1), ...share }, 0.05);
  expect(lower).toBeLessThan(0.98);
  expect(lower).toBeGreaterThan(0.95);
});

test("what groups have in common makes it uncertain", () => {
  const half = Array.from({ length: USER_GROUPS }, (_, group) => (group % 2 === 0 ? 100 : 0));
  const together = boundedMean({ counts: each(100), sums: half, ...share }, 0.05);
  const apart = boundedMean({ counts: each(100), sums: each(50), ...share }, 0.05);
  expect(together.dispersion).toBeCloseTo(100, -1);
  expect(apart.dispersion).toBe(1);
  expect(together.upper - together.lower).toBeGreaterThan(5 * (apart.upper - apart.lower));
});

test.each([
  ["no request", each(0), each(0)],
  ["a single user", [1_000, ...each(0).slice(1)], [1_000, ...each(0).slice(1)]],
  ["a number that is missing", each(10).slice(1), each(9)],
])("%s leaves everything open", (_what, counts, sums) => {
  const { lower, upper } = boundedMean({ counts, sums, ...share }, 0.05);
  expect(lower >= 0.5 || upper <= 0.5).toBe(false);
});

describe("over all looks, with users who come often", () => {
  /** Whether a candidate that agrees in exactly so many cases is ever shown to agree in more, or in fewer. */
  function everWrong(seed: number, rate: number, values: (chance: Chance, rate: number) => number) {
    const chance = new Chance(seed);
    const [counts, sums] = [new Float64Array(USER_GROUPS), new Float64Array(USER_GROUPS)];
    const range = values === taus ? ({ values: "Correlation" } as const) : share;
    const mean = values === taus ? 2 * rate - 1 : rate;
    // Users of a log-normal activity, each with a rate of its own.
    const users = Array.from({ length: 2_000 }, () => ({
      weight: Math.exp(1.5 * chance.normal()),
      group: Math.floor(chance.uniform() * USER_GROUPS),
      rate: chance.beta(20 * rate, Math.max(1, 20 * (1 - rate))),
    }));
    const total = users.reduce((sum, { weight, rate: own }) => sum + weight * own, 0);
    const weights = users.reduce((sum, { weight }) => sum + weight, 0);
    // Exactly at the limit, over all users.
    const bias = rate - total / weights;
    const cumulative: number[] = [];
    users.reduce((sum, { weight }) => {
      cumulative.push(sum + weight);
      return sum + weight;
    }, 0);
    let [above, below] = [false, false];
    for (let request = 1; request <= 5_000; request++) {
      const at = chance.uniform() * weights;
      let [low, high] = [0, users.length - 1];
      while (low < high) {
        const middle = (low + high) >> 1;
        if ((cumulative[middle] ?? 0) < at) low = middle + 1;
        else high = middle;
      }
      const user = users[low];
      if (user === undefined) throw new Error("no such user");
      counts[user.group] = (counts[user.group] ?? 0) + 1;
      sums[user.group] = (sums[user.group] ?? 0) + values(chance, user.rate + bias);
      if (request < 100 || request % 25 !== 0) continue;
      const { lower, upper } = boundedMean({ counts, sums, ...range }, 0.05);
      above ||= lower > mean;
      below ||= upper < mean;
    }
    return { above, below };
  }
  const shares = (chance: Chance, rate: number) => (chance.uniform() < rate ? 1 : 0);
  const taus = (chance: Chance, rate: number) => (chance.uniform() < rate ? 1 : -1);
  const RUNS = 200;

  test.each([
    ["shares", 0.9, shares],
    ["shares near all", 0.95, shares],
    ["correlations", 0.95, taus],
  ])("neither bound is ever wrong in more than its share of runs: %s", (_what, rate, values) => {
    const runs = Array.from({ length: RUNS }, (_, seed) => everWrong(seed + 1, rate, values));
    // Four standard deviations above 5 %.
    const most = RUNS * 0.05 + 4 * Math.sqrt(RUNS * 0.05 * 0.95);
    expect(runs.filter(({ above }) => above).length).toBeLessThanOrEqual(most);
    expect(runs.filter(({ below }) => below).length).toBeLessThanOrEqual(most);
  });
});
