import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { effectOf, relativeChange } from "./effect.ts";
import { emptyCell } from "./evidence.ts";
import { CLICKS, MONEY, UNEVEN_STABLE } from "./testdata/evidence-examples.ts";

describe("as computed with numpy", () => {
  test("two epochs of clicks, of which successes are as uncertain as independent ones", () => {
    const effect = effectOf(CLICKS, true);
    expect(effect.score).toBeCloseTo(-128.48861338209582, 10);
    expect(effect.information).toBeCloseTo(463.8954082858744, 10);
    expect(effect.effect).toBeCloseTo(-0.27697754943699515, 12);
    expect(effect.variance).toBeCloseTo(0.0020768291520223093, 14);
    expect(effect.dispersion).toBeCloseTo(0.9634315074173955, 12);
    expect(effect.candidateShare).toBeCloseTo(0.37567598833086063, 12);
    expect(effect.epochs).toEqual([
      { candidateShare: expect.closeTo(0.11808616522110052, 12), candidateSum: 171, stableSum: 1179 },
      { candidateShare: expect.closeTo(0.48769110535827676, 12), candidateSum: 491, stableSum: 803 },
    ]);
    expect(effect).toMatchObject({ candidateSum: 662, stableSum: 1982 });
  });

  test("the same without the bound of zeros and ones: the spread of stable is the larger one", () => {
    expect(effectOf(CLICKS, false).dispersion).toBeCloseTo(438.3050931654417 / 463.8954082858744, 12);
  });

  test("money, with users of the candidate who differ: the spread of the difference is the larger one", () => {
    const effect = effectOf(MONEY, false);
    expect(effect.effect).toBeCloseTo(-0.04839784021100231, 12);
    expect(effect.variance).toBeCloseTo(0.001399565716753739, 14);
    expect(effect.dispersion).toBeCloseTo(9.765428482947808, 10);
  });

  test("money, with users of stable who differ: the spread of stable is the larger one", () => {
    const effect = effectOf(UNEVEN_STABLE, false);
    expect(effect.effect).toBeCloseTo(0.004223120946274077, 12);
    expect(effect.dispersion).toBeCloseTo(40.57618224798512, 10);
  });
});

test("an epoch without answers of one arm tells nothing", () => {
  const [first, second] = CLICKS;
  if (first === undefined || second === undefined) throw new Error("expected two epochs");
  const alone = { candidate: emptyCell(), stable: second.stable };
  const effect = effectOf([first, alone], true);
  expect(effect).toMatchObject({
    ...effectOf([first], true),
    stableAnswers: effect.stableAnswers,
    stableSum: 1982,
  });
  expect(effectOf([alone], true)).toMatchObject({
    information: 0,
    effect: 0,
    variance: Number.POSITIVE_INFINITY,
    dispersion: 0,
    candidateShare: 0,
    epochs: [],
  });
});

test("users of one group who come back in the next epoch do not count as new ones", () => {
  // One group of the candidate differs, by the same in both epochs: twice the epochs are no more certain than one.
  const lonely = () => {
    const candidate = { answers: new Array(128).fill(100), sums: new Array(128).fill(10) };
    const stable = { answers: new Array(128).fill(100), sums: new Array(128).fill(10) };
    candidate.sums[9] = 60;
    return { candidate, stable };
  };
  const once = effectOf([lonely()], false);
  const twice = effectOf([lonely(), lonely()], false);
  expect(twice.effect).toBeCloseTo(once.effect, 12);
  expect(twice.variance).toBeCloseTo(once.variance, 12);
  expect(twice.dispersion).toBeCloseTo(2 * once.dispersion, 10);
});

test("the effect stands for the relative change that was put in", () => {
  const share = fc.double({ min: 0.01, max: 0.99, noNaN: true });
  const change = fc.double({ min: -0.99, max: 5, noNaN: true });
  fc.assert(
    fc.property(share, change, (q, c) => {
      expect(relativeChange(c / (1 + q * c), q)).toBeCloseTo(c, 8);
    }),
  );
  expect(relativeChange(-1 / 0.9, 0.1)).toBeCloseTo(-1, 12);
  expect(relativeChange(-50, 0.1)).toBe(-1);
  expect(relativeChange(10, 0.1)).toBe(Number.POSITIVE_INFINITY);
  expect(relativeChange(Number.POSITIVE_INFINITY, 0.1)).toBe(Number.POSITIVE_INFINITY);
  expect(relativeChange(Number.NEGATIVE_INFINITY, 0.1)).toBe(-1);
});
