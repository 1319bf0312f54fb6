import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { DATATYPES, type Datatype } from "./datatype.ts";
import { parseExactJson } from "./exact-json.ts";
import { decodeJsonElements, encodeJsonElements } from "./json-tensor.ts";
import { edgeTensor, listOf, tensorArbitrary } from "./testdata/tensors.ts";

const IN_JSON = DATATYPES.filter((datatype) => datatype !== "FP16");

/** Reads `data` as the server does: from the text of a document that names the datatype. */
function decode(datatype: Datatype, shape: readonly number[], data: string) {
  const document = parseExactJson(Buffer.from(`{"datatype":"${datatype}","data":${data}}`));
  const value =
    typeof document === "object" && document !== null && "data" in document ? document.data : undefined;
  return listOf(decodeJsonElements(datatype, shape, value, 'input "x"'));
}

describe("JSON tensors", () => {
  test.each(IN_JSON)("%s keeps the edges, with all digits", (datatype) => {
    const tensor = edgeTensor(datatype);
    expect(decode(datatype, tensor.shape, encodeJsonElements(tensor))).toEqual(listOf(tensor.elements));
  });

  test("keep any tensor", () => {
    fc.assert(
      fc.property(tensorArbitrary(IN_JSON), (tensor) => {
        expect(decode(tensor.datatype, tensor.shape, encodeJsonElements(tensor))).toEqual(
          listOf(tensor.elements),
        );
      }),
    );
  });

  test.each<[Datatype, number[], string, (number | bigint | string)[]]>([
    ["FP32", [2, 2], "[1,2,3,4]", [1, 2, 3, 4]],
    ["FP32", [2, 2], "[[1,2],[3,4]]", [1, 2, 3, 4]],
    ["INT32", [2, 1, 2], "[[[1,2]],[[3,4]]]", [1, 2, 3, 4]],
    ["INT32", [0, 2], "[]", []],
    ["INT32", [2, 0], "[[],[]]", []],
    ["INT32", [], "[7]", [7]],
    ["INT32", [1], "[1e2]", [100]],
    ["INT64", [2], "[9007199254740993, -9223372036854775808]", [9007199254740993n, -(2n ** 63n)]],
    ["FP64", [1], "[12345678901234567890]", [Number("12345678901234567890")]],
    ["BOOL", [2], "[true,false]", [1, 0]],
    ["BYTES", [2], '["a","\\u00e9"]', ["a", "é"]],
  ])("%s %j from %s", (datatype, shape, data, elements) => {
    expect(decode(datatype, shape, data)).toEqual(elements);
  });

  test.each<[Datatype, number[], string, RegExp]>([
    ["FP32", [1], "1", /"data" to be a list, got 1/],
    ["FP32", [1], "[null]", /expected FP32, got null at element 0/],
    ["FP32", [1], '["1"]', /expected FP32, got "1" at element 0/],
    ["FP32", [1], '["NaN"]', /got "NaN"/],
    ["FP32", [2], "[1,1e39]", /expected FP32, got 1e\+39 at element 1/],
    ["FP64", [1], "[1e400]", /expected FP64, got Infinity/],
    ["FP32", [3], "[1,2]", /expected 3 elements of "data" for shape \[3\], got 2/],
    ["FP32", [2, 2], "[[1,2],[3]]", /lists of 2 at dimension 1 .* got 1/],
    ["FP32", [2, 2], "[[1,2]]", /lists of 2 at dimension 0 .* got 1/],
    ["FP32", [2, 2], "[[1,2],3]", /nested as shape \[2,2\], got 3 at dimension 0/],
    ["FP32", [2, 2], "[1,[2],3,4]", /expected FP32, got a list of 1 at element 1/],
    ["FP32", [1], "[[1]]", /expected FP32, got a list of 1/],
    ["UINT8", [1], "[256]", /expected UINT8, got 256/],
    ["UINT8", [1], "[-1]", /got -1/],
    ["INT8", [1], "[1.5]", /got 1.5/],
    ["INT32", [1], "[true]", /got true/],
    ["INT64", [1], "[9223372036854775808]", /expected INT64, got 9223372036854775808/],
    ["INT64", [1], "[9007199254740993.0]", /expected INT64, got 9007199254740992/],
    ["INT64", [1], "[1e19]", /got 10000000000000000000/],
    ["INT64", [1], '["1"]', /got "1"/],
    ["UINT64", [1], "[-1]", /got -1/],
    ["UINT64", [1], "[18446744073709551616]", /got 18446744073709551616/],
    ["BOOL", [1], "[1]", /expected BOOL, got 1/],
    ["BYTES", [1], "[1]", /expected BYTES, got 1/],
    ["BYTES", [1], '["\\u0000"]', /without a NUL/],
    ["BYTES", [1], '["\\ud800"]', /lone surrogate/],
    ["FP16", [1], "[1]", /JSON cannot carry FP16: send it as binary data/],
  ])("%s %j refuses %s", (datatype, shape, data, message) => {
    expect(() => decode(datatype, shape, data)).toThrow(message);
    expect(() => decode(datatype, shape, data)).toThrow(/^input "x": /);
  });

  test.each<[string, Datatype, Float32Array | Float64Array | Uint16Array, RegExp]>([
    ["NaN", "FP32", Float32Array.of(0, Number.NaN), /output "x" has NaN at element 1/],
    ["infinity", "FP32", Float32Array.of(Number.POSITIVE_INFINITY), /has Infinity at element 0/],
    ["infinity", "FP64", Float64Array.of(Number.NEGATIVE_INFINITY), /has -Infinity at element 0/],
    ["FP16", "FP16", Uint16Array.of(0), /is FP16, which JSON cannot carry/],
  ])("never write %s as %s", (_what, datatype, elements, message) => {
    const tensor = { name: "x", datatype, shape: [elements.length], elements };
    expect(() => encodeJsonElements(tensor)).toThrow(message);
  });
});
