import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { readRestTensors } from "./rest-tensors.ts";
import { elementsOf } from "./tensor-bytes.ts";

const NAMES = new Set(["score"]);

function read(value: unknown, binary: Uint8Array = new Uint8Array(0)) {
  const json = Buffer.from(JSON.stringify(value));
  const length = binary.length > 0 ? String(json.length) : undefined;
  return readRestTensors(Buffer.concat([json, binary]), length, "outputs", NAMES).tensors;
}

test.each([
  ["the first dimension of the first tensor, asked for or not", [3, 4], 3],
  ["1 for a tensor without dimensions", [], 1],
])("rows are %s", (_what, shape, rows) => {
  const outputs = [
    { name: "other", datatype: "FP32", shape, data: [] },
    { name: "score", datatype: "FP32", shape: [2], data: [1, 2] },
  ];
  const body = Buffer.from(JSON.stringify({ outputs }));
  expect(readRestTensors(body, undefined, "outputs", NAMES).rows).toBe(rows);
});

test("numbers in JSON, nested or flat, those of other tensors left out", () => {
  const tensor = {
    name: "score",
    datatype: "FP16",
    shape: [2, 2],
    data: [
      [1, 2.5],
      [true, null],
    ],
  };
  const [score] = read({ outputs: [{ name: "other", datatype: "BYTES", shape: [1], data: ["a"] }, tensor] });
  expect(score).toEqual({
    name: "score",
    datatype: "FP64",
    shape: [2, 2],
    elements: [1, 2.5, 1, Number.NaN],
  });
});

test("binary data, at its place behind that of other tensors", () => {
  const value = {
    outputs: [
      { name: "other", datatype: "INT64", shape: [1], parameters: { binary_data_size: 8 } },
      { name: "score", datatype: "FP32", shape: [2], parameters: { binary_data_size: 8 } },
    ],
  };
  const binary = Buffer.concat([Buffer.alloc(8), Buffer.from(Float32Array.of(0.5, 0.25).buffer)]);
  const [score] = read(value, binary);
  expect([score?.datatype, ...Array.from(score?.elements ?? [])]).toEqual(["FP32", 0.5, 0.25]);
});

test.each([
  [{}],
  [null],
  [{ outputs: {} }],
  [{ outputs: [1] }],
  [{ outputs: [{ name: "score", datatype: "FP32", shape: ["1"], data: [] }] }],
  [{ outputs: [{ name: "score", datatype: "FP32", shape: [-1], data: [] }] }],
])("%j is no body", (value) => {
  expect(() => read(value)).toThrow(/expected/);
});

test("text beyond its bound is not read, and a length beyond the body is none", () => {
  expect(() => readRestTensors(Buffer.alloc(300_000, 32), undefined, "outputs", NAMES)).toThrow(RangeError);
  for (const length of ["3", "-1", "a"]) {
    expect(() => readRestTensors(Buffer.from("{}"), length, "outputs", NAMES)).toThrow("expected the length");
  }
});

test("whatever JSON comes, what is read is bounded by it, or an error", () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      try {
        const { tensors } = readRestTensors(Buffer.from(`{"outputs":${text}}`), undefined, "outputs", NAMES);
        for (const { elements } of tensors) expect(elements.length).toBeLessThanOrEqual(text.length);
      } catch (error) {
        expect(error).toBeInstanceOf(Error);
      }
    }),
  );
});

test.each([
  ["FP64", Float64Array.of(1.5, -2)],
  ["FP32", Float32Array.of(1.5, -2)],
  ["INT8", Int8Array.of(-1, 2)],
  ["INT64", BigInt64Array.of(-1n, 2n)],
  ["UINT64", BigUint64Array.of(1n, 2n)],
  ["UINT16", Uint16Array.of(1, 2)],
])("the elements of %s, wherever they lie", (datatype, elements) => {
  const bytes = Buffer.concat([Buffer.alloc(3), Buffer.from(elements.buffer), Buffer.alloc(0)]).subarray(3);
  expect(Array.from(elementsOf(datatype, bytes))).toEqual(Array.from<number | bigint>(elements));
  expect(elementsOf("BYTES", bytes)).toHaveLength(0);
  expect(elementsOf("toString", bytes)).toHaveLength(0);
});
