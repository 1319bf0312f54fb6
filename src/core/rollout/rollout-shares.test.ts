import { expect, test } from "@jest/globals";
import { MAXIMUM_SHARES, type MirroredShare, type RolloutShare } from "../../api/model-rollout-status.ts";
import { presentEpochs, withMirror, withShare } from "./rollout-shares.ts";

const STICKY = { stickiness: { header: "x-user", anonymous: "Random", salt: "r" } } as const;

/** The shares after these plans, each seen twice; a weight of 0 is a plan without the candidate. */
function seen(...plans: readonly (readonly [epoch: number, weight: number, isSticky?: boolean])[]) {
  let shares: readonly RolloutShare[] = [];
  for (const [epoch, weight, isSticky = false] of plans) {
    const plan = { epoch, ...(isSticky ? STICKY : {}) };
    shares = withShare(shares, plan, weight);
    expect(withShare(shares, plan, weight)).toBe(shares);
  }
  return shares.map(
    ({ weight, firstEpoch, lastEpoch, drawnBy }) => `${weight} ${firstEpoch}-${lastEpoch} ${drawnBy}`,
  );
}

test("plans with one share are one entry, whatever else they change", () => {
  expect(seen([7, 0], [8, 1_000], [9, 1_000], [10, 50])).toEqual(["10% 8-9 Request", "0.5% 10-10 Request"]);
});

test("a plan without the candidate, or drawn in another way, ends an entry", () => {
  expect(seen([8, 100], [9, 0], [10, 100], [11, 100, true])).toEqual([
    "1% 8-8 Request",
    "1% 10-10 Request",
    "1% 11-11 User",
  ]);
});

test("all the traffic leaves nothing to compare with", () => {
  expect(seen([8, 5_000], [9, 10_000])).toEqual(["50% 8-8 Request"]);
});

test("the oldest entries go first when there are too many", () => {
  const plans = Array.from({ length: 70 }, (_, index): [number, number] => [index + 1, 100 + index]);
  const shares = seen(...plans);
  expect(shares).toHaveLength(MAXIMUM_SHARES);
  expect(shares.at(-1)).toBe("1.69% 70-70 Request");
});

test("the plans of the present share are the latest that give it", () => {
  const shares: readonly RolloutShare[] = [
    { weight: "10%", firstEpoch: 2, lastEpoch: 3, drawnBy: "Request" },
    { weight: "50%", firstEpoch: 4, lastEpoch: 6, drawnBy: "Request" },
  ];
  expect(presentEpochs(shares, 5_000)).toEqual({ first: 4, last: 6 });
  // The next step has no plan yet, and an earlier share is not that of the step.
  expect([presentEpochs(shares, 7_500), presentEpochs(shares, 1_000), presentEpochs([], 1_000)]).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
});

test("plans that mirror one share are told together, and another plan between begins anew", () => {
  let mirrored: MirroredShare | undefined;
  const seen = [
    [7, 0],
    [8, 100],
    [9, 100],
    [9, 100],
    [10, 0],
    [11, 100],
    [12, 200],
  ].map(([epoch = 0, share = 0]) => {
    mirrored = withMirror(mirrored, { epoch }, share);
    return mirrored === undefined ? "none" : `${mirrored.share} ${mirrored.firstEpoch}-${mirrored.lastEpoch}`;
  });
  expect(seen).toEqual(["none", "1% 8-8", "1% 8-9", "1% 8-9", "1% 8-9", "1% 11-11", "2% 12-12"]);
  expect(withMirror(mirrored, undefined, 100)).toBe(mirrored);
});
