/**
 * Numbers out of the binary form of a tensor, as the Open Inference Protocol has it over REST and gRPC: one element
 * after another, little-endian.
 */

type Numbers = ArrayLike<number | bigint>;

/** How the elements of each datatype lie in memory. Half-precision ones are bits; BYTES are no numbers. */
const DATATYPES: Readonly<
  Record<string, { readonly bytes: number; readonly view: (buffer: ArrayBuffer) => Numbers }>
> = {
  BOOL: { bytes: 1, view: (buffer) => new Uint8Array(buffer) },
  UINT8: { bytes: 1, view: (buffer) => new Uint8Array(buffer) },
  UINT16: { bytes: 2, view: (buffer) => new Uint16Array(buffer) },
  UINT32: { bytes: 4, view: (buffer) => new Uint32Array(buffer) },
  UINT64: { bytes: 8, view: (buffer) => new BigUint64Array(buffer) },
  INT8: { bytes: 1, view: (buffer) => new Int8Array(buffer) },
  INT16: { bytes: 2, view: (buffer) => new Int16Array(buffer) },
  INT32: { bytes: 4, view: (buffer) => new Int32Array(buffer) },
  INT64: { bytes: 8, view: (buffer) => new BigInt64Array(buffer) },
  FP16: { bytes: 2, view: (buffer) => new Uint16Array(buffer) },
  FP32: { bytes: 4, view: (buffer) => new Float32Array(buffer) },
  FP64: { bytes: 8, view: (buffer) => new Float64Array(buffer) },
};

/** The elements in these bytes; none of a datatype that has no numbers. What is less than an element is left out. */
export function elementsOf(datatype: string, bytes: Uint8Array): Numbers {
  const format = Object.hasOwn(DATATYPES, datatype) ? DATATYPES[datatype] : undefined;
  if (format === undefined) return [];
  // A copy: the bytes lie anywhere in what came.
  const own = new Uint8Array(bytes.length - (bytes.length % format.bytes));
  own.set(bytes.subarray(0, own.length));
  return format.view(own.buffer);
}
