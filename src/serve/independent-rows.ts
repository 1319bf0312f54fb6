/**
 * The proof, at load, that the rows of a model do not depend on each other: for random inputs A and B, the
 * model on the rows of both together must give what it gives on each.
 *
 * A model that mixes rows (a mean over the batch, a ranking within it) would give one user an answer that
 * depends on who else asked at that moment. So one that fails this does not load: the statement
 * `independentRows: true` is wrong, and nobody should learn that from the predictions.
 */
import { halfPrecision } from "../tap/half-precision.ts";
import { type Elements, FORMATS } from "./datatype.ts";
import { type ModelSignature, metadataShape, type TensorSignature } from "./model-signature.ts";
import { joinRows, splitRows, tensorWithoutRows } from "./row-batch.ts";
import { elementCount, formatShape, type Tensor } from "./tensor.ts";

/** Rows of the two inputs that are joined: different, and neither is one, which some models treat apart. */
const ROWS = [2, 3] as const;
/** Pairs that are tried, each of other values. */
const TRIALS = 3;
/** Largest difference between two numbers that count as equal, relative to the larger of them and 1. */
const TOLERANCE = 1e-5;
/** The same for FP16, whose neighbours are up to 0.001 apart: two of them. */
const HALF_TOLERANCE = 2e-3;
/** Seed of the values: the same model is always judged by the same inputs. */
const SEED = 0x9e37_79b9;

/**
 * Checks the rows of a model. `freeSize` is the size of its dimensions of any size but the first.
 *
 * @throws {Error} when the rows depend on each other, or when that cannot be told.
 */
export async function checkIndependentRows(
  signature: ModelSignature,
  freeSize: number,
  run: (inputs: readonly Tensor[]) => Promise<readonly Tensor[]>,
): Promise<void> {
  const without = tensorWithoutRows(signature);
  if (without !== undefined) {
    throw new Error(
      `independentRows is stated, but ${JSON.stringify(without.name)} has the shape ${formatShape(metadataShape(without))}: batching needs a first dimension of any size`,
    );
  }
  const random = xorshift(SEED);
  for (let trial = 0; trial < TRIALS; trial++) {
    const parts = ROWS.map((rows) =>
      signature.inputs.map((input) => randomTensor(input, rows, freeSize, random)),
    );
    let apart: (readonly Tensor[])[];
    let together: readonly Tensor[][];
    try {
      apart = [];
      for (const inputs of parts) {
        apart.push(await run(inputs));
      }
      together = splitRows(await run(joinRows(parts)), ROWS);
    } catch (error) {
      throw new Error("independentRows is stated, but cannot be checked", { cause: error });
    }
    for (const [index, outputs] of apart.entries()) {
      requireSame(outputs, together[index] ?? []);
    }
  }
}

function requireSame(apart: readonly Tensor[], together: readonly Tensor[]): void {
  for (const [index, { name, datatype, elements }] of apart.entries()) {
    const others = together[index]?.elements ?? [];
    const isHalf = FORMATS[datatype].kind === "bits";
    const tolerance = isHalf ? HALF_TOLERANCE : TOLERANCE;
    for (let element = 0; element < Math.max(elements.length, others.length); element++) {
      const both = [elements[element], others[element]];
      const [alone, joined] = isHalf ? both.map(halfValue) : both;
      if (!isSame(alone, joined, tolerance)) {
        throw new Error(
          `independentRows is stated, but the rows depend on each other: output ${JSON.stringify(name)} is ${String(alone)} for a request alone and ${String(joined)} together with another, more than ${tolerance} apart`,
        );
      }
    }
  }
}

type Element = number | bigint | string | undefined;

function isSame(a: Element, b: Element, tolerance: number): boolean {
  if (typeof a !== "number" || typeof b !== "number") {
    return a === b;
  }
  // Object.is, so that NaN is the same as NaN; == , so that -0 is the same as 0.
  if (Object.is(a, b) || a === b) {
    return true;
  }
  const difference = Math.abs(a - b);
  // Of infinity, any tolerance that is relative to it is infinite too.
  return Number.isFinite(difference) && difference <= tolerance * Math.max(1, Math.abs(a), Math.abs(b));
}

/** The number that the bits of a half-precision one stand for. */
function halfValue(bits: Element): Element {
  return typeof bits === "number" ? halfPrecision(bits) : bits;
}

function randomTensor(
  { name, datatype, shape }: TensorSignature,
  rows: number,
  freeSize: number,
  random: () => number,
): Tensor {
  const sizes = shape.map((size, axis) => (typeof size === "number" ? size : axis === 0 ? rows : freeSize));
  const count = elementCount(sizes);
  return { name, datatype, shape: sizes, elements: randomElements(datatype, count, random) };
}

/** Small values: integers are often indexes, so they are 0 or 1. */
function randomElements(datatype: Tensor["datatype"], count: number, random: () => number): Elements {
  const format = FORMATS[datatype];
  if (format.kind === "text") {
    return Array.from({ length: count }, () => (random() < 0.5 ? "a" : "b"));
  }
  if (format.kind === "bigint") {
    const elements = format.allocate(count);
    for (let index = 0; index < count; index++) {
      elements[index] = BigInt(Math.round(random()));
    }
    return elements;
  }
  const elements = format.allocate(count);
  for (let index = 0; index < count; index++) {
    elements[index] = randomNumber(format.kind, random);
  }
  return elements;
}

function randomNumber(kind: "float" | "bits" | "integer" | "boolean", random: () => number): number {
  switch (kind) {
    case "float":
      return random() * 2 - 1;
    case "bits":
      // 1 to 2, as half-precision bits: an exponent of 0 and any fraction.
      return 0x3c00 + Math.floor(random() * 0x400);
    case "integer":
    case "boolean":
      return Math.round(random());
  }
}

/** Numbers from 0 to below 1, the same for the same seed. */
function xorshift(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
