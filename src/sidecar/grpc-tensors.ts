/**
 * The tensors of a `ModelInferRequest` or `ModelInferResponse`, as far as they are observed: fields are read one by one,
 * and what is not observed is skipped. In both messages a tensor has the same fields.
 */
import protobuf from "protobufjs/light.js";
import type { ReadTensors } from "./foreign-request.ts";
import { elementsOf } from "./tensor-bytes.ts";

/** Fields of the messages that have tensors. */
const FIELD = { tensors: 5, rawRequest: 7, rawResponse: 6 } as const;
const TENSOR = { name: 1, datatype: 2, shape: 3, contents: 5 } as const;
/** Fields of `InferTensorContents` that are numbers, and how one is read. */
const CONTENTS: Readonly<Record<number, (reader: protobuf.Reader) => number>> = {
  1: (reader) => (reader.bool() ? 1 : 0),
  2: (reader) => reader.int32(),
  3: (reader) => Number(reader.int64()),
  4: (reader) => reader.uint32(),
  5: (reader) => Number(reader.uint64()),
  6: (reader) => reader.float(),
  7: (reader) => reader.double(),
};
const LENGTH_DELIMITED = 2;
const MAXIMUM_TENSORS = 1_024;
const MAXIMUM_DIMENSIONS = 32;

interface TensorMessage {
  name: string;
  datatype: string;
  readonly shape: number[];
  contents: Uint8Array | undefined;
}

/**
 * Reads the tensors with these names.
 *
 * @throws {Error} when the bytes are no such message.
 */
export function readGrpcTensors(
  message: Uint8Array,
  from: "inputs" | "outputs",
  names: ReadonlySet<string>,
): ReadTensors {
  const tensors: TensorMessage[] = [];
  const raw: Uint8Array[] = [];
  const rawField = from === "inputs" ? FIELD.rawRequest : FIELD.rawResponse;
  readFields(message, (field, wire, reader) => {
    if (wire !== LENGTH_DELIMITED || (field !== FIELD.tensors && field !== rawField)) return false;
    if (field === FIELD.tensors) tensors.push(tensorOf(reader.bytes()));
    else raw.push(reader.bytes());
    if (tensors.length > MAXIMUM_TENSORS || raw.length > MAXIMUM_TENSORS)
      throw new Error("expected fewer tensors");
    return true;
  });
  const read = tensors.flatMap(({ name, datatype, shape, contents }, index) => {
    if (!names.has(name)) return [];
    const bytes = raw[index];
    if (bytes !== undefined) return [{ name, datatype, shape, elements: elementsOf(datatype, bytes) }];
    return [{ name, datatype: "FP64", shape, elements: contents === undefined ? [] : numbersOf(contents) }];
  });
  return { tensors: read, rows: tensors[0]?.shape[0] ?? 1 };
}

/**
 * The first dimension of the first input of a request of which only the beginning is there; undefined where that does not
 * tell it. Clients write a shape before its numbers.
 */
export function readGrpcRows(head: Uint8Array): number | undefined {
  const reader = protobuf.Reader.create(head);
  try {
    while (reader.pos < reader.len) {
      const tag = reader.uint32();
      if (tag >>> 3 === FIELD.tensors && (tag & 7) === LENGTH_DELIMITED) {
        const length = reader.uint32();
        return firstDimension(head.subarray(reader.pos, reader.pos + length));
      }
      reader.skipType(tag & 7);
    }
  } catch {
    // It is cut off before it tells.
  }
  return undefined;
}

function firstDimension(bytes: Uint8Array): number | undefined {
  const reader = protobuf.Reader.create(bytes);
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag >>> 3 === TENSOR.shape) {
      const shape: number[] = [];
      readNumbers(reader, tag & 7, dimensionOf, shape, MAXIMUM_DIMENSIONS);
      if (shape.length > 0) return shape[0];
    } else reader.skipType(tag & 7);
  }
  return undefined;
}

function tensorOf(bytes: Uint8Array): TensorMessage {
  const tensor: TensorMessage = { name: "", datatype: "", shape: [], contents: undefined };
  readFields(bytes, (field, wire, reader) => {
    if (field === TENSOR.shape) {
      readNumbers(reader, wire, dimensionOf, tensor.shape, MAXIMUM_DIMENSIONS);
      return true;
    }
    if (wire !== LENGTH_DELIMITED) return false;
    if (field === TENSOR.name) tensor.name = reader.string();
    else if (field === TENSOR.datatype) tensor.datatype = reader.string();
    else if (field === TENSOR.contents) tensor.contents = reader.bytes();
    else return false;
    return true;
  });
  return tensor;
}

function dimensionOf(reader: protobuf.Reader): number {
  const dimension = Number(reader.int64());
  if (Number.isSafeInteger(dimension) && dimension >= 0) return dimension;
  throw new Error("expected a shape");
}

function numbersOf(contents: Uint8Array): readonly number[] {
  const numbers: number[] = [];
  readFields(contents, (field, wire, reader) => {
    const read = CONTENTS[field];
    if (read === undefined) return false;
    // A byte of the message is at most one number.
    readNumbers(reader, wire, read, numbers, contents.length);
    return true;
  });
  return numbers;
}

/** One number, or many of them with their length in front. */
function readNumbers(
  reader: protobuf.Reader,
  wire: number,
  read: (reader: protobuf.Reader) => number,
  into: number[],
  maximum: number,
): void {
  const packed = wire === LENGTH_DELIMITED ? protobuf.Reader.create(reader.bytes()) : undefined;
  if (packed === undefined) into.push(read(reader));
  else while (packed.pos < packed.len && into.length <= maximum) into.push(read(packed));
  if (into.length > maximum) throw new Error("expected fewer numbers");
}

/** Reads all fields; those that `take` does not know are skipped. */
function readFields(
  bytes: Uint8Array,
  take: (field: number, wire: number, reader: protobuf.Reader) => boolean,
): void {
  const reader = protobuf.Reader.create(bytes);
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (!take(tag >>> 3, tag & 7, reader)) reader.skipType(tag & 7);
  }
}
