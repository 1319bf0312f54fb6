/**
 * What of the counts of a collector is evidence of a release.
 */
import { expect, test } from "@jest/globals";
import type { RolloutShare } from "../../../api/model-rollout-status.ts";
import { type CollectorCounts, collectedOf } from "./collector-counts.ts";
import type { Maturities } from "./maturities.ts";
import { cell, metricOf, whole } from "./testdata/gate-world.ts";

const shareOf = (weight: string, firstEpoch: number, lastEpoch: number): RolloutShare => ({
  weight,
  firstEpoch,
  lastEpoch,
  drawnBy: "Request",
});
/** One answer of each arm in each group, in these epochs. */
const countsOf = (...epochs: number[]): CollectorCounts => {
  const cells = epochs.flatMap((epoch) => [cell(epoch, "Candidate", 1, 0), cell(epoch, "Stable", 1, 0)]);
  return {
    metrics: new Map([["ctr", metricOf(cells)]]),
    unusable: new Map(),
    requests: cells.map(({ epoch, arm }) => ({ epoch, arm, requests: arm === "Candidate" ? 10 : 90 })),
    recentRequests: cells.map(({ epoch, arm }) => ({ epoch, arm, requests: 1 })),
    newUsers: cells.map(({ epoch, arm }) => ({
      epoch,
      arm,
      users: arm === "Candidate" ? epoch : 10 * epoch,
    })),
    armChecks: epochs.map((epoch) => ({ epoch, told: 30, checked: 20, wrong: epoch === 6 ? 1 : 0 })),
    requestsPerSecond: 2,
  };
};
const KEPT_NONE: Maturities = new Map();
const RELEASE = { isCompared: true, matures: KEPT_NONE };

function evidence(
  counts: CollectorCounts,
  shares: readonly RolloutShare[],
  isCompared = true,
  matures = KEPT_NONE,
) {
  const collected = collectedOf(whole(counts), shares, { isCompared, matures });
  if (collected.kind !== "Whole") throw new Error("expected whole evidence");
  return collected.value;
}

test("epochs of other releases, and those without a share, are left out of all of it", () => {
  const { metrics, drawn, recentRequests } = evidence(countsOf(1, 2, 3, 4, 5, 6), [
    shareOf("10%", 2, 3),
    shareOf("50%", 5, 5),
  ]);
  const { arrived = [], matured = [] } = metrics.get("ctr") ?? {};
  for (const cells of [arrived, matured]) {
    expect([...new Set(cells.map(({ epoch }) => epoch))]).toEqual([2, 3, 5]);
  }
  expect([...new Set(recentRequests.map(({ epoch }) => epoch))]).toEqual([2, 3, 5]);
  expect(drawn).toEqual({
    of: "Requests",
    epochs: [
      { weights: [1_000, 9_000], users: [20, 180] },
      { weights: [5_000, 5_000], users: [10, 90] },
    ],
  });
});

test("requests are no fresh draws where users are drawn: then users count, once in each epoch", () => {
  const sticky = { ...shareOf("10%", 2, 3), drawnBy: "User" as const };
  const counts = countsOf(1, 2, 3, 4, 5);
  expect(evidence(counts, [sticky, shareOf("20%", 5, 5)]).drawn).toEqual({
    of: "Users",
    epochs: [
      { weights: [1_000, 9_000], users: [2, 20] },
      { weights: [1_000, 9_000], users: [3, 30] },
      { weights: [2_000, 8_000], users: [5, 50] },
    ],
  });
  // A collector of an earlier version counts none.
  expect(evidence({ ...counts, newUsers: [] }, [sticky]).drawn).toBeUndefined();
});

test("where no gate compares the arms, it does not matter how many requests of each are counted", () => {
  expect(evidence(countsOf(2), [shareOf("10%", 2, 2)], false).drawn).toBeUndefined();
});

test("arms are held to their users where users are drawn, under the plans of this release", () => {
  const sticky = { ...shareOf("10%", 2, 3), drawnBy: "User" as const };
  expect(evidence(countsOf(1, 2, 3, 6), [sticky]).assignedArms).toEqual({
    told: 60,
    checked: 40,
    misplaced: 0,
  });
  expect(evidence(countsOf(6), [{ ...sticky, lastEpoch: 6 }], false).assignedArms?.misplaced).toBe(1);
  expect(evidence(countsOf(2), [shareOf("10%", 2, 2)]).assignedArms).toBeUndefined();
});

test("epochs that were counted as one are evidence of the share that has them all", () => {
  const counts = countsOf(2);
  const wide = {
    ...counts,
    metrics: new Map([["ctr", metricOf([{ ...cell(2, "Stable", 1, 0), lastEpoch: 3 }])]]),
  };
  const arrivedUnder = (share: RolloutShare) => evidence(wide, [share]).metrics.get("ctr")?.arrived.length;
  expect(
    [shareOf("10%", 2, 3), shareOf("10%", 1, 9), shareOf("10%", 2, 2), shareOf("10%", 3, 3)].map(
      arrivedUnder,
    ),
  ).toEqual([1, 1, 0, 0]);
});

test("labels have the time that they had when the release was begun, or that of now where it is longer", () => {
  const maturesWith = (kept: number) => {
    const matures = new Map([["ctr", kept]]);
    return evidence(countsOf(1), [], true, matures).metrics.get("ctr")?.maturesMilliseconds;
  };
  const now = metricOf([]).maturesMilliseconds;
  expect([now - 1, now + 1].map(maturesWith)).toEqual([now, now + 1]);
});

test("without any share there is no evidence", () => {
  expect(evidence(countsOf(1, 2), []).metrics.get("ctr")).toMatchObject({ arrived: [], matured: [] });
});

test("what was not read, or is torn, is no knowledge", () => {
  expect(collectedOf(undefined, [], RELEASE)).toEqual({ kind: "Missing", reason: "not read yet" });
  const torn = { kind: "Torn", atMilliseconds: 1, reason: "cut off" } as const;
  expect(collectedOf(torn, [], RELEASE)).toBe(torn);
});
