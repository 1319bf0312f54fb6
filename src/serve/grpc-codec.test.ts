import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { DATATYPES, type Datatype } from "./datatype.ts";
import { decodeGrpcRequest, encodeGrpcResponse } from "./grpc-codec.ts";
import { decodeMessage, encodeMessage } from "./grpc-messages.ts";
import type { InferenceResponse } from "./inference.ts";
import { ServeError } from "./serve-error.ts";
import type { Tensor } from "./tensor.ts";
import { edgeTensor, listOf, tensorArbitrary } from "./testdata/tensors.ts";

const LIMITS = { maximumDimensions: 8, maximumElements: 10_000, maximumTexts: 1_000 };
const TYPED = DATATYPES.filter((datatype) => datatype !== "FP16");

/** The answer's tensors have the fields of a request's, so an answer is turned into a request with its tensors. */
function requestLike(response: InferenceResponse, rawOutputs: boolean): Buffer {
  const { outputs, rawOutputContents, ...rest } = decodeMessage(
    "inference.ModelInferResponse",
    encodeGrpcResponse(response, rawOutputs),
  );
  return encodeMessage("inference.ModelInferRequest", {
    ...rest,
    inputs: text(outputs),
    rawInputContents: rawOutputContents,
  });
}

/** The encoder takes 64-bit integers as decimal text. */
function text(value: unknown): unknown {
  if (typeof value === "bigint") {
    return value.toString();
  }
  if (Array.isArray(value)) {
    return value.map(text);
  }
  return typeof value === "object" && value !== null && !ArrayBuffer.isView(value)
    ? Object.fromEntries(Object.entries(value).map(([key, member]) => [key, text(member)]))
    : value;
}

function roundTrip(outputs: readonly Tensor[], raw: boolean) {
  const response = { modelName: "m", modelVersion: "1", id: "7", outputs };
  const { request, rawOutputs } = decodeGrpcRequest(requestLike(response, raw), LIMITS);
  const inputs = request.inputs.map((tensor) => ({ ...tensor, elements: listOf(tensor.elements) }));
  return { ...request, inputs, rawOutputs };
}

function encodeRequest(input: Record<string, unknown>, rest: Record<string, unknown> = {}): Buffer {
  return encodeMessage("inference.ModelInferRequest", {
    modelName: "m",
    inputs: [{ name: "x", ...input }],
    ...rest,
  });
}

describe("gRPC tensors", () => {
  test.each(DATATYPES)("raw %s keep the edges", (datatype) => {
    const tensor = edgeTensor(datatype);
    expect(roundTrip([tensor], true)).toEqual({
      modelName: "m",
      modelVersion: "1",
      id: "7",
      inputs: [{ ...tensor, elements: listOf(tensor.elements) }],
      outputs: [],
      timeoutMilliseconds: Number.POSITIVE_INFINITY,
      rawOutputs: true,
    });
  });

  test.each([
    ["int64", { int64Param: "1500" }, 1.5],
    ["uint64", { uint64Param: "1500" }, 1.5],
    ["uint64 of all its bits", { uint64Param: "18446744073709551615" }, 2 ** 64 / 1_000],
  ])("a time-out of %s is microseconds", (_type, timeout, expected) => {
    const input = { datatype: "FP32", shape: [1], contents: { fp32Contents: [1] } };
    const { request } = decodeGrpcRequest(encodeRequest(input, { parameters: { timeout } }), LIMITS);
    expect(request.timeoutMilliseconds).toBe(expected);
  });

  test("a time-out below 0 is refused", () => {
    const input = { datatype: "FP32", shape: [1], contents: { fp32Contents: [1] } };
    const bytes = encodeRequest(input, { parameters: { timeout: { int64Param: "-1" } } });
    expect(() => decodeGrpcRequest(bytes, LIMITS)).toThrow(/microseconds from 0, got -1/);
  });

  test.each(TYPED)("typed %s keep the edges", (datatype) => {
    const tensor = edgeTensor(datatype);
    const { inputs, rawOutputs } = roundTrip([tensor], false);
    expect(inputs).toEqual([{ ...tensor, elements: listOf(tensor.elements) }]);
    expect(rawOutputs).toBe(false);
  });

  test("of FP16 make an answer raw", () => {
    expect(roundTrip([edgeTensor("FP32"), edgeTensor("FP16")], false).rawOutputs).toBe(true);
  });

  test("keep any tensors in both forms", () => {
    fc.assert(
      fc.property(
        fc.array(tensorArbitrary(TYPED), { minLength: 1, maxLength: 4 }),
        fc.boolean(),
        (tensors, raw) => {
          const expected = tensors.map((tensor) => ({ ...tensor, elements: listOf(tensor.elements) }));
          expect(roundTrip(tensors, raw).inputs).toEqual(expected);
        },
      ),
    );
  });

  test("keep NaN and infinities, which only JSON cannot carry", () => {
    const elements = Float32Array.of(Number.NaN, Number.POSITIVE_INFINITY);
    for (const raw of [true, false]) {
      const { inputs } = roundTrip([{ name: "x", datatype: "FP32", shape: [2], elements }], raw);
      expect(inputs[0]?.elements).toEqual([Number.NaN, Number.POSITIVE_INFINITY]);
    }
  });
});

