import { describe, expect, test } from "@jest/globals";
import { cellJson, type EpochEvidence, emptyCell, type GateMetric } from "./evidence.ts";
import { findHarm } from "./harm.ts";
import { CLICKS, MONEY } from "./testdata/evidence-examples.ts";

const clicks: GateMetric = { values: "ZeroOne", better: "Higher" };
const refusals: GateMetric = { values: "ZeroOne", better: "Lower" };
const money: GateMetric = { values: "Amount", better: "Higher" };
const costs: GateMetric = { values: "Amount", better: "Lower" };
const settings = { alpha: 0.05, gates: 1 };

/** An epoch with so many successes, spread over the groups one by one. */
function spread(candidateAnswers: number, candidateSum: number, stableAnswers: number, stableSum: number) {
  const cell = (answers: number, sum: number) => {
    const filled = emptyCell();
    for (let group = 0; group < 128; group++) {
      filled.answers[group] = answers;
      filled.sums[group] = Math.floor(sum / 128) + (group < sum % 128 ? 1 : 0);
    }
    return filled;
  };
  return { candidate: cell(candidateAnswers, candidateSum), stable: cell(stableAnswers, stableSum) };
}

test("harm is found, and explains itself", () => {
  expect(findHarm(CLICKS, clicks, settings)).toEqual({
    verdict: "Harm",
    logEvidence: expect.closeTo(28.00383713445505, 9),
    logThreshold: Math.log(20),
    estimate: {
      change: expect.closeTo(-0.25087323259669847, 12),
      lower: expect.closeTo(-0.3540337677390148, 12),
      upper: expect.closeTo(-0.1380585752744955, 12),
    },
    sizes: {
      candidateAnswers: 23_291,
      stableAnswers: 45_787,
      candidateSum: 662,
      stableSum: 1982,
      dispersion: expect.closeTo(0.9634315074173955, 12),
    },
  });
});

test("where lower is better the same is no harm, and more is", () => {
  expect(findHarm(CLICKS, refusals, settings)).toMatchObject({
    verdict: "NoHarm",
    logEvidence: expect.closeTo(-4.84932606051361, 9),
    estimate: { change: expect.closeTo(-0.25087323259669847, 12) },
  });
  const swapped = CLICKS.map(({ candidate, stable }) => ({ candidate: stable, stable: candidate }));
  expect(findHarm(swapped, refusals, settings).verdict).toBe("Harm");
  expect(findHarm(swapped, clicks, settings).verdict).toBe("NoHarm");
});

test("means of any amount have their own evidence, with its sign", () => {
  expect(findHarm(MONEY, money, settings)).toMatchObject({
    verdict: "NoHarm",
    logEvidence: expect.closeTo(-0.5047156420177289, 9),
  });
  expect(findHarm(MONEY, costs, settings).logEvidence).toBeCloseTo(-2.697826583553983, 9);
});

test("gates share the error: each needs more evidence when there are more", () => {
  const epoch = [spread(10, 95, 90, 1240)];
  const alone = findHarm(epoch, clicks, settings);
  expect(alone.verdict).toBe("Harm");
  expect(findHarm(epoch, clicks, { alpha: 0.05, gates: 40 })).toMatchObject({
    verdict: "NoHarm",
    logEvidence: alone.logEvidence,
    logThreshold: Math.log(800),
  });
});

describe("too little is no verdict", () => {
  test.each<[name: string, epoch: EpochEvidence, metric: GateMetric, reason: string | undefined]>([
    ["stable has 49", spread(1, 12, 9, 49), clicks, "stable has 49 successes of the 50 needed"],
    [
      "the smaller arm can expect 9.9",
      spread(1, 0, 9, 99),
      clicks,
      "the smaller arm can be expected to have 9.9 successes of the 10 needed",
    ],
    ["just enough", spread(1, 0, 9, 100), clicks, undefined],
    ["nothing at all", spread(0, 0, 0, 0), clicks, "no epoch has answers of both arms and a success"],
    ["no success", spread(1, 0, 9, 0), clicks, "no epoch has answers of both arms and a success"],
    ["one arm alone", spread(0, 0, 9, 900), clicks, "no epoch has answers of both arms and a success"],
    ["all alike", spread(10, 1280, 90, 11_520), clicks, "the answers do not differ at all"],
  ])("%s", (_, epoch, metric, reason) => {
    const finding = findHarm([epoch], metric, settings);
    expect(finding.reason).toBe(reason);
    expect(finding.verdict === "TooLittle").toBe(reason !== undefined);
    expect(finding.sizes).toBeDefined();
  });

  test("amounts that are all alike are never harm, whatever rounding leaves of them", () => {
    // Sums as they are added up, one by one, so that groups of one price differ in their last digits.
    const cell = (answers: number, price: number) => {
      const filled = emptyCell();
      for (let group = 0; group < 128; group++) {
        const count = answers + ((group * 37) % answers);
        filled.answers[group] = count;
        for (let answer = 0; answer < count; answer++) filled.sums[group] = (filled.sums[group] ?? 0) + price;
      }
      return filled;
    };
    for (let cents = 1; cents <= 100; cents++) {
      const epoch = { candidate: cell(20, cents / 100), stable: cell(180, cents / 100) };
      expect(findHarm([epoch], money, settings)).toMatchObject({
        verdict: "TooLittle",
        reason: "the answers do not differ at all",
      });
    }
  });

  test("amounts count as many successes as would be as certain", () => {
    // A thousand in total, of which nearly all is one order.
    const epoch = spread(1, 40, 9, 160);
    epoch.stable.sums[3] = 800;
    expect(findHarm([epoch], money, settings).reason).toMatch(/^stable has 1\.\d successes/);
  });
});

describe("what cannot be gives no verdict", () => {
  test.each([Number.NaN, Number.POSITIVE_INFINITY, -3, 1e16])("%p answers", (answers) => {
    const candidate = cellJson(CLICKS[0]?.candidate ?? emptyCell());
    candidate.answers[100] = answers;
    const finding = findHarm([{ candidate, stable: emptyCell() }], clicks, settings);
    expect(finding).toEqual({
      verdict: "NoVerdict",
      reason: `epoch 0, candidate: group 100 has ${answers} answers`,
      logThreshold: Math.log(20),
    });
  });

  test.each([
    { alpha: 0, gates: 1 },
    { alpha: 0.5, gates: 1 },
    { alpha: Number.NaN, gates: 1 },
    { alpha: 0.05, gates: 0 },
    { alpha: 0.05, gates: 1.5 },
  ])("settings %p are a mistake of the caller", (wrong) => {
    expect(() => findHarm(CLICKS, clicks, wrong)).toThrow(RangeError);
  });
});
