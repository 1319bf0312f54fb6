import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { encodeMessage } from "../serve/grpc-messages.ts";
import { readGrpcRows, readGrpcTensors } from "./grpc-tensors.ts";

const NAMES = new Set(["score", "count"]);

test("raw contents, at their places", () => {
  const message = encodeMessage("inference.ModelInferResponse", {
    modelName: "m",
    parameters: { a: { int64Param: 1 } },
    outputs: [
      { name: "other", datatype: "FP32", shape: [1] },
      { name: "score", datatype: "FP32", shape: [2, 1], parameters: { b: { stringParam: "x" } } },
    ],
    rawOutputContents: [Buffer.alloc(4), Buffer.from(Float32Array.of(0.5, 0.25).buffer)],
  });
  const {
    tensors: [score, ...more],
    rows,
  } = readGrpcTensors(message, "outputs", NAMES);
  expect([more, rows]).toEqual([[], 1]);
  expect({ ...score, elements: Array.from(score?.elements ?? []) }).toEqual({
    name: "score",
    datatype: "FP32",
    shape: [2, 1],
    elements: [0.5, 0.25],
  });
});

test.each([
  ["FP32", "fp32Contents", [0.5, -1]],
  ["FP64", "fp64Contents", [0.1, 1e300]],
  ["INT32", "intContents", [-1, 2]],
  ["INT64", "int64Contents", [-5, 6]],
  ["UINT8", "uintContents", [0, 255]],
  ["UINT64", "uint64Contents", [0, 7]],
  ["BOOL", "boolContents", [true, false]],
])("contents of %s in their field", (datatype, field, numbers) => {
  const tensor = { name: "score", datatype, shape: [2], contents: { [field]: numbers } };
  const message = encodeMessage("inference.ModelInferRequest", { modelName: "m", inputs: [tensor] });
  const {
    tensors: [score],
  } = readGrpcTensors(message, "inputs", NAMES);
  expect(score?.elements).toEqual(numbers.map(Number));
  expect(score?.shape).toEqual([2]);
});

test("whatever bytes come, it is read or an error", () => {
  const message = encodeMessage("inference.ModelInferRequest", {
    modelName: "m",
    inputs: [{ name: "score", datatype: "FP32", shape: [2], contents: { fp32Contents: [1, 2] } }],
  });
  fc.assert(
    fc.property(fc.nat(message.length - 1), fc.nat(255), (place, value) => {
      const changed = Buffer.from(message);
      changed[place] = value;
      try {
        for (const { elements } of readGrpcTensors(changed, "inputs", NAMES).tensors) {
          expect(elements.length).toBeLessThanOrEqual(message.length);
        }
      } catch (error) {
        expect(error).toBeInstanceOf(Error);
      }
    }),
    { numRuns: 500 },
  );
});

test.each([-1, -5, "9007199254740993"])("a dimension of %s is none", (dimension) => {
  const tensor = { name: "score", datatype: "FP32", shape: [dimension] };
  const message = encodeMessage("inference.ModelInferRequest", { modelName: "m", inputs: [tensor] });
  expect(() => readGrpcTensors(message, "inputs", NAMES)).toThrow("expected a shape");
});

test("the beginning of a request tells its rows as soon as the shape has come, and is never read wrongly", () => {
  const message = encodeMessage("inference.ModelInferRequest", {
    modelName: "m",
    id: "an id",
    inputs: [
      { name: "features", datatype: "FP32", shape: [300, 4], contents: { fp32Contents: [1, 2, 3] } },
      { name: "other", datatype: "FP32", shape: [5] },
    ],
  });
  const told = Array.from({ length: message.length + 1 }, (_, length) =>
    readGrpcRows(message.subarray(0, length)),
  );
  const first = told.indexOf(300);
  expect(first).toBeGreaterThan(10);
  expect(new Set(told.slice(0, first))).toEqual(new Set([undefined]));
  expect(new Set(told.slice(first))).toEqual(new Set([300]));
});
