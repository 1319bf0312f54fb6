import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { DATATYPES, type Datatype, datatypeNamed, datatypeOfOnnx, FORMATS } from "./datatype.ts";
import { decodeBinaryElements, encodeBinaryElements, parseShape } from "./tensor.ts";
import { edgeTensor, listOf, tensorArbitrary } from "./testdata/tensors.ts";

const LIMITS = { maximumDimensions: 4, maximumElements: 1_000, maximumTexts: 100 };

describe("the table of datatypes", () => {
  test.each(DATATYPES)("%s is found by both names", (datatype) => {
    expect(datatypeNamed(datatype)).toBe(datatype);
    expect(datatypeOfOnnx(FORMATS[datatype].onnx)).toBe(datatype);
  });

  test.each(["BF16", "FP8", "float32", "toString", "__proto__", "", 1, null])("%p is none", (name) => {
    expect(datatypeNamed(name)).toBeUndefined();
  });
});

describe("parseShape", () => {
  test.each([[[]], [[0]], [[1, 2, 3]], [[0, 1_000]], [[1_000]]])("%j is a shape", (shape) => {
    expect(parseShape(shape, "FP32", LIMITS, "input")).toEqual(shape);
  });

  test.each<[string, unknown, RegExp]>([
    ["no list", "2", /list of integers, got "2"/],
    ["missing", undefined, /got undefined/],
    ["negative", [-1, 2], /got -1 at dimension 0/],
    ["a fraction", [1.5], /got 1.5/],
    ["a string", [1, "2"], /got "2" at dimension 1/],
    ["beyond safe integers", [2 ** 53], /got 9007199254740992/],
    ["a BigInt", [2n ** 64n], /got 18446744073709551616/],
    ["too many elements", [1_001], /at most 1000 elements/],
    ["a product that overflows 2^53", [2 ** 31, 2 ** 31], /at most 1000 elements/],
    ["a product that overflows 2^64 to 0", [2 ** 32, 2 ** 32], /at most 1000 elements/],
    ["an absurd size beside a zero", [0, 2 ** 40], /at most 1000 elements/],
    ["an absurd size before a zero", [2 ** 40, 0], /at most 1000 elements/],
    ["too many dimensions", [1, 1, 1, 1, 1], /at most 4 dimensions, got 5/],
    ["nested", [[1]], /got a list of 1/],
  ])("%s is refused", (_what, shape, message) => {
    expect(() => parseShape(shape, "FP32", LIMITS, 'input "x"')).toThrow(message);
    expect(() => parseShape(shape, "FP32", LIMITS, 'input "x"')).toThrow(/^input "x": /);
  });
});

describe("the binary form", () => {
  test.each(DATATYPES)("of %s keeps the edges", (datatype) => {
    const tensor = edgeTensor(datatype);
    const bytes = encodeBinaryElements(tensor);
    expect(listOf(decodeBinaryElements(datatype, tensor.shape, bytes, "x"))).toEqual(listOf(tensor.elements));
  });

  test("is little-endian, BYTES with a 32-bit length in front", () => {
    expect(encodeBinaryElements({ elements: Int32Array.of(1, -2) }).toString("hex")).toBe("01000000feffffff");
    expect(encodeBinaryElements({ elements: ["é", ""] }).toString("hex")).toBe("02000000c3a900000000");
  });

  test("keeps any tensor, at any alignment", () => {
    fc.assert(
      fc.property(tensorArbitrary(), fc.integer({ min: 0, max: 7 }), (tensor, offset) => {
        const bytes = Buffer.concat([Buffer.alloc(offset), encodeBinaryElements(tensor)]).subarray(offset);
        const elements = decodeBinaryElements(tensor.datatype, tensor.shape, bytes, "x");
        expect(listOf(elements)).toEqual(listOf(tensor.elements));
      }),
    );
  });

  test("is copied: the tensor owns its memory", () => {
    const bytes = Buffer.from([1, 0, 0, 0]);
    const elements = decodeBinaryElements("INT32", [1], bytes, "x");
    bytes.fill(0xff);
    expect(listOf(elements)).toEqual([1]);
  });

  test.each<[Datatype, number[], string, RegExp]>([
    ["FP32", [2], "00000000", /expected 8 bytes for FP32 of shape \[2\], got 4/],
    ["INT64", [], "00000000", /expected 8 bytes/],
    ["BOOL", [2], "0102", /BOOL bytes of 0 or 1, got 2 at element 1/],
    ["BYTES", [2], "00000000", /at least 8 bytes for 2 BYTES elements, got 4/],
    ["BYTES", [1], "ffffffff", /element 0 of 1 goes beyond the 4 bytes/],
    ["BYTES", [1], "0100000061ff", /expected 5 bytes for 1 BYTES elements, got 6/],
    ["BYTES", [2], "01000000610000", /got 7|goes beyond|at least/],
    ["BYTES", [1], "01000000ff", /UTF-8, got other bytes at element 0/],
    ["BYTES", [1], "0100000000", /without a NUL character, got one at element 0/],
  ])("of %s %j is refused when it is %s", (datatype, shape, hex, message) => {
    expect(() => decodeBinaryElements(datatype, shape, Buffer.from(hex, "hex"), "x")).toThrow(message);
  });
});
