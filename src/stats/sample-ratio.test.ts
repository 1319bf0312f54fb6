import { expect, test } from "@jest/globals";
import { type EpochUnits, findSkew, type NewUsers } from "./sample-ratio.ts";
import { Chance } from "./testdata/chance.ts";

test("users as the weights say", () => {
  expect(findSkew([{ weights: [1_000, 9_000], users: [101, 899] }], 0.001)).toEqual({
    verdict: "AsPlanned",
    logEvidence: expect.any(Number),
    logThreshold: Math.log(1_000),
    users: [101, 899],
    expected: [100, 900],
  });
});

test("a skew that no chance makes, over epochs that are each too short to tell", () => {
  const epoch = { weights: [5_000, 5_000], users: [440, 560] };
  const [once, thrice] = [findSkew([epoch], 0.001), findSkew([epoch, epoch, epoch], 0.001)];
  expect(once.verdict).toBe("AsPlanned");
  expect(thrice.verdict).toBe("Skewed");
  expect(thrice.logEvidence).toBeCloseTo(3 * Number(once.logEvidence), 10);
});

test("epochs are compared each with its own weights", () => {
  // Together 600 of 2,000 where either weight alone would let expect 200 or 1,000.
  const ramp = [
    { weights: [1_000, 9_000], users: [100, 900] },
    { weights: [5_000, 5_000], users: [500, 500] },
  ];
  expect(findSkew(ramp, 0.001)).toMatchObject({ verdict: "AsPlanned", expected: [600, 1_400] });
});

test("several arms, and arms without weight", () => {
  const weights = [3_000, 3_000, 4_000, 0];
  expect(findSkew([{ weights, users: [30, 31, 39, 0] }], 0.001).verdict).toBe("AsPlanned");
  expect(findSkew([{ weights, users: [30, 31, 39, 1] }], 0.001).verdict).toBe("Skewed");
});

test("users who come again: each epoch by itself, with its part of the false alarms", () => {
  const skewed = { weights: [5_000, 5_000], users: [395, 605] };
  const fair = { weights: [5_000, 5_000], users: [500, 500] };
  const evidence = Number(findSkew([skewed], 0.001).logEvidence);
  expect(findSkew([skewed], 0.001, "Again")).toMatchObject({
    verdict: "Skewed",
    logEvidence: evidence - Math.log(2),
  });
  // The same users thrice are no more evidence, and the fourth epoch has a twentieth.
  expect(findSkew([skewed, skewed, skewed], 0.001, "Again").logEvidence).toBe(evidence - Math.log(2));
  expect(findSkew([fair, fair, fair, skewed], 0.001, "Again").logEvidence).toBe(evidence - Math.log(20));
});

test("users who come again in a ramp make no more false alarms than were asked for", () => {
  const [alpha, runs] = [0.05, 2_000];
  const weights = [500, 1_000, 2_000, 5_000];
  const chance = new Chance(11);
  let [alarms, multiplied] = [0, 0];
  for (let run = 0; run < runs; run++) {
    const places = Array.from({ length: 400 }, () => Math.floor(chance.uniform() * 10_000));
    const epochs = weights.map((weight): NewUsers => {
      const candidates = places.filter((place) => place < weight).length;
      return { weights: [weight, 10_000 - weight], users: [candidates, places.length - candidates] };
    });
    // A look at the end of each epoch.
    const looks = epochs.map((_, index) => epochs.slice(0, index + 1));
    const isFound = (units: EpochUnits) =>
      looks.some((seen) => findSkew(seen, alpha, units).verdict === "Skewed");
    if (isFound("Again")) alarms++;
    if (isFound("Different")) multiplied++;
  }
  expect(alarms / runs).toBeLessThan(alpha);
  expect(multiplied).toBeGreaterThan(alarms);
});

test("nobody yet is as planned: there is nothing that speaks against it", () => {
  expect(findSkew([], 0.001)).toMatchObject({ verdict: "AsPlanned", logEvidence: 0, users: [] });
});

/** What a list that was gathered elsewhere may lack, whatever its type says. */
const missing: number = JSON.parse("{}").users;

test.each([
  [[1_000, 9_000], [1, missing], "epoch 1: an arm has undefined users"],
  [[1_000, missing], [1, 1], "epoch 1: an arm has the weight undefined"],
  [[1_000, 9_000], [1, Number.NaN], "epoch 1: an arm has NaN users"],
  [[1_000, 9_000], [1, -1], "epoch 1: an arm has -1 users"],
  [[1_000, 9_000], [1, 1.5], "epoch 1: an arm has 1.5 users"],
  [[1_000, 9_000], [1, 1e16], "epoch 1: an arm has 10000000000000000 users"],
  [[1_000, 9_000], [1], "epoch 1: expected 2 arms, got 2 weights and 1 counts"],
  [[1_000, 8_000], [1, 1], "epoch 1: the weights add up to 9000, not to 10000"],
  [[-1_000, 11_000], [1, 1], "epoch 1: an arm has the weight -1000"],
])("weights %p with users %p give no verdict", (weights, users, reason) => {
  const first = { weights: [5_000, 5_000], users: [0, 900] };
  expect(findSkew([first, { weights, users }], 0.001)).toEqual({
    verdict: "NoVerdict",
    reason,
    logThreshold: Math.log(1_000),
  });
});

test("an alpha that cannot be is a mistake of the caller", () => {
  expect(() => findSkew([], 0)).toThrow(RangeError);
});
