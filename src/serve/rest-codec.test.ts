import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { DATATYPES } from "./datatype.ts";
import { encodeJsonElements } from "./json-tensor.ts";
import type { ModelSignature } from "./model-signature.ts";
import { decodeRestRequest, encodeRestResponse } from "./rest-codec.ts";
import { ServeError } from "./serve-error.ts";
import { encodeBinaryElements, type Tensor } from "./tensor.ts";
import { edgeTensor, listOf, tensorArbitrary } from "./testdata/tensors.ts";

const LIMITS = { maximumDimensions: 8, maximumElements: 10_000, maximumTexts: 1_000 };
const SIGNATURE: ModelSignature = { inputs: [{ name: "x", datatype: "FP32", shape: ["n", 2] }], outputs: [] };

function decode(
  json: string,
  options: { binary?: Buffer; length?: string; signature?: ModelSignature } = {},
) {
  const document = Buffer.from(json);
  const { binary = Buffer.alloc(0), signature = SIGNATURE } = options;
  const jsonLength = options.length ?? (options.binary === undefined ? undefined : String(document.length));
  const body = Buffer.concat([document, binary]);
  return decodeRestRequest({ modelName: "m", modelVersion: "1", jsonLength, body }, signature, LIMITS);
}

function jsonInput({ name, datatype, shape }: Tensor, rest: string): string {
  return `{"name":${JSON.stringify(name)},"datatype":"${datatype}","shape":[${shape}],${rest}}`;
}

function binaryInput(tensor: Tensor): string {
  return jsonInput(tensor, `"parameters":{"binary_data_size":${encodeBinaryElements(tensor).length}}`);
}

function lists(tensors: readonly Tensor[]) {
  return tensors.map((tensor) => ({ ...tensor, elements: listOf(tensor.elements) }));
}