/** A request whose one input is INT32 of 4 elements, with contents as they are on the wire. */
function contentsOf(...parts: readonly string[]): Buffer {
  const field = (tag: string, hex: string) => tag + (hex.length / 2).toString(16).padStart(2, "0") + hex;
  const tensor = ["0a0178", "1205494e543332", "1a0104", ...parts.map((hex) => field("2a", hex))].join("");
  return Buffer.from(field("2a", tensor), "hex");
}

describe("a gRPC request", () => {
  const fp32 = { datatype: "FP32", shape: [1] };

  test.each<[string, Buffer, RegExp]>([
    [
      "an unknown datatype",
      encodeRequest({ datatype: "BF16", shape: [1] }),
      /datatype to be one of .* got "BF16"/,
    ],
    ["a negative size", encodeRequest({ datatype: "FP32", shape: [-1] }), /integers from 0, got -1/],
    [
      "an absurd shape",
      encodeRequest({ datatype: "FP32", shape: [2 ** 31, 2 ** 31] }),
      /at most 10000 elements/,
    ],
    ["no contents", encodeRequest(fp32), /expected 1 elements in fp32Contents for shape \[1\], got 0/],
    [
      "the wrong field",
      encodeRequest({ ...fp32, contents: { fp64Contents: [1] } }),
      /FP32 in fp32Contents .* got fp64Contents/,
    ],
    [
      "two fields",
      encodeRequest({ ...fp32, contents: { fp32Contents: [1], intContents: [1] } }),
      /got intContents/,
    ],
    ["too many elements", encodeRequest({ ...fp32, contents: { fp32Contents: [1, 2] } }), /got 2/],
    [
      "an integer out of range",
      encodeRequest({ datatype: "INT8", shape: [1], contents: { intContents: [128] } }),
      /expected INT8, got 128 at element 0/,
    ],
    [
      "FP16 in contents",
      encodeRequest({ datatype: "FP16", shape: [1] }),
      /contents cannot carry FP16: send it in raw_input_contents/,
    ],
    [
      "text that is not UTF-8",
      encodeRequest({ datatype: "BYTES", shape: [1], contents: { bytesContents: [Buffer.of(0xff)] } }),
      /UTF-8/,
    ],
    [
      "contents and raw",
      encodeRequest({ ...fp32, contents: { fp32Contents: [1] } }, { rawInputContents: [Buffer.alloc(4)] }),
      /got both/,
    ],
    [
      "raw for some inputs",
      encodeRequest(fp32, { rawInputContents: [Buffer.alloc(4), Buffer.alloc(4)] }),
      /for all 1 inputs or none, got 2/,
    ],
    [
      "raw of another size",
      encodeRequest(fp32, { rawInputContents: [Buffer.alloc(5)] }),
      /expected 4 bytes .* got 5/,
    ],
    [
      "shared memory",
      encodeRequest({ ...fp32, parameters: { shared_memory_region: { stringParam: "r" } } }),
      /not supported/,
    ],
    ["a long id", encodeRequest(fp32, { id: "x".repeat(1_025) }), /"id" of at most 1024 characters/],
    ["too many dimensions", encodeRequest({ datatype: "FP32", shape: Array(9).fill(1) }), /at most 8 dim/],
    ["too many inputs", Buffer.from("2a00".repeat(1_025), "hex"), /at most 1024 inputs/],
    ["too many outputs", Buffer.from("3200".repeat(1_025), "hex"), /at most 1024 outputs/],
    ["too many raw contents", Buffer.from("3a00".repeat(1_025), "hex"), /at most 1024 raw_input_contents/],
    ["too many parameters", Buffer.from("2200".repeat(4_097), "hex"), /at most 4096 parameters/],
    [
      "too many texts in all inputs",
      encodeMessage("inference.ModelInferRequest", {
        inputs: Array.from({ length: 2 }, () => ({ name: "x", datatype: "BYTES", shape: [501] })),
      }),
      /at most 1000 elements of BYTES in all inputs, got 1002/,
    ],
    ["a number that does not end", contentsOf("120501020304ff"), /contents of input "x", but cannot/],
    ["a packed number cut short", contentsOf("3203000080"), /packed numbers of 4 bytes, got 3 bytes/],
    ["bytes that are no message", Buffer.of(0xff, 0xff, 0xff), /cannot parse it/],
    ["groups nested too deep", Buffer.alloc(1_000_000, 0x0b), /cannot parse it/],
  ])("with %s is refused", (_what, bytes, message) => {
    expect(() => decodeGrpcRequest(bytes, LIMITS)).toThrow(message);
    expect(() => decodeGrpcRequest(bytes, LIMITS)).toThrow(ServeError);
  });

  test("may have its numbers packed, alone, or in several parts, and fields that are not known", () => {
    const parts = contentsOf("10017a0161" + "12020203" + "1004");
    const [input] = decodeGrpcRequest(parts, LIMITS).request.inputs;
    expect(listOf(input?.elements ?? [])).toEqual([1, 2, 3, 4]);
    const twice = contentsOf("12020102", "12020304");
    expect(listOf(decodeGrpcRequest(twice, LIMITS).request.inputs[0]?.elements ?? [])).toEqual([1, 2, 3, 4]);
  });

  test("that is mutated anywhere is read or refused, never an error of ours", () => {
    const valid = encodeRequest(
      {
        datatype: "INT64",
        shape: [2],
        contents: { int64Contents: ["1", "-1"] },
        parameters: { a: { boolParam: true } },
      },
      { id: "7", outputs: [{ name: "y" }], parameters: { timeout: { int64Param: 1_500 } } },
    );
    const mutation = fc.tuple(fc.nat(valid.length - 1), fc.nat(255));
    fc.assert(
      fc.property(
        fc.array(mutation, { minLength: 1, maxLength: 4 }),
        fc.nat(valid.length),
        (mutations, length) => {
          const bytes = Buffer.from(valid);
          for (const [index, byte] of mutations) {
            bytes[index] = byte;
          }
          try {
            decodeGrpcRequest(bytes.subarray(0, length), LIMITS);
          } catch (error) {
            expect(error).toBeInstanceOf(ServeError);
          }
        },
      ),
      { numRuns: 2_000 },
    );
  });
});

