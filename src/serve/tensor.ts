/**
 * Tensors as the server holds them between a codec and the model, and their binary form: the elements one
 * after another, little-endian, BYTES each with its length in front (the binary tensor extension of the
 * protocol, and gRPC's raw contents).
 *
 * Every tensor owns its memory: a view into a received buffer would be misaligned, and sending it to a worker
 * would copy the whole buffer behind it. Sizes are checked before anything is allocated.
 */
import { type Datatype, type Elements, FORMATS } from "./datatype.ts";
import { invalidArgument, quoted } from "./serve-error.ts";

/** A named tensor: `elements` in row-major order, as many as the product of `shape`. */
export interface Tensor {
  readonly name: string;
  readonly datatype: Datatype;
  readonly shape: readonly number[];
  readonly elements: Elements;
}

/** Bounds on the tensors of a request. */
export interface TensorLimits {
  readonly maximumDimensions: number;
  readonly maximumElements: number;
  /** Elements of all BYTES tensors together: they cost far more than their bytes. */
  readonly maximumTexts: number;
}

const BYTES_LENGTH_SIZE = 4;
/** A fatal decoder: text that is not UTF-8 cannot be given to the model unchanged. */
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Reads a shape and gives it with the number of its elements.
 *
 * @throws {ServeError} InvalidArgument, naming `where`, when it is no list of sizes or beyond a limit.
 */
export function parseShape(
  value: unknown,
  datatype: Datatype,
  limits: TensorLimits,
  where: string,
): readonly number[] {
  if (!Array.isArray(value)) {
    throw invalidArgument(`${where}: expected "shape" to be a list of integers, got ${quoted(value)}`);
  }
  const dimensions: readonly unknown[] = value;
  if (dimensions.length > limits.maximumDimensions) {
    throw invalidArgument(
      `${where}: expected a shape of at most ${limits.maximumDimensions} dimensions, got ${dimensions.length}`,
    );
  }
  const shape = dimensions.map((dimension, axis) => {
    if (typeof dimension !== "number" || !Number.isSafeInteger(dimension) || dimension < 0) {
      throw invalidArgument(
        `${where}: expected "shape" to be a list of integers from 0, got ${quoted(dimension)} at dimension ${axis}`,
      );
    }
    return dimension;
  });
  // Of all BYTES tensors together it is asked again, see requireFewTexts; but the texts of a JSON input are read before
  // the shape of the next one is known.
  const maximum = datatype === "BYTES" ? limits.maximumTexts : limits.maximumElements;
  let product = 1;
  for (const dimension of shape) {
    // Each size counts by itself too, so that a zero elsewhere does not hide an absurd one.
    product = Math.max(dimension, product * dimension);
    if (product > maximum) {
      throw invalidArgument(
        `${where}: expected at most ${maximum} elements of ${datatype}, got shape ${formatShape(shape)}`,
      );
    }
  }
  return shape;
}

/**
 * Refuses inputs whose BYTES tensors together have too many elements.
 *
 * @throws {ServeError} InvalidArgument.
 */
export function requireFewTexts(
  inputs: readonly Pick<Tensor, "datatype" | "shape">[],
  { maximumTexts }: TensorLimits,
): void {
  let texts = 0;
  for (const { datatype, shape } of inputs) {
    if (datatype === "BYTES") texts += elementCount(shape);
  }
  if (texts > maximumTexts) {
    throw invalidArgument(`expected at most ${maximumTexts} elements of BYTES in all inputs, got ${texts}`);
  }
}

/** Number of elements of a shape that was checked before. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, dimension) => product * dimension, 1);
}

/** A shape as people read it: `[2,3]`. */
export function formatShape(shape: readonly number[]): string {
  return `[${shape.join(",")}]`;
}

/**
 * Reads the binary form of a tensor into memory of its own.
 *
 * @throws {ServeError} InvalidArgument, naming `where`, when the bytes are not exactly that many valid elements.
 */
export function decodeBinaryElements(
  datatype: Datatype,
  shape: readonly number[],
  bytes: Uint8Array,
  where: string,
): Elements {
  const format = FORMATS[datatype];
  const count = elementCount(shape);
  if (format.kind === "text") {
    return decodeBinaryTexts(count, bytes, where);
  }
  const expected = count * format.bytesPerElement;
  if (bytes.byteLength !== expected) {
    throw invalidArgument(
      `${where}: expected ${expected} bytes for ${datatype} of shape ${formatShape(shape)}, got ${bytes.byteLength}`,
    );
  }
  const elements = format.allocate(count);
  new Uint8Array(elements.buffer).set(bytes);
  if (format.kind === "boolean") {
    const index = bytes.findIndex((byte) => byte > 1);
    if (index >= 0) {
      throw invalidArgument(
        `${where}: expected BOOL bytes of 0 or 1, got ${bytes[index]} at element ${index}`,
      );
    }
  }
  return elements;
}

/** Writes the binary form of a tensor. */
export function encodeBinaryElements({ elements }: Pick<Tensor, "elements">): Buffer {
  if (ArrayBuffer.isView(elements)) {
    return Buffer.from(elements.buffer, elements.byteOffset, elements.byteLength);
  }
  const size = elements.reduce((sum, text) => sum + BYTES_LENGTH_SIZE + Buffer.byteLength(text), 0);
  const bytes = Buffer.allocUnsafe(size);
  let offset = 0;
  for (const text of elements) {
    const length = bytes.write(text, offset + BYTES_LENGTH_SIZE);
    bytes.writeUInt32LE(length, offset);
    offset += BYTES_LENGTH_SIZE + length;
  }
  return bytes;
}

/**
 * Checks one text of a BYTES tensor. ONNX strings are UTF-8, and onnxruntime-node cuts a string at a NUL, so
 * text with one would reach the model changed.
 *
 * @throws {ServeError} InvalidArgument, naming `where` and the element.
 */
export function checkText(text: string, index: number, where: string): string {
  if (text.includes("\0")) {
    throw invalidArgument(`${where}: expected BYTES without a NUL character, got one at element ${index}`);
  }
  if (!text.isWellFormed()) {
    throw invalidArgument(
      `${where}: expected BYTES of well-formed Unicode, got a lone surrogate at element ${index}`,
    );
  }
  return text;
}

/** Reads the bytes of one text; see {@link checkText}. */
export function decodeText(bytes: Uint8Array, index: number, where: string): string {
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    throw invalidArgument(`${where}: expected BYTES of UTF-8, got other bytes at element ${index}`);
  }
  return checkText(text, index, where);
}

function decodeBinaryTexts(count: number, bytes: Uint8Array, where: string): string[] {
  if (bytes.byteLength < count * BYTES_LENGTH_SIZE) {
    throw invalidArgument(
      `${where}: expected at least ${count * BYTES_LENGTH_SIZE} bytes for ${count} BYTES elements, got ${bytes.byteLength}`,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const texts: string[] = [];
  let offset = 0;
  for (let index = 0; index < count; index++) {
    const start = offset + BYTES_LENGTH_SIZE;
    const end = start <= bytes.byteLength ? start + view.getUint32(offset, true) : Number.POSITIVE_INFINITY;
    if (end > bytes.byteLength) {
      throw invalidArgument(
        `${where}: BYTES element ${index} of ${count} goes beyond the ${bytes.byteLength} bytes`,
      );
    }
    texts.push(decodeText(bytes.subarray(start, end), index, where));
    offset = end;
  }
  if (offset !== bytes.byteLength) {
    throw invalidArgument(
      `${where}: expected ${offset} bytes for ${count} BYTES elements, got ${bytes.byteLength}`,
    );
  }
  return texts;
}
