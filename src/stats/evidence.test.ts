import { describe, expect, test } from "@jest/globals";
import {
  cellJson,
  type EpochEvidence,
  type EvidenceCell,
  EvidenceError,
  emptyCell,
  evidenceFault,
  type GateMetric,
  mergedCell,
  parseCell,
  USER_GROUPS,
} from "./evidence.ts";
import { CLICKS, MONEY } from "./testdata/evidence-examples.ts";
import { totalOf } from "./total.ts";

const clicks: GateMetric = { values: "ZeroOne", better: "Higher" };
const money: GateMetric = { values: "Amount", better: "Higher" };

/** The evidence of clicks with one number replaced, in the second epoch's stable arm. */
function withNumber(field: "answers" | "sums", group: number, value: number): readonly EpochEvidence[] {
  const [first, second] = CLICKS;
  if (first === undefined || second === undefined) throw new Error("expected two epochs");
  const stable = cellJson(second.stable);
  stable[field][group] = value;
  return [first, { ...second, stable }];
}

describe("evidence that cannot be is named", () => {
  test.each<[field: "answers" | "sums", value: number, fault: RegExp]>([
    ["answers", Number.NaN, /^epoch 1, stable: group 5 has NaN answers$/],
    ["answers", Number.POSITIVE_INFINITY, /group 5 has Infinity answers/],
    ["answers", -1, /group 5 has -1 answers/],
    ["answers", 150.5, /group 5 has 150.5 answers/],
    ["answers", 1e16, /group 5 has 10000000000000000 answers/],
    ["answers", 0, /group 5 has a sum of \d+ without an answer/],
    ["answers", 1, /group 5 has \d+ successes in 1 answers/],
    ["sums", Number.NaN, /group 5 has a sum of NaN/],
    ["sums", Number.NEGATIVE_INFINITY, /group 5 has a sum of -Infinity/],
    ["sums", -0.5, /group 5 has a sum of -0.5/],
    ["sums", 2e15, /group 5 has a sum of 2000000000000000/],
    ["sums", 1_000, /group 5 has 1000 successes in \d+ answers/],
  ])("%s of %d", (field, value, fault) => {
    expect(evidenceFault(withNumber(field, 5, value), clicks)).toMatch(fault);
  });

  test("groups that are missing", () => {
    const cell = { answers: [1, 2, 3], sums: [0, 0, 0] };
    const fault = evidenceFault([{ candidate: cell, stable: emptyCell() }], clicks);
    expect(fault).toBe("epoch 0, candidate: expected 128 groups, got 3 of answers and 3 of sums");
  });

  test("sums that are too large together only", () => {
    const large: EvidenceCell = {
      answers: new Array(USER_GROUPS).fill(1e13),
      sums: new Array(USER_GROUPS).fill(0),
    };
    expect(evidenceFault([{ candidate: large, stable: emptyCell() }], clicks)).toMatch(/^all sums together/);
  });

  test("and what can be is not", () => {
    expect(evidenceFault(CLICKS, clicks)).toBeUndefined();
    expect(evidenceFault(MONEY, money)).toBeUndefined();
    expect(evidenceFault([], clicks)).toBeUndefined();
    expect(evidenceFault([{ candidate: emptyCell(), stable: emptyCell() }], clicks)).toBeUndefined();
  });
});

test("cells add, whatever they are kept in", () => {
  const [first, second] = CLICKS;
  if (first === undefined || second === undefined) throw new Error("expected two epochs");
  const filled = emptyCell();
  filled.answers[7] = 3;
  filled.sums[7] = 1;
  const merged = mergedCell(mergedCell(first.stable, second.stable), filled);
  for (const group of [0, 7, 127]) {
    const added = group === 7 ? [3, 1] : [0, 0];
    expect(merged.answers[group]).toBe(
      Number(first.stable.answers[group]) + Number(second.stable.answers[group]) + Number(added[0]),
    );
    expect(merged.sums[group]).toBe(
      Number(first.stable.sums[group]) + Number(second.stable.sums[group]) + Number(added[1]),
    );
  }
  expect(totalOf(mergedCell(first.stable, emptyCell()).answers)).toBe(totalOf(first.stable.answers));
});

test("a part that is missing does not pass for 0", () => {
  const merged = mergedCell({ answers: [1], sums: [0] }, emptyCell());
  expect(evidenceFault([{ candidate: merged, stable: emptyCell() }], clicks)).toMatch(/NaN answers/);
});

describe("JSON", () => {
  test("carries a cell there and back", () => {
    const cell = emptyCell();
    cell.answers[3] = 12;
    cell.sums[3] = 2.5;
    expect(parseCell(JSON.parse(JSON.stringify(cellJson(cell))), "here")).toEqual(cell);
  });

  test.each<[value: unknown, message: RegExp]>([
    [undefined, /^slot 4: expected answers to be a list of 128 numbers, got undefined$/],
    [null, /got undefined/],
    ["cell", /got undefined/],
    [{ answers: 5 }, /got number/],
    [{ answers: [1, 2] }, /got a list of 2/],
    [{ answers: new Array(128).fill(0) }, /expected sums to be a list/],
    [
      { answers: new Array(128).fill(0), sums: new Array(128).fill("0") },
      /sums\[0\] to be a number, got string/,
    ],
    // What was not a number when it was written.
    [
      JSON.parse(JSON.stringify({ answers: new Array(128).fill(Number.NaN), sums: [] })),
      /answers\[0\].*got object/,
    ],
  ])("refuses %p", (value, message) => {
    expect(() => parseCell(value, "slot 4")).toThrow(EvidenceError);
    expect(() => parseCell(value, "slot 4")).toThrow(message);
  });
});
