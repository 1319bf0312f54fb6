import { describe, expect, test } from "@jest/globals";
import { type PendingRun, RunQueue } from "./run-queue.ts";
import { ServeError } from "./serve-error.ts";
import type { Tensor } from "./tensor.ts";

interface Options {
  readonly rows?: number;
  readonly width?: number;
  readonly arrived?: number;
  readonly deadline?: number;
  readonly isCancelled?: boolean;
}

/** A run with the errors that it was rejected with. */
function pending({ rows = 1, width = 1, arrived = 0, deadline = 1_000, isCancelled = false }: Options = {}) {
  const input: Tensor = {
    name: "x",
    datatype: "FP32",
    shape: [rows, width],
    elements: new Float32Array(rows * width),
  };
  const errors: unknown[] = [];
  const run: PendingRun = {
    run: {
      inputs: [input],
      outputs: ["y"],
      deadlineMilliseconds: deadline,
      isCancelled: () => isCancelled,
    },
    arrivedMilliseconds: arrived,
    sentMilliseconds: 0,
    isExpired: false,
    isAlone: false,
    resolve: () => {},
    reject: (error) => errors.push(error),
  };
  return { run, errors };
}

function queueOf(batching: { maximumRows: number; delay?: number } | undefined, ...runs: Options[]) {
  const queue = new RunQueue(
    batching === undefined
      ? undefined
      : { maximumRows: batching.maximumRows, maximumDelayMilliseconds: batching.delay ?? 0 },
  );
  const all = runs.map(pending);
  for (const { run } of all) queue.push(run);
  return { queue, all, sizes: () => sizesOf(queue) };
}

/** Takes everything and gives the rows of each run, batch by batch. */
function sizesOf(queue: RunQueue): (number | undefined)[][] {
  const sizes: (number | undefined)[][] = [];
  for (let batch = queue.take(); batch.length > 0; batch = queue.take()) {
    sizes.push(batch.map(({ run }) => run.inputs[0]?.shape[0]));
  }
  return sizes;
}

describe("what goes together", () => {
  test.each<[string, { maximumRows: number } | undefined, Options[], number[][]]>([
    ["nothing without batching", undefined, [{}, {}], [[1], [1]]],
    ["up to the most rows", { maximumRows: 3 }, [{}, {}, {}, {}], [[1, 1, 1], [1]]],
    ["by rows, not by requests", { maximumRows: 5 }, [{ rows: 3 }, { rows: 2 }, { rows: 1 }], [[3, 2], [1]]],
    ["never more rows than allowed", { maximumRows: 4 }, [{ rows: 3 }, { rows: 2 }], [[3], [2]]],
    ["an oversize request alone", { maximumRows: 4 }, [{}, { rows: 9 }, {}], [[1], [9], [1]]],
    ["only what fits, in order", { maximumRows: 9 }, [{}, { width: 2 }, {}], [[1], [1], [1]]],
  ])("%s", (_what, batching, runs, expected) => {
    expect(queueOf(batching, ...runs).sizes()).toEqual(expected);
  });

  test("a batch that failed is taken apart, before what came later", () => {
    const { queue } = queueOf({ maximumRows: 9 }, { rows: 1 }, { rows: 2 });
    const batch = queue.take();
    queue.push(pending({ rows: 3 }).run);
    queue.putBackAlone(batch);
    expect(sizesOf(queue)).toEqual([[1], [2], [3]]);
  });
});

describe("patience", () => {
  test.each<[string, { maximumRows: number; delay?: number } | undefined, Options[], number, number]>([
    ["is none without batching", undefined, [{}], 0, 0],
    ["is none without a delay", { maximumRows: 4 }, [{}], 0, 0],
    [
      "lasts until the oldest has waited",
      { maximumRows: 4, delay: 10 },
      [{ arrived: 5 }, { arrived: 8 }],
      9,
      6,
    ],
    ["is over when it has", { maximumRows: 4, delay: 10 }, [{ arrived: 5 }], 20, 0],
    ["is none for a full batch", { maximumRows: 2, delay: 10 }, [{}, {}], 0, 0],
    ["is none when the next does not fit", { maximumRows: 4, delay: 10 }, [{}, { width: 2 }], 0, 0],
    ["is none with nothing to send", { maximumRows: 4, delay: 10 }, [], 0, 0],
  ])("%s", (_what, batching, runs, now, expected) => {
    expect(queueOf(batching, ...runs).queue.patienceMilliseconds(now)).toBe(expected);
  });
});

test("runs whose client went away are dropped, wherever they wait, and told", () => {
  const { queue, all, sizes } = queueOf(
    { maximumRows: 9 },
    { isCancelled: true },
    { rows: 2 },
    { isCancelled: true },
    { rows: 3 },
  );
  queue.dropCancelled();
  expect(all.map(({ errors }) => errors.length)).toEqual([1, 0, 1, 0]);
  expect(all[0]?.errors[0]).toBeInstanceOf(ServeError);
  expect(sizes()).toEqual([[2, 3]]);
});

test("runs whose time is over are taken out, and the next deadline is known", () => {
  const { queue, all } = queueOf(undefined, { deadline: 30 }, { deadline: 10 }, { deadline: 20 });
  expect(queue.nextDeadlineMilliseconds()).toBe(10);
  expect(queue.takeExpired(20)).toEqual([all[1]?.run, all[2]?.run]);
  expect(queue.nextDeadlineMilliseconds()).toBe(30);
  expect(queue.takeAll()).toEqual([all[0]?.run]);
  expect(queue.nextDeadlineMilliseconds()).toBe(Number.POSITIVE_INFINITY);
});