describe("a request", () => {
  test("carries id, outputs and inputs in JSON and in binary, mixed", () => {
    const first = edgeTensor("INT64", "a");
    const second = edgeTensor("BYTES", "b");
    const third = edgeTensor("FP16", "c");
    const json = `{"id":"7","parameters":{"sequence_id":0,"binary_data_output":true,"timeout":1500},
      "inputs":[${binaryInput(first)},${jsonInput(second, `"data":${encodeJsonElements(second)}`)},${binaryInput(third)}],
      "outputs":[{"name":"y"},{"name":"z","parameters":{"binary_data":false}}]}`;
    const binary = Buffer.concat([encodeBinaryElements(first), encodeBinaryElements(third)]);
    const { request, binaryOutputs } = decode(json, { binary });
    expect({ ...request, inputs: lists(request.inputs) }).toEqual({
      modelName: "m",
      modelVersion: "1",
      id: "7",
      inputs: lists([first, second, third]),
      outputs: ["y", "z"],
      timeoutMilliseconds: 1.5,
    });
    expect(binaryOutputs).toEqual({
      byName: new Map([
        ["y", true],
        ["z", false],
      ]),
      others: true,
    });
  });

  test("without outputs asks for all, in JSON", () => {
    const { request, binaryOutputs } = decode('{"inputs":[]}');
    expect(request).toMatchObject({ id: "", outputs: [] });
    expect(binaryOutputs).toEqual({ byName: new Map(), others: false });
  });

  test.each<[string, string, RegExp]>([
    ["no JSON", "{", /cannot parse it/],
    ["nothing", "", /cannot parse it/],
    ["a list", "[]", /the request to be a JSON object, got a list of 0/],
    ["no inputs", "{}", /"inputs" of the request to be a list .* got undefined/],
    ["inputs that are no list", '{"inputs":{}}', /got an object/],
    ["an input that is no object", '{"inputs":[1]}', /an input to be a JSON object, got 1/],
    ["an input without a name", '{"inputs":[{}]}', /an input to have a "name"/],
    ["a number as id", '{"id":1,"inputs":[]}', /"id" of the request to be a string, got 1/],
    ["an unknown datatype", '{"inputs":[{"name":"x","datatype":"BF16"}]}', /input "x": .*, got "BF16"/],
    ["no shape", '{"inputs":[{"name":"x","datatype":"FP32"}]}', /input "x": expected "shape"/],
    [
      "no data",
      '{"inputs":[{"name":"x","datatype":"FP32","shape":[1]}]}',
      /"data" to be a list, got undefined/,
    ],
    ["parameters that are a list", '{"parameters":[],"inputs":[]}', /"parameters" to be a JSON object/],
    [
      "a default that is no boolean",
      '{"parameters":{"binary_data_output":1},"inputs":[]}',
      /true or false, got 1/,
    ],
    ["outputs that are no list", '{"inputs":[],"outputs":"y"}', /"outputs" of the request to be a list/],
    [
      "classification",
      '{"inputs":[],"outputs":[{"name":"y","parameters":{"classification":3}}]}',
      /not supported/,
    ],
    [
      "a binary size without binary data",
      '{"inputs":[{"name":"x","datatype":"FP32","shape":[1],"parameters":{"binary_data_size":4}}]}',
      /needs the header Inference-Header-Content-Length/,
    ],
  ])("with %s is refused", (_what, json, message) => {
    expect(() => decode(json)).toThrow(message);
    expect(() => decode(json)).toThrow(ServeError);
  });

  test.each<[string, string, string, string | undefined, RegExp]>([
    [
      "a size beyond the body",
      '"parameters":{"binary_data_size":8}',
      "00000000",
      undefined,
      /to the 4 bytes that are left, got 8/,
    ],
    ["a negative size", '"parameters":{"binary_data_size":-4}', "00000000", undefined, /got -4/],
    [
      "bytes left over",
      '"parameters":{"binary_data_size":4}',
      "0000000000",
      undefined,
      /expected 4 bytes .* got 5/,
    ],
    [
      "both data and binary",
      '"data":[1],"parameters":{"binary_data_size":4}',
      "00000000",
      undefined,
      /got both/,
    ],
    ["a header beyond the body", '"data":[1]', "", "1000", /from 0 to the \d+ bytes of the body, got "1000"/],
    ["a header that is no number", '"data":[1]', "", "-1", /got "-1"/],
    ["a header that is a fraction", '"data":[1]', "", "1.5", /got "1.5"/],
  ])("with %s is refused", (_what, rest, hex, length, message) => {
    const json = `{"inputs":[{"name":"x","datatype":"FP32","shape":[1],${rest}}]}`;
    const options = { binary: Buffer.from(hex, "hex"), ...(length === undefined ? {} : { length }) };
    expect(() => decode(json, options)).toThrow(message);
  });

  test.each([
    ["open", "[".repeat(200_000)],
    ["closed", `${"[".repeat(200_000)}${"]".repeat(200_000)}`],
    ["objects", '{"a":'.repeat(200_000)],
    [
      "in parameters",
      `{"inputs":[],"parameters":{"a":${"[".repeat(200_000)}${"]".repeat(200_000)},"binary_data_output":1}}`,
    ],
    [
      "in 64-bit data",
      `{"inputs":[{"name":"x","datatype":"INT64","shape":[1],"data":${"[".repeat(200_000)}1234567890123456789${"]".repeat(200_000)}}]}`,
    ],
    [
      "in a shape",
      `{"inputs":[{"name":"x","datatype":"FP32","shape":${"[".repeat(200_000)}${"]".repeat(200_000)}}]}`,
    ],
  ])("of 200,000 brackets (%s) is refused", (_what, json) => {
    expect(() => decode(json)).toThrow(expect.objectContaining({ reason: "InvalidArgument" }));
  });

  test("that is not UTF-8 is refused", () => {
    const body = Buffer.from('{"id":"\xff","inputs":[]}', "latin1");
    const request = { modelName: "m", modelVersion: "", jsonLength: undefined, body };
    expect(() => decodeRestRequest(request, SIGNATURE, LIMITS)).toThrow(/cannot parse it/);
  });

  test("without JSON is the raw input of a model that has one", () => {
    const binary = encodeBinaryElements({ elements: Float32Array.of(1, 2, 3, 4) });
    const { request, binaryOutputs } = decode("", { binary });
    expect(lists(request.inputs)).toEqual([
      { name: "x", datatype: "FP32", shape: [2, 2], elements: [1, 2, 3, 4] },
    ]);
    expect(binaryOutputs).toEqual({ byName: new Map(), others: true });
  });

  test.each<[string, number, ModelSignature["inputs"], RegExp]>([
    [
      "a size that is no multiple",
      12,
      SIGNATURE.inputs,
      /expected 8 bytes for FP32 of shape \[1,2\], got 12/,
    ],
    ["two inputs", 8, [...SIGNATURE.inputs, ...SIGNATURE.inputs], /needs a model with one input/],
    [
      "two sizes to find",
      8,
      [{ name: "x", datatype: "FP32", shape: ["n", "m"] }],
      /shape of a raw one cannot be known/,
    ],
    ["BYTES", 8, [{ name: "x", datatype: "BYTES", shape: ["n"] }], /shape of a raw one cannot be known/],
  ])("that is raw with %s is refused", (_what, sizeBytes, inputs, message) => {
    const signature = { inputs, outputs: [] };
    expect(() => decode("", { binary: Buffer.alloc(sizeBytes), signature })).toThrow(message);
  });

  test("with any tensors in any mix of forms is read as it was written", () => {
    const tensors = fc.array(fc.tuple(tensorArbitrary(), fc.boolean()), { maxLength: 5 });
    fc.assert(
      fc.property(tensors, (list) => {
        const isBinary = (index: number) => list[index]?.[1] === true || list[index]?.[0].datatype === "FP16";
        const inputs = list.map(([tensor], index) =>
          isBinary(index) ? binaryInput(tensor) : jsonInput(tensor, `"data":${encodeJsonElements(tensor)}`),
        );
        const binary = Buffer.concat(
          list.filter((_, index) => isBinary(index)).map(([tensor]) => encodeBinaryElements(tensor)),
        );
        const { request } = decode(`{"inputs":[${inputs.join(",")}]}`, { binary });
        expect(lists(request.inputs)).toEqual(lists(list.map(([tensor]) => tensor)));
      }),
    );
  });

  test("that is mutated anywhere is read or refused, never an error of ours", () => {
    const tensor = edgeTensor("INT64");
    const valid = Buffer.concat([
      Buffer.from(`{"id":"1","inputs":[${binaryInput(tensor)}],"outputs":[{"name":"y"}]}`),
      encodeBinaryElements(tensor),
    ]);
    const mutation = fc.tuple(fc.nat(valid.length - 1), fc.nat(255));
    fc.assert(
      fc.property(
        fc.array(mutation, { minLength: 1, maxLength: 4 }),
        fc.nat(valid.length),
        (mutations, length) => {
          const body = Buffer.from(valid);
          for (const [index, byte] of mutations) {
            body[index] = byte;
          }
          const request = { modelName: "m", modelVersion: "", jsonLength: String(length), body };
          try {
            decodeRestRequest(request, SIGNATURE, LIMITS);
          } catch (error) {
            expect(error).toBeInstanceOf(ServeError);
          }
        },
      ),
      { numRuns: 2_000 },
    );
  });
});

