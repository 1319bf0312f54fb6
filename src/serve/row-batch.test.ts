import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { fitTogether, joinRows, rowCount, splitRows, tensorWithoutRows } from "./row-batch.ts";
import type { Tensor } from "./tensor.ts";
import { listOf, tensorArbitrary } from "./testdata/tensors.ts";

function floats(name: string, shape: readonly number[], ...elements: number[]): Tensor {
  return { name, datatype: "FP32", shape, elements: Float32Array.from(elements) };
}

describe("rows", () => {
  test("are those of all inputs, if they agree", () => {
    expect(rowCount({ inputs: [floats("a", [2, 1], 1, 2), floats("b", [2], 1, 2)] })).toBe(2);
    expect(rowCount({ inputs: [floats("a", [2], 1, 2), floats("b", [1], 1)] })).toBeUndefined();
    expect(rowCount({ inputs: [floats("a", [], 1)] })).toBeUndefined();
  });

  test("come back apart as they were joined, of every datatype", () => {
    fc.assert(
      fc.property(
        tensorArbitrary().filter(({ shape }) => shape.length > 0),
        fc.integer({ min: 1, max: 4 }),
        (tensor, times) => {
          const requests = Array.from({ length: times }, () => [tensor]);
          const [joined] = joinRows(requests);
          expect(joined?.shape).toEqual([(tensor.shape[0] ?? 0) * times, ...tensor.shape.slice(1)]);
          const parts = splitRows(
            joined === undefined ? [] : [joined],
            requests.map((inputs) => rowCount({ inputs }) ?? 0),
          );
          expect(parts).toHaveLength(times);
          for (const [part] of parts) {
            expect({ ...part, elements: listOf(part?.elements ?? []) }).toEqual({
              ...tensor,
              elements: listOf(tensor.elements),
            });
          }
        },
      ),
    );
  });

  test("keep their order, each request its own", () => {
    const joined = joinRows([[floats("x", [1, 2], 1, 2)], [floats("x", [2, 2], 3, 4, 5, 6)]]);
    expect(joined).toEqual([floats("x", [3, 2], 1, 2, 3, 4, 5, 6)]);
    const parts = splitRows([floats("y", [3], 10, 20, 30)], [1, 2]);
    expect(parts).toEqual([[floats("y", [1], 10)], [floats("y", [2], 20, 30)]]);
  });

  test("are not told apart in an output of another size", () => {
    expect(() => splitRows([floats("y", [2], 1, 2)], [1, 2])).toThrow(
      'output "y": expected 3 rows as went in, got 2',
    );
    expect(() => splitRows([floats("y", [], 1)], [1])).toThrow("got none");
  });
});

describe("requests fit together", () => {
  const run = (inputs: readonly Tensor[], outputs: readonly string[] = ["y"]) => ({ inputs, outputs });
  const one = run([floats("x", [1, 2], 1, 2)]);

  test.each<[string, ReturnType<typeof run>, boolean]>([
    ["with other rows", run([floats("x", [2, 2], 1, 2, 3, 4)]), true],
    ["with no rows", run([floats("x", [0, 2])]), true],
    ["with a longer row", run([floats("x", [1, 3], 1, 2, 3)]), false],
    ["with another rank", run([floats("x", [1], 1)]), false],
    ["with another input", run([floats("z", [1, 2], 1, 2)]), false],
    ["with one more input", run([...one.inputs, floats("z", [1], 1)]), false],
    ["with other outputs", run(one.inputs, ["z"]), false],
    ["with more outputs", run(one.inputs, ["y", "z"]), false],
  ])("%s: %#", (_what, other, fits) => {
    expect(fitTogether(one, other)).toBe(fits);
    expect(fitTogether(other, one)).toBe(fits);
  });
});

test("a model has rows when the first dimension of each input and output is of any size", () => {
  const rows = { name: "a", datatype: "FP32", shape: ["batch", 2] } as const;
  const fixed = { name: "b", datatype: "FP32", shape: [1, 2] } as const;
  expect(tensorWithoutRows({ inputs: [rows], outputs: [rows] })).toBeUndefined();
  expect(tensorWithoutRows({ inputs: [rows], outputs: [fixed] })).toBe(fixed);
  expect(tensorWithoutRows({ inputs: [{ ...rows, shape: [] }], outputs: [rows] })).toMatchObject({
    shape: [],
  });
});
