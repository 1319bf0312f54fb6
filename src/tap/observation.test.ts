import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { HmacKey } from "../token/hmac-sha256.ts";
import { Observation } from "./observation.ts";
import { ObservedHeaders } from "./observed-headers.ts";
import { parseObserved } from "./observed-settings.ts";
import { NO_ARM } from "./tap-event.ts";

const SETTINGS = parseObserved({
  scores: { output: "score" },
  features: [
    { name: "price", input: "features", column: 1 },
    { name: "age", input: "age" },
  ],
  userHeader: "x-user-id",
  featureTime: { header: "x-feature-time" },
  maximumRows: 2,
});

function tensor(
  name: string,
  datatype: string,
  shape: readonly number[],
  elements: ArrayLike<number | bigint | string>,
) {
  return { name, datatype, shape, elements };
}

function observed(rows: number, drawn: number) {
  const observation = new Observation(SETTINGS, () => drawn / rows);
  const numbers = (count: number, start: number) =>
    Array.from({ length: count }, (_, index) => start + index);
  observation.takeInputs([
    tensor("features", "FP32", [rows, 2], Float32Array.from(numbers(2 * rows, 0))),
    tensor("age", "INT64", [rows], BigInt64Array.from(numbers(rows, 100).map(BigInt))),
  ]);
  observation.takeOutputs([tensor("score", "FP64", [rows, 1], Float64Array.from(numbers(rows, 1_000)))]);
  return observation.event;
}

test("the first rows are told, and the drawn one after them", () => {
  const event = observed(5, 4);
  expect(event).toMatchObject({ rows: 5, describedRows: 3, drawnRow: 2, columns: 3 });
  expect([...event.values]).toEqual([1_000, 1, 100, 1_001, 3, 101, 1_004, 9, 104]);
});

test("a drawn row among the first is told once", () => {
  const event = observed(5, 1);
  expect(event).toMatchObject({ rows: 5, describedRows: 2, drawnRow: 1 });
  expect([...event.values]).toEqual([1_000, 1, 100, 1_001, 3, 101]);
});

test("what is not there is missing: a tensor, a column, a row, a text, a half that is no number", () => {
  const observation = new Observation(SETTINGS, () => 0);
  observation.takeInputs([
    tensor("features", "FP32", [2, 1], [1, 2]),
    tensor("age", "BYTES", [2], ["a", "b"]),
  ]);
  observation.takeOutputs([tensor("score", "FP16", [1], Uint16Array.of(0x3c00))]);
  expect([...observation.event.values]).toEqual([
    1,
    Number.NaN,
    Number.NaN,
    Number.NaN,
    Number.NaN,
    Number.NaN,
  ]);
});

test("no rows, or none of the tensors, is an event without values", () => {
  expect(observed(0, 0)).toMatchObject({ rows: 0, describedRows: 0, drawnRow: 0 });
  const observation = new Observation(SETTINGS, () => 0.5);
  observation.takeInputs([tensor("other", "FP32", [3], [1, 2, 3])]);
  expect(observation.event).toMatchObject({ rows: 0, describedRows: 0, columns: 0 });
});

test("every row is drawn as often as the others", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 200 }),
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      (rows, random) => {
        const observation = new Observation(SETTINGS, () => random);
        observation.takeOutputs([
          tensor(
            "score",
            "FP64",
            [rows],
            Array.from({ length: rows }, (_, row) => row),
          ),
        ]);
        const { values, drawnRow } = observation.event;
        expect(values[drawnRow * 3]).toBe(Math.floor(random * rows));
      },
    ),
  );
});

const KEY = new HmacKey(new Uint8Array(32).fill(7));
const HEADERS = {
  "x-petrel-arm": "Candidate",
  "x-petrel-epoch": "12",
  "x-request-id": "00112233-4455-4677-8899-aabbccddeeff",
  "x-user-id": "ann",
  "x-feature-time": "900.5",
};

test.each(["raw", "by name"])("headers are read %s", (way) => {
  const headers = new ObservedHeaders(SETTINGS, KEY, () => 0.5);
  const observation = new Observation(SETTINGS, () => 0);
  observation.event.timeMilliseconds = 1_000_000;
  if (way === "raw") {
    const raw = Object.entries(HEADERS).flatMap(([name, value]) => [name.toUpperCase(), value]);
    headers.readRaw(["Host", "m", ...raw], observation);
  } else headers.read(HEADERS, observation);
  const { event } = observation;
  expect(event).toMatchObject({ arm: 1, epoch: 12, hasUser: true, featureAgeSeconds: 99.5 });
  expect(Buffer.from(event.requestId).toString("hex")).toBe("0011223344554677");
  expect(Buffer.from(event.userTag).toString("utf8")).not.toContain("ann");
});

test("headers that say nothing leave an event without arm and user, and with an id of its own", () => {
  const headers = new ObservedHeaders(SETTINGS, KEY, () => 0.5);
  const observation = new Observation(SETTINGS, () => 0);
  headers.read(
    {
      "x-petrel-arm": "Left",
      "x-petrel-epoch": "-1",
      "x-request-id": "----------------------",
      "x-user-id": "",
      "x-feature-time": "soon",
    },
    observation,
  );
  expect(observation.event).toMatchObject({
    arm: NO_ARM,
    epoch: 0,
    hasUser: false,
    featureAgeSeconds: Number.NaN,
  });
  expect([...observation.event.requestId]).toEqual(Array(8).fill(128));
});

test("features of the future are of now", () => {
  const observation = new Observation(SETTINGS, () => 0);
  observation.event.timeMilliseconds = 1_000;
  observation.takeFeatureTime(2);
  expect(observation.event.featureAgeSeconds).toBe(0);
});

test.each([Number.NaN, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY, -1e308, -1])(
  "features of the time %d are of no known age",
  (seconds) => {
    const observation = new Observation(SETTINGS, () => 0);
    observation.event.timeMilliseconds = 1_000;
    observation.takeFeatureTime(seconds);
    expect(observation.event.featureAgeSeconds).toBeNaN();
  },
);
