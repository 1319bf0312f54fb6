import { expect, test } from "@jest/globals";
import type { DataRecord } from "../records/data-records.ts";
import { parseEvaluateSettings } from "./evaluate-settings.ts";
import { inferBody, scoresOf } from "./infer-body.ts";
import { type LabelledRequest, labelledRequests } from "./labelled-requests.ts";

const SETTINGS = parseEvaluateSettings(
  JSON.stringify({
    inputs: [{ name: "x", columns: ["a", "b"] }],
    user: "user",
    request: "request",
    labels: [{ name: "order", column: "bought" }],
    metrics: [{ name: "auc", type: "AreaUnderCurve" }],
  }),
);

async function* recordsOf(objects: readonly object[]): AsyncGenerator<DataRecord> {
  for (const [at, object] of objects.entries())
    yield { line: at + 2, members: new Map(Object.entries(object)) };
}

async function read(objects: readonly object[], maximumRows = 100): Promise<readonly LabelledRequest[]> {
  const requests: LabelledRequest[] = [];
  for await (const request of labelledRequests(recordsOf(objects), SETTINGS, maximumRows))
    requests.push(request);
  return requests;
}

const ROW = { request: "r1", user: "u1", a: "1", b: "2", bought: "0" };

test("joins the rows of a request, and keeps requests apart", async () => {
  const requests = await read([
    ROW,
    { ...ROW, a: [3, 4], bought: true },
    { ...ROW, request: "r2", bought: 2.5 },
  ]);
  expect(requests).toEqual([
    {
      line: 2,
      user: "u1",
      inputs: new Map([
        [
          "x",
          [
            ["1", "2"],
            [3, 4, "2"],
          ],
        ],
      ]),
      labels: [[0, 1]],
    },
    { line: 4, user: "u1", inputs: new Map([["x", [["1", "2"]]]]), labels: [[2.5]] },
  ]);
});

test.each([
  ["a value that is missing", [{ ...ROW, b: "" }], 'line 2: expected a value of "b", got none'],
  ["a label that is missing", [{ ...ROW, bought: null }], 'line 2: expected a value of "bought", got none'],
  [
    "a label that is no number",
    [{ ...ROW, bought: "yes" }],
    'line 2: expected "bought" to be a number, got "yes"',
  ],
  [
    "rows that are apart",
    [ROW, { ...ROW, request: "r2" }, ROW],
    'line 4: expected the rows of a request one after the other, got "r1" again',
  ],
  ["two users of one request", [ROW, { ...ROW, user: "u2" }], 'line 3: expected one user of request "r1"'],
  ["a user that is none", [{ ...ROW, user: {} }], 'line 2: expected "user" to be a text or a number'],
])("refuses %s", async (_, objects, message) => {
  await expect(read(objects)).rejects.toThrow(message);
});

test("bounds the rows of a set and of a request", async () => {
  await expect(read([ROW, ROW, ROW], 2)).rejects.toThrow("line 4: expected at most 2 rows, got more");
  const many = Array.from({ length: 1_001 }, () => ROW);
  await expect(read(many, 2_000)).rejects.toThrow(
    "line 1002: expected at most 1000 rows of a request, got more",
  );
});

const request = (rows: readonly (readonly unknown[])[]): LabelledRequest => ({
  line: 9,
  user: undefined,
  inputs: new Map([["x", rows]]),
  labels: [rows.map(() => 0)],
});

test.each([
  [
    "FP32",
    [-1, 2],
    [
      ["1.5", "-2e3"],
      [3, 4],
    ],
    '"shape":[2,2],"data":[1.5,-2e3,3,4]',
  ],
  ["INT64", [-1, 1], [["9007199254740993"]], '"shape":[1,1],"data":[9007199254740993]'],
  ["FP32", [-1], [["1"], ["2"]], '"shape":[2],"data":[1,2]'],
  ["FP32", [-1, -1, 2], [["1", "2", "3", "4"]], '"shape":[1,2,2],"data":[1,2,3,4]'],
  ["INT64", [], [["5"]], '"shape":[],"data":[5]'],
  ["FP32", [1, 2], [[1, 2]], '"shape":[1,2],"data":[1,2]'],
  ["BYTES", [-1, 1], [['a "b"']], '"shape":[1,1],"data":["a \\"b\\""]'],
  ["BOOL", [-1, 4], [["true", 0, "1", false]], '"shape":[1,4],"data":[true,false,true,false]'],
])("writes %s of shape %j", (datatype, shape, rows, text) => {
  expect(inferBody(request(rows), [{ name: "x", datatype, shape }], "score")).toBe(
    `{"inputs":[{"name":"x","datatype":"${datatype}",${text}}],"outputs":[{"name":"score"}]}`,
  );
});

test.each([
  ["FP32", [-1, 2], [["1", "x"]], 'line 9: expected a value of FP32 for input "x", got "x"'],
  ["FP32", [-1, 2], [["1", "NaN"]], "expected a value of FP32"],
  ["FP32", [-1, 2], [["1", "0x1"]], "expected a value of FP32"],
  ["BOOL", [-1, 1], [["yes"]], "expected a value of BOOL"],
  [
    "INT64",
    [-1, 1],
    [[9_007_199_254_740_992]],
    'line 9: expected a value of INT64 for input "x", in quotes where it is beyond 2^53, got 9007199254740992',
  ],
  ["FP64", [-1, 1], [[Number.POSITIVE_INFINITY]], "expected a value of FP64"],
  ["FP32", [-1, 3], [["1", "2"]], 'line 9: expected values for input "x" of shape [-1,3], got 2 a row'],
  [
    "FP32",
    [-1, 2],
    [["1", "2"], ["3"]],
    'line 9: expected rows of one size for input "x", got 2 and 1 values',
  ],
  ["FP32", [1, 1], [["1"], ["2"]], 'line 9: expected 1 rows for input "x", got 2'],
  ["FP32", [-1, -1, -1], [["1"]], "of shape [-1,-1,-1]"],
])("refuses for %s of shape %j the rows %j", (datatype, shape, rows, message) => {
  expect(() => inferBody(request(rows), [{ name: "x", datatype, shape }], "score")).toThrow(message);
});

test("finds one score for each row", () => {
  const rows = { labels: [[0, 1]] };
  const answer = (data: readonly unknown[]) => ({ outputs: [{ name: "other" }, { name: "score", data }] });
  expect(scoresOf(answer([0.1, 0.2]), "score", 0, rows)).toEqual([0.1, 0.2]);
  expect(scoresOf(answer([0.1, 0.9, 0.2, 0.8]), "score", 1, rows)).toEqual([0.9, 0.8]);
  expect(() => scoresOf(answer([0.1, 0.2, 0.3]), "score", 0, rows)).toThrow(
    "expected value 0 of each of 2 rows",
  );
  expect(() => scoresOf(answer([0.1, 0.2]), "score", 1, rows)).toThrow("expected value 1 of each of 2 rows");
  expect(() => scoresOf(answer([0.1, null]), "score", 0, rows)).toThrow("expected a finite score, got null");
  expect(() => scoresOf("torn", "score", 0, rows)).toThrow("got 0 values");
});
