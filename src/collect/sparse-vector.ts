/**
 * Numbers of which many are zero, as they are stored: a bit for each that says whether it is not, then those that are not.
 */

const NUMBER_BYTES = 8;

/** The stored form. */
export function encodeSparse(vector: Float64Array): Uint8Array {
  const maskBytes = Math.ceil(vector.length / 8);
  const bytes = Buffer.alloc(maskBytes + vector.length * NUMBER_BYTES);
  let end = maskBytes;
  for (let index = 0; index < vector.length; index++) {
    const value = vector[index] ?? 0;
    if (value === 0) continue;
    bytes[index >> 3] = (bytes[index >> 3] ?? 0) | (1 << (index & 7));
    end = bytes.writeDoubleLE(value, end);
  }
  return bytes.subarray(0, end);
}

/** Adds stored numbers to others, as many as were stored. */
export function addSparse(into: Float64Array, bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = Math.ceil(into.length / 8);
  for (let index = 0; index < into.length; index++) {
    if (((bytes[index >> 3] ?? 0) & (1 << (index & 7))) === 0) continue;
    into[index] = (into[index] ?? 0) + view.getFloat64(at, true);
    at += NUMBER_BYTES;
  }
}
