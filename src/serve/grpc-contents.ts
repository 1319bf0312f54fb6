/**
 * The typed contents of a gRPC tensor (`InferTensorContents`), read into elements of its datatype.
 *
 * The elements are counted on the wire first: nothing is allocated for contents that do not fit the shape.
 */
import protobuf from "protobufjs/light.js";
import { type ContentsField, type Elements, FORMATS } from "./datatype.ts";
import { lengthTag, readFields } from "./grpc-infer-request.ts";
import { invalidArgument } from "./serve-error.ts";
import { decodeText, elementCount, formatShape, type Tensor } from "./tensor.ts";

/** A repeated field: its wire type when an element comes by itself, and how to read a number of it. */
interface Field {
  readonly id: number;
  readonly wireType: 0 | 1 | 2 | 5;
  /** Of integers of 64 bits and of bytes it reads nothing of use. */
  readonly readNumber: (reader: protobuf.Reader) => number;
}

const FIELDS: { readonly [F in ContentsField]: Field } = {
  boolContents: { id: 1, wireType: 0, readNumber: (reader) => (reader.bool() ? 1 : 0) },
  intContents: { id: 2, wireType: 0, readNumber: (reader) => reader.int32() },
  int64Contents: { id: 3, wireType: 0, readNumber: () => Number.NaN },
  uintContents: { id: 4, wireType: 0, readNumber: (reader) => reader.uint32() },
  uint64Contents: { id: 5, wireType: 0, readNumber: () => Number.NaN },
  fp32Contents: { id: 6, wireType: 5, readNumber: (reader) => reader.float() },
  fp64Contents: { id: 7, wireType: 1, readNumber: (reader) => reader.double() },
  bytesContents: { id: 8, wireType: 2, readNumber: () => Number.NaN },
};

const NAMES = Object.entries(FIELDS).map(([name, { id }]) => ({ name, id }));
const FIELDS_BY_TAG = new Map(
  Object.values(FIELDS).map((field) => [(field.id << 3) | field.wireType, field]),
);
/** Numbers may also come packed: many of them behind one length. */
const PACKED_BY_TAG = new Map(
  Object.values(FIELDS)
    .filter(({ wireType }) => wireType !== 2)
    .map((field) => [lengthTag(field.id), field]),
);

/** Whether any field of the contents has an element. */
export function hasElements(parts: readonly Uint8Array[]): boolean {
  return countElements(parts).some((count) => count > 0);
}

/**
 * Reads the elements of an input whose shape was checked.
 *
 * @throws {ServeError} InvalidArgument, naming `where`; {Error} of the reader when the bytes are no contents.
 */
export function decodeContents(
  { datatype, shape }: Pick<Tensor, "datatype" | "shape">,
  parts: readonly Uint8Array[],
  where: string,
): Elements {
  const format = FORMATS[datatype];
  if (format.contentsField === undefined) {
    throw invalidArgument(`${where}: contents cannot carry ${datatype}: send it in raw_input_contents`);
  }
  const field = FIELDS[format.contentsField];
  const counts = countElements(parts);
  const other = NAMES.find(({ id }) => id !== field.id && (counts[id] ?? 0) > 0);
  if (other !== undefined) {
    throw invalidArgument(
      `${where}: expected ${datatype} in ${format.contentsField} of the contents, got ${other.name}`,
    );
  }
  const count = elementCount(shape);
  const found = counts[field.id] ?? 0;
  if (found !== count) {
    throw invalidArgument(
      `${where}: expected ${count} elements in ${format.contentsField} for shape ${formatShape(shape)}, got ${found}`,
    );
  }
  if (format.kind === "text") {
    const texts: string[] = [];
    readElements(parts, field, count, (reader, index) =>
      texts.push(decodeText(reader.bytes(), index, where)),
    );
    return texts;
  }
  const elements = format.allocate(count);
  if (format.kind === "bigint") {
    // As pairs of 32 bits: a BigInt for each element costs more than reading it.
    const words = new Int32Array(elements.buffer);
    readElements(parts, field, count, (reader, index) => {
      const { low, high } = reader.int64();
      words[2 * index] = low;
      words[2 * index + 1] = high;
    });
    return elements;
  }
  readElements(parts, field, count, (reader, index) => {
    const number = field.readNumber(reader);
    if (format.kind === "integer" && (number < format.minimum || number > format.maximum)) {
      throw invalidArgument(`${where}: expected ${datatype}, got ${number} at element ${index}`);
    }
    elements[index] = number;
  });
  return elements;
}

/** How many elements each field has, by its number. */
function countElements(parts: readonly Uint8Array[]): readonly number[] {
  const counts = [0, 0, 0, 0, 0, 0, 0, 0, 0];
  for (const part of parts) {
    readFields(part, (tag, reader) => {
      const packed = PACKED_BY_TAG.get(tag);
      const field = packed ?? FIELDS_BY_TAG.get(tag);
      if (field === undefined) {
        return false;
      }
      let count = 1;
      if (packed === undefined) {
        reader.skipType(field.wireType);
      } else {
        count = packedCount(reader.bytes(), field);
      }
      counts[field.id] = (counts[field.id] ?? 0) + count;
      return true;
    });
  }
  return counts;
}

function packedCount(bytes: Uint8Array, { wireType }: Field): number {
  if (wireType !== 0) {
    const size = wireType === 5 ? 4 : 8;
    if (bytes.length % size !== 0) {
      throw new RangeError(`expected packed numbers of ${size} bytes, got ${bytes.length} bytes`);
    }
    return bytes.length / size;
  }
  let count = 0;
  for (let index = 0; index < bytes.length; index++) {
    // The last byte of a varint is below 128.
    if ((bytes[index] ?? 0) < 0x80) count++;
  }
  return count;
}

/** Reads the `count` elements of a field, alone or packed. */
function readElements(
  parts: readonly Uint8Array[],
  field: Field,
  count: number,
  read: (reader: protobuf.Reader, index: number) => void,
): void {
  let index = 0;
  const next = (reader: protobuf.Reader) => {
    // A number of more bytes than one can have makes the reader lose its place.
    if (index >= count) {
      throw new RangeError(`expected ${count} elements, got more`);
    }
    read(reader, index);
    index++;
  };
  for (const part of parts) {
    readFields(part, (tag, reader) => {
      if (PACKED_BY_TAG.get(tag) === field) {
        const packed = protobuf.Reader.create(reader.bytes());
        while (packed.pos < packed.len) {
          next(packed);
        }
        return true;
      }
      if (FIELDS_BY_TAG.get(tag) !== field) {
        return false;
      }
      next(reader);
      return true;
    });
  }
  if (index !== count) {
    throw new RangeError(`expected ${count} elements, got ${index}`);
  }
}
