import { describe, expect, test } from "@jest/globals";
import { checkInputs, inferenceCount, type ModelSignature, selectOutputs } from "./model-signature.ts";
import type { Tensor } from "./tensor.ts";

const SIGNATURE: ModelSignature = {
  inputs: [
    { name: "a", datatype: "FP32", shape: ["batch", 2] },
    { name: "b", datatype: "INT64", shape: ["batch"] },
  ],
  outputs: [
    { name: "y", datatype: "FP32", shape: ["batch"] },
    { name: "z", datatype: "FP32", shape: [] },
  ],
};

function a(shape: readonly number[] = [3, 2]): Tensor {
  return { name: "a", datatype: "FP32", shape, elements: new Float32Array() };
}

function b(shape: readonly number[] = [3]): Tensor {
  return { name: "b", datatype: "INT64", shape, elements: new BigInt64Array() };
}

describe("checkInputs", () => {
  test.each([[[a(), b()]], [[b(), a()]], [[a([0, 2]), b([0])]]])(
    "takes what fits, in any order",
    (inputs) => {
      expect(() => checkInputs(SIGNATURE, inputs)).not.toThrow();
    },
  );

  test.each<[string, Tensor[], RegExp]>([
    ["an unknown input", [a(), b(), { ...a(), name: "c" }], /unknown input "c": the model takes "a", "b"/],
    ["a missing input", [a()], /missing input "b": expected INT64 of shape \[-1\]/],
    ["no input", [], /missing input "a": expected FP32 of shape \[-1,2\]/],
    ["an input twice", [a(), a(), b()], /input "a" is given twice/],
    ["another datatype", [{ ...a(), datatype: "FP64" }, b()], /input "a": expected datatype FP32, got FP64/],
    ["another rank", [a([3]), b()], /input "a": expected shape \[-1,2\] \(-1 is any size\), got \[3\]/],
    ["another size", [a([3, 4]), b()], /expected shape \[-1,2\] .* got \[3,4\]/],
    [
      "a batch that differs",
      [a([3, 2]), b([4])],
      /input "b": expected dimension 0 to be 3 as "batch" in input "a", got 4/,
    ],
  ])("refuses %s", (_what, inputs, message) => {
    expect(() => checkInputs(SIGNATURE, inputs)).toThrow(message);
  });

  test("lets dimensions without a name differ", () => {
    const unnamed: ModelSignature = {
      inputs: SIGNATURE.inputs.map((input) => ({
        ...input,
        shape: input.shape.map((d) => (d === "batch" ? "" : d)),
      })),
      outputs: [],
    };
    expect(() => checkInputs(unnamed, [a([3, 2]), b([4])])).not.toThrow();
  });
});

describe("selectOutputs", () => {
  test.each([
    [[], ["y", "z"]],
    [["z"], ["z"]],
    [
      ["z", "y"],
      ["z", "y"],
    ],
  ])("of %j gives %j", (requested, selected) => {
    expect(selectOutputs(SIGNATURE, requested)).toEqual(selected);
  });

  test.each([
    [["x"], /unknown output "x": the model gives "y", "z"/],
    [["y", "y"], /output "y" is asked for twice/],
  ])("refuses %j", (requested, message) => {
    expect(() => selectOutputs(SIGNATURE, requested)).toThrow(message);
  });
});

test("inferences are rows where the model has a batch, else requests", () => {
  expect(inferenceCount(SIGNATURE, [a(), b()])).toBe(3);
  const fixed: ModelSignature = { inputs: [{ name: "a", datatype: "FP32", shape: [3, 2] }], outputs: [] };
  expect(inferenceCount(fixed, [a()])).toBe(1);
});
