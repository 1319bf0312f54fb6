/**
 * What is taken for the time in which a replica comes.
 */
import { expect, test } from "@jest/globals";
import type { ObservedPod } from "../observation.ts";
import { coldStartMilliseconds, REMEMBERED_STARTS, withStarts } from "./cold-start.ts";

const start = (milliseconds: number, revision = "r1") => ({
  pod: `${revision}-${milliseconds}`,
  revision,
  milliseconds,
});

test("three minutes before anything was measured, then what 95 of 100 starts take", () => {
  expect(coldStartMilliseconds([], "r1")).toBe(180_000);
  expect(coldStartMilliseconds([start(40_000), start(60_000), start(50_000)], "r1")).toBe(60_000);
  const many = Array.from({ length: 40 }, (_, at) => start((at + 1) * 1_000));
  expect(coldStartMilliseconds(many, "r1")).toBe(38_000);
});

test("starts of another model count only where there are none of this one", () => {
  const starts = [start(300_000, "large"), start(20_000, "small")];
  expect(coldStartMilliseconds(starts, "small")).toBe(20_000);
  expect(coldStartMilliseconds(starts, "new")).toBe(300_000);
});

const pod = (name: string, createdMilliseconds: number, readySinceMilliseconds?: number): ObservedPod => ({
  ...{ name, revision: "r1", pool: "gpu", isTerminating: false, createdMilliseconds },
  isReady: readySinceMilliseconds !== undefined,
  ...(readySinceMilliseconds === undefined ? {} : { readySinceMilliseconds }),
});

test("a pod is measured once, when it is first ready", () => {
  const first = withStarts([], [pod("a", 0, 70_000), pod("b", 0, 30_000), pod("c", 0)], 80_000);
  expect(first.map(({ pod: name, milliseconds }) => [name, milliseconds])).toEqual([
    ["b", 30_000],
    ["a", 70_000],
  ]);
  // It was not ready for a moment, and the API tells of the second time alone.
  expect(withStarts(first, [pod("a", 0, 500_000)], 510_000)).toBe(first);
});

test("a pod that is ready for long says nothing of its start, and old starts make room", () => {
  expect(withStarts([], [pod("a", 0, 70_000)], 86_400_000)).toEqual([]);
  const full = Array.from({ length: REMEMBERED_STARTS }, (_, at) => start(at));
  const next = withStarts(full, [pod("new", 0, 9_000)], 10_000);
  expect(next).toHaveLength(REMEMBERED_STARTS);
  expect(next.at(-1)?.pod).toBe("new");
});
