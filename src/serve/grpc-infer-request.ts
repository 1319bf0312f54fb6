/**
 * Reads the bytes of a `ModelInferRequest` without making an object of each part: two bytes can be an empty tensor
 * or an empty entry of a map, and a message of the largest size is millions of them. So what is repeated is counted
 * as it is read and refused at its bound, of parameters only those that mean something are kept, and the contents
 * of a tensor stay bytes until its datatype and shape are known.
 *
 * A field of another wire type than its own is one that is not known, and is skipped.
 */
import protobuf from "protobufjs/light.js";
import { MAXIMUM_TENSORS, TIMEOUT_PARAMETER, UNSUPPORTED_PARAMETERS } from "./inference.ts";
import { invalidArgument } from "./serve-error.ts";

/** Values by name of the parameters that the server knows; the others are let pass. */
export type KnownParameters = ReadonlyMap<string, unknown>;

/** `InferInputTensor` or `InferRequestedOutput`. */
export interface TensorMessage {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
  readonly parameters: KnownParameters;
  /** The bytes of `InferTensorContents`: one part for each time that the field is there, mostly one. */
  readonly contents: readonly Uint8Array[];
}

/** `ModelInferRequest`. */
export interface InferRequestMessage {
  readonly modelName: string;
  readonly modelVersion: string;
  readonly id: string;
  readonly parameters: KnownParameters;
  readonly inputs: readonly TensorMessage[];
  readonly outputs: readonly Pick<TensorMessage, "name" | "parameters">[];
  readonly rawInputContents: readonly Uint8Array[];
}

/** Reads one field of the tag and gives true, or gives false for one that it does not know. */
export type ReadField = (tag: number, reader: protobuf.Reader) => boolean;

/** Entries of all maps of parameters together. */
const MAXIMUM_PARAMETERS = 4_096;
const KNOWN_PARAMETERS = new Set([...UNSUPPORTED_PARAMETERS, TIMEOUT_PARAMETER]);

/** The tag of a field that is a varint. */
export function varintTag(id: number): number {
  return id << 3;
}

/** The tag of a field with its length in front: text, bytes, a message, or packed numbers. */
export function lengthTag(id: number): number {
  return (id << 3) | 2;
}

const REQUEST = {
  modelName: lengthTag(1),
  modelVersion: lengthTag(2),
  id: lengthTag(3),
  parameters: lengthTag(4),
  inputs: lengthTag(5),
  outputs: lengthTag(6),
  rawInputContents: lengthTag(7),
} as const;
const INPUT = {
  name: lengthTag(1),
  datatype: lengthTag(2),
  shape: varintTag(3),
  packedShape: lengthTag(3),
  parameters: lengthTag(4),
  contents: lengthTag(5),
} as const;
const OUTPUT = { name: lengthTag(1), parameters: lengthTag(2) } as const;
const ENTRY = { key: lengthTag(1), value: lengthTag(2) } as const;
const PARAMETER = {
  bool: varintTag(1),
  int64: varintTag(2),
  string: lengthTag(3),
  double: (4 << 3) | 1,
  uint64: varintTag(5),
} as const;

/**
 * Reads a message.
 *
 * @throws {ServeError} InvalidArgument when there is more of something than may be; {Error} of the reader when the
 *   bytes are no such message.
 */
export function readInferRequest(bytes: Uint8Array, maximumDimensions: number): InferRequestMessage {
  let modelName = "";
  let modelVersion = "";
  let id = "";
  const parameters = new ParameterReader();
  const ofRequest = new Map<string, unknown>();
  const inputs: TensorMessage[] = [];
  const outputs: InferRequestMessage["outputs"][number][] = [];
  const rawInputContents: Uint8Array[] = [];
  readFields(bytes, (tag, reader) => {
    switch (tag) {
      case REQUEST.modelName:
        modelName = reader.string();
        return true;
      case REQUEST.modelVersion:
        modelVersion = reader.string();
        return true;
      case REQUEST.id:
        id = reader.string();
        return true;
      case REQUEST.parameters:
        parameters.read(reader.bytes(), ofRequest);
        return true;
      case REQUEST.inputs:
        requireRoom(inputs, "inputs");
        inputs.push(readInput(reader.bytes(), maximumDimensions, parameters));
        return true;
      case REQUEST.outputs:
        requireRoom(outputs, "outputs");
        outputs.push(readOutput(reader.bytes(), parameters));
        return true;
      case REQUEST.rawInputContents:
        requireRoom(rawInputContents, "raw_input_contents");
        rawInputContents.push(reader.bytes());
        return true;
      default:
        return false;
    }
  });
  return { modelName, modelVersion, id, parameters: ofRequest, inputs, outputs, rawInputContents };
}

