/**
 * What a gate still needs, by the sizes that are known for shops.
 */
import { describe, expect, test } from "@jest/globals";
import { needForPromotion, needForVerdict, type TrafficSoFar } from "./gate-need.ts";
import { HOUR } from "./testdata/gate-world.ts";

const SHOP: TrafficSoFar = {
  candidateShare: 0.5,
  mean: 0.05,
  dispersion: 1,
  requestsPerSecond: 10,
  answers: 0,
  information: 0,
  maturesMilliseconds: HOUR,
};

describe("a promotion", () => {
  test.each([
    [0.02, 2.6e6],
    [0.05, 0.42e6],
    [0.1, 0.11e6],
  ])("by a margin of %d needs about %d requests", (margin, requests) => {
    const need = needForPromotion(SHOP, margin, 0.05);
    expect((need?.requests ?? 0) / requests).toBeCloseTo(1, 1);
    // Then the last labels have to mature.
    expect(need?.milliseconds).toBe(((need?.requests ?? 0) / 10) * 1_000 + HOUR);
  });

  test("needs as many times more as users are heavier", () => {
    const [light, heavy] = [1, 4].map((dispersion) => needForPromotion({ ...SHOP, dispersion }, 0.1, 0.05));
    expect((heavy?.requests ?? 0) / (light?.requests ?? 1)).toBeCloseTo(4, 4);
  });

  test("needs less by what is known already", () => {
    const all = needForPromotion(SHOP, 0.1, 0.05)?.requests ?? 0;
    const answers = 50_000;
    const information = 0.25 * 0.05 * answers;
    expect(needForPromotion({ ...SHOP, answers, information }, 0.1, 0.05)).toEqual({
      requests: all,
      milliseconds: ((all - answers) / 10) * 1_000 + HOUR,
    });
    // The same answers at another weight told less.
    const early = needForPromotion({ ...SHOP, answers, information: information / 4 }, 0.1, 0.05);
    expect(early?.requests).toBeGreaterThan(all + 30_000);
    const enough = { ...SHOP, answers: 2 * all, information: 0.25 * 0.05 * 2 * all };
    expect(needForPromotion(enough, 0.1, 0.05)).toEqual({ requests: 2 * all, milliseconds: HOUR });
  });
});

describe("a verdict", () => {
  test.each([
    [0.1, 0.05, 2_000],
    [0.5, 0.05, 2_000],
    [0.01, 0.05, 20_000],
    [0.99, 0.05, 100_000],
    [0.1, 0.01, 10_000],
  ])("at a share of %d and a rate of %d needs %d requests", (candidateShare, mean, requests) => {
    const need = needForVerdict({ ...SHOP, candidateShare, mean }, true);
    expect((need?.requests ?? 0) / requests).toBeCloseTo(1, 3);
    expect(need?.milliseconds).toBe((need?.requests ?? 0) * 100);
  });

  test("on amounts counts successes that are as certain", () => {
    expect(needForVerdict({ ...SHOP, mean: 2, dispersion: 100 }, false)?.requests).toBe(5_000);
  });
});

test("never comes without traffic, and is not known of traffic that says nothing", () => {
  const still = { ...SHOP, requestsPerSecond: 0 };
  expect(needForPromotion(still, 0.1, 0.05)?.milliseconds).toBe(Number.POSITIVE_INFINITY);
  expect(needForVerdict(still, true)?.milliseconds).toBe(Number.POSITIVE_INFINITY);
  for (const wrong of [{ mean: 0 }, { dispersion: 0 }, { candidateShare: 0 }, { candidateShare: 1 }]) {
    expect(needForPromotion({ ...SHOP, ...wrong }, 0.1, 0.05)).toBeUndefined();
    expect(needForVerdict({ ...SHOP, ...wrong }, true)).toBeUndefined();
  }
});
