/**
 * What of a request is kept, what is refused, and that nothing refused goes uncounted.
 */
import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { MAXIMUM_LABELS, MAXIMUM_ROWS, settledRequest } from "./settled-request.ts";

const NaN_ = Number.NaN;

test.each([
  { row: -1 },
  { row: 0.5 },
  { row: NaN_ },
  { row: 0, position: 0 },
  { row: 0, position: 1.5 },
  { row: 0, rank: 0 },
  { row: 0, score: NaN_ },
  { row: 0, score: Number.POSITIVE_INFINITY },
])("the row %j is refused and counted", (row) => {
  const good = { row: 3, position: 1, score: 0.5 };
  expect(settledRequest([row, good], [])).toEqual({
    rows: [good],
    labels: [],
    refusedRows: 1,
    refusedLabels: 0,
  });
});

test.each([
  { label: "click", row: -1, value: 1 },
  { label: "click", row: 0, position: 0, value: 1 },
  { label: "click", row: 0, value: NaN_ },
  { label: "click", value: Number.NEGATIVE_INFINITY },
  { label: "order", value: 1.1e12 },
])("the label %j is refused and counted", (label) => {
  expect(settledRequest([], [label])).toEqual({ rows: [], labels: [], refusedRows: 0, refusedLabels: 1 });
});

test("of a row named twice the first counts", () => {
  const { rows, refusedRows } = settledRequest(
    [
      { row: 0, score: 1 },
      { row: 0, score: 2 },
    ],
    [],
  );
  expect(rows).toEqual([{ row: 0, score: 1 }]);
  expect(refusedRows).toBe(1);
});

test("a row that only a label names was shown; a position of its own comes before a label's", () => {
  const { rows } = settledRequest(
    [
      { row: 0, score: 0.3 },
      { row: 1, position: 4 },
    ],
    [
      { label: "click", row: 0, position: 2, value: 1 },
      { label: "click", row: 1, position: 9, value: 1 },
      { label: "click", row: 5, position: 7, value: 1 },
      { label: "click", row: 6, value: 1 },
    ],
  );
  expect(rows).toEqual([
    { row: 0, score: 0.3, position: 2 },
    { row: 1, position: 4 },
    { row: 5, position: 7 },
    { row: 6 },
  ]);
});

test("nothing is kept beyond the bounds, and nothing is lost without a count", () => {
  fc.assert(
    fc.property(fc.nat(2_500), fc.nat(2_500), fc.boolean(), (rowCount, labelCount, ownRows) => {
      const rows = Array.from({ length: rowCount }, (_, row) => ({ row }));
      const labels = Array.from({ length: labelCount }, (_, row) => ({
        label: "click",
        row: ownRows ? row : row + 10_000,
        value: 1,
      }));
      const settled = settledRequest(rows, labels);
      expect(settled.rows.length).toBeLessThanOrEqual(MAXIMUM_ROWS);
      expect(settled.labels.length).toBeLessThanOrEqual(MAXIMUM_LABELS);
      expect(settled.labels.length + settled.refusedLabels).toBe(labelCount);
      expect(Math.min(rowCount, MAXIMUM_ROWS) + settled.refusedRows).toBe(rowCount);
    }),
    { numRuns: 30 },
  );
});