/** Reads the fields of a message one after another, and skips those that `read` does not know. */
export function readFields(bytes: Uint8Array, read: ReadField): void {
  const reader = protobuf.Reader.create(bytes);
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (!read(tag, reader)) {
      reader.skipType(tag & 7);
    }
  }
}

function readInput(
  bytes: Uint8Array,
  maximumDimensions: number,
  parameterReader: ParameterReader,
): TensorMessage {
  let name = "";
  let datatype = "";
  const shape: number[] = [];
  const parameters = new Map<string, unknown>();
  const contents: Uint8Array[] = [];
  const readDimension = (reader: protobuf.Reader) => {
    if (shape.length >= maximumDimensions) {
      throw invalidArgument(`expected a shape of at most ${maximumDimensions} dimensions, got more`);
    }
    // Beyond 2^53 it is not exact, and then too large anyway.
    shape.push(Number(reader.int64()));
  };
  readFields(bytes, (tag, reader) => {
    switch (tag) {
      case INPUT.name:
        name = reader.string();
        return true;
      case INPUT.datatype:
        datatype = reader.string();
        return true;
      case INPUT.shape:
        readDimension(reader);
        return true;
      case INPUT.packedShape: {
        const packed = protobuf.Reader.create(reader.bytes());
        while (packed.pos < packed.len) {
          readDimension(packed);
        }
        return true;
      }
      case INPUT.parameters:
        parameterReader.read(reader.bytes(), parameters);
        return true;
      case INPUT.contents:
        requireRoom(contents, "contents of an input");
        contents.push(reader.bytes());
        return true;
      default:
        return false;
    }
  });
  return { name, datatype, shape, parameters, contents };
}

function readOutput(
  bytes: Uint8Array,
  parameterReader: ParameterReader,
): InferRequestMessage["outputs"][number] {
  let name = "";
  const parameters = new Map<string, unknown>();
  readFields(bytes, (tag, reader) => {
    switch (tag) {
      case OUTPUT.name:
        name = reader.string();
        return true;
      case OUTPUT.parameters:
        parameterReader.read(reader.bytes(), parameters);
        return true;
      default:
        return false;
    }
  });
  return { name, parameters };
}

/** Reads the entries of the maps of one message, and counts them. */
class ParameterReader {
  #entries = 0;

  read(bytes: Uint8Array, into: Map<string, unknown>): void {
    this.#entries++;
    if (this.#entries > MAXIMUM_PARAMETERS) {
      throw invalidArgument(`expected at most ${MAXIMUM_PARAMETERS} parameters, got more`);
    }
    let key = "";
    let value: Uint8Array | undefined;
    readFields(bytes, (tag, reader) => {
      switch (tag) {
        case ENTRY.key:
          key = reader.string();
          return true;
        case ENTRY.value:
          value = reader.bytes();
          return true;
        default:
          return false;
      }
    });
    if (KNOWN_PARAMETERS.has(key)) {
      into.set(key, value === undefined ? undefined : parameterValue(value));
    }
  }
}

/** The one value of an `InferParameter`; undefined when it has none. */
function parameterValue(bytes: Uint8Array): unknown {
  let value: unknown;
  readFields(bytes, (tag, reader) => {
    switch (tag) {
      case PARAMETER.bool:
        value = reader.bool();
        return true;
      case PARAMETER.int64:
        value = Number(reader.int64());
        return true;
      case PARAMETER.string:
        value = reader.string();
        return true;
      case PARAMETER.double:
        value = reader.double();
        return true;
      case PARAMETER.uint64:
        value = Number(reader.uint64());
        return true;
      default:
        return false;
    }
  });
  return value;
}

function requireRoom(list: readonly unknown[], what: string): void {
  if (list.length >= MAXIMUM_TENSORS) {
    throw invalidArgument(`expected at most ${MAXIMUM_TENSORS} ${what}, got more`);
  }
}