describe("an answer", () => {
  const response = { modelName: "m", modelVersion: "1", id: "", outputs: [edgeTensor("INT64", "y")] };

  test("in JSON has exact 64-bit integers and no id that was not sent", () => {
    const { jsonLength, body } = encodeRestResponse(response, { byName: new Map(), others: false });
    expect(jsonLength).toBeUndefined();
    expect(body.toString()).toBe(
      '{"model_name":"m","model_version":"1","outputs":[{"name":"y","datatype":"INT64","shape":[4],"data":[-9223372036854775808,9223372036854775807,9007199254740993,-1]}]}',
    );
  });

  test.each(DATATYPES)("in binary has the bytes of %s behind the JSON", (datatype) => {
    const tensor = edgeTensor(datatype, "y");
    const encoded = encodeRestResponse(
      { ...response, id: 'a"b', outputs: [tensor] },
      { byName: new Map(), others: true },
    );
    const length = encoded.jsonLength ?? 0;
    expect(JSON.parse(encoded.body.subarray(0, length).toString())).toEqual({
      id: 'a"b',
      model_name: "m",
      model_version: "1",
      outputs: [
        {
          name: "y",
          datatype,
          shape: tensor.shape,
          parameters: { binary_data_size: encoded.body.length - length },
        },
      ],
    });
    expect(encoded.body.subarray(length)).toEqual(encodeBinaryElements(tensor));
  });
});
