import { expect, test } from "@jest/globals";
import { checkIndependentRows } from "./independent-rows.ts";
import type { ModelSignature } from "./model-signature.ts";
import type { Tensor } from "./tensor.ts";

const SIGNATURE: ModelSignature = {
  inputs: [{ name: "x", datatype: "FP32", shape: ["batch", "n"] }],
  outputs: [{ name: "y", datatype: "FP32", shape: ["batch"] }],
};

/** A model over the rows of `x`. */
function model(rowsToScores: (rows: readonly (readonly number[])[]) => readonly number[]) {
  return async ([x]: readonly Tensor[]): Promise<Tensor[]> => {
    const [rows = 0, width = 0] = x?.shape ?? [];
    const values = Array.from<unknown, number>(x?.elements ?? [], Number);
    const list = Array.from({ length: rows }, (_, row) => values.slice(row * width, (row + 1) * width));
    const scores = Float64Array.from(rowsToScores(list));
    return [{ name: "y", datatype: "FP64", shape: [scores.length], elements: scores }];
  };
}

const sum = (row: readonly number[]) => row.reduce((total, value) => total + value, 0);

test.each<[string, Parameters<typeof model>[0]]>([
  ["scores each row by itself", (rows) => rows.map(sum)],
  ["differs by less than the tolerance", (rows) => rows.map((row) => sum(row) + rows.length * 1e-7)],
  ["gives NaN for some rows", (rows) => rows.map((row) => Math.log(sum(row)))],
])("a model that %s has independent rows", async (_what, rowsToScores) => {
  await expect(checkIndependentRows(SIGNATURE, 4, model(rowsToScores))).resolves.toBeUndefined();
});

test.each<[string, Parameters<typeof model>[0], RegExp]>([
  [
    "takes the mean over the batch",
    (rows) => rows.map((row) => sum(row) - sum(rows.map(sum)) / rows.length),
    /the rows depend on each other: output "y" is .* for a request alone and .* together with another/,
  ],
  [
    "differs by more than the tolerance",
    (rows) => rows.map((row) => sum(row) + rows.length * 1e-4),
    /depend on each other/,
  ],
  [
    "gives infinity for many rows",
    (rows) => rows.map((row) => (rows.length > 3 ? Number.POSITIVE_INFINITY : sum(row))),
    /depend on each other/,
  ],
  ["counts the batch", (rows) => rows.map(() => rows.length), /depend on each other/],
  ["gives one answer for all", () => [1], /cannot be checked.*|depend/],
  [
    "fails on more than three rows",
    (rows) => {
      if (rows.length > 3) throw new Error("too many");
      return rows.map(sum);
    },
    /^independentRows is stated, but cannot be checked$/,
  ],
])("a model that %s does not load", async (_what, rowsToScores, message) => {
  await expect(checkIndependentRows(SIGNATURE, 4, model(rowsToScores))).rejects.toThrow(message);
});

/** A model whose one output is these bits of FP16, alone and together. */
function halfModel(alone: number, together: number) {
  return async ([x]: readonly Tensor[]): Promise<Tensor[]> => {
    const rows = x?.shape[0] ?? 0;
    const elements = new Uint16Array(rows).fill(rows > 3 ? together : alone);
    return [{ name: "y", datatype: "FP16", shape: [rows], elements }];
  };
}

test.each([
  ["one", 0x3c00, 0x3c02],
  ["around a power of two", 0x3fff, 0x4000],
  ["zero of either sign", 0x0000, 0x8000],
  ["the smallest of either sign", 0x0001, 0x8001],
  ["NaN of other bits", 0x7e00, 0xfe01],
])("FP16 may differ in its last digits: %s", async (_what, alone, together) => {
  await expect(checkIndependentRows(SIGNATURE, 4, halfModel(alone, together))).resolves.toBeUndefined();
});

test.each<[string, number, number, RegExp]>([
  ["more", 0x3c00, 0x3c04, /is 1 for a request alone and 1.00390625 together with another, more than 0.002/],
  ["the sign", 0x3c00, 0xbc00, /is 1 for a request alone and -1 together/],
  ["infinity", 0x7bff, 0x7c00, /is 65504 for a request alone and Infinity together/],
])("FP16 must agree but for that: %s", async (_what, alone, together, message) => {
  await expect(checkIndependentRows(SIGNATURE, 4, halfModel(alone, together))).rejects.toThrow(message);
});

test("a model with a first dimension of a fixed size does not load", async () => {
  const fixed: ModelSignature = {
    ...SIGNATURE,
    outputs: [{ name: "y", datatype: "FP32", shape: [1, 2] }],
  };
  await expect(
    checkIndependentRows(
      fixed,
      4,
      model(() => []),
    ),
  ).rejects.toThrow(
    'independentRows is stated, but "y" has the shape [1,2]: batching needs a first dimension of any size',
  );
});

test("the values that a model is judged by are always the same, of every datatype", async () => {
  const signature: ModelSignature = {
    inputs: (["BOOL", "INT8", "UINT64", "FP16", "FP32", "FP64", "BYTES"] as const).map((datatype) => ({
      name: datatype,
      datatype,
      shape: ["batch", 2],
    })),
    outputs: [{ name: "y", datatype: "FP32", shape: ["batch"] }],
  };
  const judge = async () => {
    const seen: unknown[] = [];
    await checkIndependentRows(signature, 1, async (inputs) => {
      seen.push(...inputs.map(({ elements }) => Array.from<unknown>(elements)));
      const rows = inputs[0]?.shape[0] ?? 0;
      return [{ name: "y", datatype: "FP32", shape: [rows], elements: new Float32Array(rows) }];
    });
    return seen;
  };
  const seen = await judge();
  expect(await judge()).toEqual(seen);
  expect(
    new Set(
      seen.map((values) => JSON.stringify(values, (_key, v) => (typeof v === "bigint" ? String(v) : v))),
    ).size,
  ).toBeGreaterThan(20);
});
