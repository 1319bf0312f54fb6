import { expect, test } from "@jest/globals";
import { parseObserved, parseObservedFile } from "./observed-settings.ts";

const SCORES = { output: "score", probability: true };
const PRICE = { name: "price", input: "features", column: 3, minimum: 0 };

test("says what is observed, the score first", () => {
  const { columns, ...rest } = parseObserved({
    scores: SCORES,
    features: [PRICE],
    userHeader: "x-user-id",
    featureTime: { input: "made_at" },
  });
  expect(columns).toMatchObject([
    { name: "score", from: "output", tensor: "score", column: 0, minimum: 0, maximum: 1 },
    { name: "price", from: "input", tensor: "features", column: 3, minimum: 0, maximum: Infinity },
  ]);
  expect(rest).toEqual({
    userHeader: "x-user-id",
    featureTime: { tensor: "made_at", column: 0 },
    maximumRows: 16,
  });
});

test("edges ascend, also those that nobody gave", () => {
  for (const { edges } of parseObserved({ scores: SCORES, features: [PRICE] }).columns) {
    expect(edges.length).toBeGreaterThan(0);
    expect(edges.toSorted((a, b) => a - b)).toEqual(edges);
  }
});

test.each([
  [{}, "expected observe to have scores or features, got neither"],
  [{ scores: {} }, "expected observe.scores.output to be a text"],
  [{ scores: SCORES, feature: [] }, "expected observe to have only scores, features"],
  [{ features: [{ ...PRICE, name: "a b" }] }, "expected observe.features[0].name to be 1 to 63 letters"],
  [{ features: [{ ...PRICE, name: "score" }], scores: SCORES }, "got score twice"],
  [{ features: [PRICE, PRICE] }, "got price twice"],
  [{ features: [{ ...PRICE, column: 1.5 }] }, "expected observe.features[0].column to be a whole number"],
  [{ features: [{ ...PRICE, maximum: -1 }] }, "minimum to be at most the maximum -1, got 0"],
  [{ features: [{ ...PRICE, edges: [1, 1] }] }, "edges to be ascending numbers, got 1"],
  [{ features: [{ ...PRICE, edges: [] }] }, "edges to be ascending numbers, got none"],
  [{ features: Array.from({ length: 64 }, () => PRICE) }, "list of at most 63, got one of 64"],
  [{ scores: SCORES, userHeader: "X-User" }, 'in small letters, got "X-User"'],
  [{ scores: SCORES, maximumRows: 64 }, "expected observe.maximumRows to be a number from 1 to 63, got 64"],
  [{ scores: SCORES, featureTime: { header: "a", input: "b" } }, "a header or an input, got both"],
  [{ scores: { ...SCORES, probability: 1 } }, "probability to be true or false, got 1"],
  [[], "expected observe to be an object, got a list of 0"],
])("refuses %j", (value, message) => {
  expect(() => parseObserved(value)).toThrow(message);
});

test("a file is an object of JSON, of which a model server reads its part", () => {
  expect(parseObservedFile(JSON.stringify({ observe: { scores: SCORES }, drift: {} })).columns).toHaveLength(
    1,
  );
  expect(() => parseObservedFile("{")).toThrow("expected settings in JSON");
  expect(() => parseObservedFile("[]")).toThrow("expected the file to be an object");
  expect(() => parseObservedFile("{}")).toThrow("expected observe to be an object, got nothing");
});
