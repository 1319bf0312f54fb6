/**
 * Writes an ONNX model of any size: one product with a matrix of zeros. Its fields are written by number, as
 * `onnx.proto` has them.
 */
import { writeFileSync } from "node:fs";

const FLOAT = 1;

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 0x7f) {
    bytes.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  return Buffer.from([...bytes, rest]);
}

function number(field: number, value: number): Buffer {
  return Buffer.concat([varint(field * 8), varint(value)]);
}

function bytes(field: number, ...parts: readonly (Buffer | string)[]): Buffer {
  const body = Buffer.concat(parts.map((part) => (typeof part === "string" ? Buffer.from(part) : part)));
  return Buffer.concat([varint(field * 8 + 2), varint(body.length), body]);
}

/** An input or output of FP32 with the shape [batch, size]. */
function valueInfo(field: number, name: string, size: number): Buffer {
  const shape = bytes(2, bytes(1, bytes(2, "batch")), bytes(1, number(1, size)));
  return bytes(field, bytes(1, name), bytes(2, bytes(1, number(1, FLOAT), shape)));
}

/** Writes a model with a matrix of about that many bytes. */
export function writeLargeModel(path: string, sizeBytes: number): void {
  const size = Math.floor(Math.sqrt(sizeBytes / Float32Array.BYTES_PER_ELEMENT));
  const weights = Buffer.alloc(size * size * Float32Array.BYTES_PER_ELEMENT);
  const graph = bytes(
    7,
    bytes(1, bytes(1, "x"), bytes(1, "w"), bytes(2, "y"), bytes(4, "MatMul")),
    bytes(2, "large"),
    bytes(5, number(1, size), number(1, size), number(2, FLOAT), bytes(8, "w"), bytes(9, weights)),
    valueInfo(11, "x", size),
    valueInfo(12, "y", size),
  );
  writeFileSync(path, Buffer.concat([number(1, 8), graph, bytes(8, number(2, 17))]));
}
