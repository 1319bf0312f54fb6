/**
 * Tensors for tests: values at the edges of every datatype, and arbitrary ones for properties.
 */
import fc from "fast-check";
import { DATATYPES, type Datatype, type Elements, FORMATS } from "../datatype.ts";
import { elementCount, type Tensor } from "../tensor.ts";

/** Values at the edges of each datatype, none of which any encoding may change. */
export const EDGES: { readonly [D in Datatype]: Elements } = {
  BOOL: Uint8Array.of(0, 1),
  UINT8: Uint8Array.of(0, 0xff),
  UINT16: Uint16Array.of(0, 0xffff),
  UINT32: Uint32Array.of(0, 0xffff_ffff),
  UINT64: BigUint64Array.of(0n, 2n ** 53n + 1n, 2n ** 64n - 1n),
  INT8: Int8Array.of(-0x80, 0x7f),
  INT16: Int16Array.of(-0x8000, 0x7fff),
  INT32: Int32Array.of(-0x8000_0000, 0x7fff_ffff),
  INT64: BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n, 9_007_199_254_740_993n, -1n),
  FP16: Uint16Array.of(0x3c00, 0xc000, 0x7c00),
  FP32: Float32Array.of(0, 1.5, Math.fround(0.1), 3.4028234663852886e38, 1e-45, -1),
  FP64: Float64Array.of(0, 0.1, Number.MAX_VALUE, Number.MIN_VALUE, -1, 2 ** 60),
  BYTES: ["", "a", "é中😀", '"\\\n'],
};

/** The tensor of one dimension with the edge values of a datatype. */
export function edgeTensor(datatype: Datatype, name = "x"): Tensor {
  const elements = EDGES[datatype];
  return { name, datatype, shape: [elements.length], elements };
}

/** Elements as a plain list, for comparison: tensors of another thread have other array constructors. */
export function listOf(elements: Elements): (number | bigint | string)[] {
  return Array.from<number | bigint | string>(elements);
}

/** Any small tensor of any datatype with finite values. */
export function tensorArbitrary(datatypes: readonly Datatype[] = DATATYPES): fc.Arbitrary<Tensor> {
  const shape = fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 });
  return fc
    .tuple(fc.constantFrom(...datatypes), shape, fc.string({ minLength: 1 }))
    .chain(([datatype, dims, name]) =>
      elementsArbitrary(datatype, elementCount(dims)).map((elements) => ({
        name,
        datatype,
        shape: dims,
        elements,
      })),
    );
}

function elementsArbitrary(datatype: Datatype, count: number): fc.Arbitrary<Elements> {
  const format = FORMATS[datatype];
  const exactly = { minLength: count, maxLength: count };
  const noZero = fc.string({ unit: "grapheme" }).map((text) => text.replaceAll("\0", ""));
  switch (format.kind) {
    case "text":
      return fc.array(noZero, exactly);
    case "bigint":
      return fc
        .array(fc.bigInt({ min: format.minimum, max: format.maximum }), exactly)
        .map((values) => fill(format.allocate(count), values));
    case "integer":
      return fc
        .array(fc.integer({ min: format.minimum, max: format.maximum }), exactly)
        .map((values) => fill(format.allocate(count), values));
    case "boolean":
      return fc
        .array(fc.integer({ min: 0, max: 1 }), exactly)
        .map((values) => fill(format.allocate(count), values));
    case "bits":
      return fc
        .array(fc.integer({ min: 0, max: 0xffff }), exactly)
        .map((values) => fill(format.allocate(count), values));
    case "float": {
      const finite = { noNaN: true, noDefaultInfinity: true };
      const value = datatype === "FP32" ? fc.float(finite) : fc.double(finite);
      // JSON writes -0 as 0.
      return fc.array(value, exactly).map((values) =>
        fill(
          format.allocate(count),
          values.map((v) => v + 0),
        ),
      );
    }
  }
}

function fill<T, A extends { [index: number]: T }>(elements: A, values: readonly T[]): A {
  for (const [index, value] of values.entries()) {
    Object.assign(elements, { [index]: value });
  }
  return elements;
}