/** Bytes by hand, so that the field numbers are not only compared with themselves. */
test("field numbers are those of the protocol", () => {
  const datatype: Datatype = "FP32";
  const input =
    "0a0178" +
    "1204" +
    Buffer.from(datatype).toString("hex") +
    "1a0102" +
    "2a0a" +
    "3208" +
    "0000803f00000040";
  const hex =
    "0a016d" +
    "120131" +
    "1a0137" +
    "2a" +
    (input.length / 2).toString(16).padStart(2, "0") +
    input +
    "3203" +
    "0a0179";
  const { request } = decodeGrpcRequest(Buffer.from(hex, "hex"), LIMITS);
  expect(request).toMatchObject({ modelName: "m", modelVersion: "1", id: "7", outputs: ["y"] });
  expect(request.inputs).toMatchObject([{ name: "x", datatype: "FP32", shape: [2] }]);
  expect(listOf(request.inputs[0]?.elements ?? [])).toEqual([1, 2]);
  const tensor = { name: "y", datatype, shape: [1], elements: Float32Array.of(1) };
  const answer = encodeGrpcResponse({ modelName: "m", modelVersion: "1", id: "7", outputs: [tensor] }, true);
  const output = "0a0179" + "120446503332" + "1a0101";
  expect(answer.toString("hex")).toBe(`0a016d1201311a01372a0c${output}32040000803f`);
});
