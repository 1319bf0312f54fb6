import { afterEach, describe, expect, jest, test } from "@jest/globals";
import { type Clock, systemClock } from "../core/clock.ts";
import type { Run } from "./executor.ts";
import type { Tensor } from "./tensor.ts";
import { modelDirectory, type TinyModel, tinyModelFile } from "./testdata/server.ts";
import { listOf } from "./testdata/tensors.ts";
import { WorkerExecutor, type WorkerExecutorOptions } from "./worker-executor.ts";

jest.setTimeout(60_000);

const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) {
    await cleanup();
  }
});

function executor(model: TinyModel, overrides: Partial<WorkerExecutorOptions> = {}) {
  const directory = modelDirectory(tinyModelFile(model));
  const lost: Error[] = [];
  const executor = new WorkerExecutor({
    worker: { modelDirectory: directory.path, executionProvider: "cpu", intraOpThreads: 1 },
    maximumQueuedRuns: 4,
    runTimeoutMilliseconds: 20_000,
    clock: systemClock,
    hangGraceMilliseconds: 60_000,
    onModelLost: (error) => lost.push(error),
    ...overrides,
  });
  cleanups.push(() => executor.stop(), directory.remove);
  return { executor, lost };
}

/** About 4 ms for each thousand steps. */
function steps(count: number, isCancelled = () => false): Run {
  const input: Tensor = {
    name: "steps",
    datatype: "INT64",
    shape: [],
    elements: BigInt64Array.of(BigInt(count)),
  };
  return { inputs: [input], outputs: ["sum"], isCancelled };
}

function outcome(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => "done",
    (error: unknown) => error,
  );
}

describe("loading", () => {
  test("gives the signature of the model", async () => {
    const { signature } = await executor("gather").executor.load();
    expect(signature).toEqual({
      inputs: [
        { name: "table", datatype: "FP32", shape: ["rows", 3] },
        { name: "index", datatype: "INT64", shape: ["n"] },
      ],
      outputs: [
        { name: "picked", datatype: "FP32", shape: ["n", 3] },
        { name: "count", datatype: "INT64", shape: [] },
      ],
    });
  });

  test("warms up with a larger input where the smallest fails", async () => {
    const { executor: wide } = executor("wide");
    await wide.load();
    const samples: Tensor = {
      name: "samples",
      datatype: "FP32",
      shape: [1, 8],
      elements: new Float32Array(8).fill(3),
    };
    const { outputs } = await wide.run({ inputs: [samples], outputs: ["average"], isCancelled: () => false });
    expect(listOf(outputs[0]?.elements ?? [])).toEqual([3]);
  });

  test("of a broken file fails with the reason of ONNX Runtime, and loses nothing that was never there", async () => {
    const { executor: broken, lost } = executor("truncated");
    await expect(broken.load()).rejects.toThrow(
      /Load model from .*model\.onnx failed:Protobuf parsing failed/,
    );
    await expect(broken.run(steps(1))).rejects.toMatchObject({ reason: "NotReady" });
    await broken.stop();
    expect(lost).toEqual([]);
  });

  test("from an empty directory fails", async () => {
    const { executor: empty } = executor("mlp", {
      worker: { modelDirectory: import.meta.dirname, executionProvider: "cpu", intraOpThreads: 1 },
    });
    await expect(empty.load()).rejects.toThrow(
      /expected model.onnx or one other .onnx file in .*, found none/,
    );
  });

  test("is stopped at any time", async () => {
    const { executor: loading } = executor("mlp");
    const loaded = outcome(loading.load());
    expect(await loading.stop()).toBe(true);
    await loaded;
    await expect(loading.run(steps(1))).rejects.toMatchObject({ reason: "NotReady" });
  });
});

describe("running", () => {
  test("is first in, first out", async () => {
    const { executor: slow } = executor("slow");
    await slow.load();
    const order: number[] = [];
    await Promise.all(
      [2_000, 1, 1_000, 2, 3].map((count) => slow.run(steps(count)).then(() => order.push(count))),
    );
    expect(order).toEqual([2_000, 1, 1_000, 2, 3]);
    expect(slow.pendingRuns).toBe(0);
  });

  test("refuses at once when the queue is full, and takes on again when it has room", async () => {
    const { executor: slow } = executor("slow");
    await slow.load();
    const accepted = Array.from({ length: 6 }, () => slow.run(steps(5_000)));
    expect(slow.pendingRuns).toBe(6);
    await expect(slow.run(steps(1))).rejects.toMatchObject({ reason: "Overloaded" });
    await Promise.all(accepted);
    await slow.run(steps(1));
  });

  test("drops a waiting run whose client went away, and such runs make room in a full queue", async () => {
    const { executor: slow } = executor("slow");
    await slow.load();
    let isGone = false;
    const busy = [slow.run(steps(5_000)), slow.run(steps(5_000))];
    const waiting = Array.from({ length: 4 }, () => outcome(slow.run(steps(1_000_000_000, () => isGone))));
    await expect(slow.run(steps(1))).rejects.toMatchObject({ reason: "Overloaded" });
    isGone = true;
    await slow.run(steps(1));
    expect(await Promise.all(waiting)).toEqual(
      waiting.map(() => expect.objectContaining({ reason: "RequestTimeout" })),
    );
    await Promise.all(busy);
  });

  test("ends what waits too long as overload and what runs too long as a passed deadline", async () => {
    const { executor: slow } = executor("slow", { runTimeoutMilliseconds: 60 });
    await slow.load();
    const runs = Array.from({ length: 4 }, () => outcome(slow.run(steps(100_000))));
    const reasons = (await Promise.all(runs)).map((error) =>
      error instanceof Error && "reason" in error ? error.reason : error,
    );
    expect(reasons).toEqual(["DeadlineExceeded", "DeadlineExceeded", "Overloaded", "Overloaded"]);
  });

  test("tells an input that the model fails on from a model that fails", async () => {
    const { executor: gather } = executor("gather");
    await gather.load();
    const run = (index: bigint): Run => ({
      inputs: [
        { name: "table", datatype: "FP32", shape: [2, 3], elements: new Float32Array(6) },
        { name: "index", datatype: "INT64", shape: [1], elements: BigInt64Array.of(index) },
      ],
      outputs: ["count"],
      isCancelled: () => false,
    });
    await expect(gather.run(run(7n))).rejects.toMatchObject({
      reason: "InvalidArgument",
      message: expect.stringMatching(/the model fails on this input: .*idx=7/),
    });
    expect(listOf((await gather.run(run(1n))).outputs[0]?.elements ?? [])).toEqual([1n]);
  });

  test("loses a model that fails on its warm-up input too, once, and answers all that waits", async () => {
    const { executor: brittle, lost } = executor("brittle");
    await brittle.load();
    const value: Tensor = { name: "value", datatype: "FP32", shape: [1], elements: Float32Array.of(1) };
    const run = () => brittle.run({ inputs: [value], outputs: ["same"], isCancelled: () => false });
    const failures = await Promise.all(Array.from({ length: 4 }, () => outcome(run())));
    expect(failures).toEqual(failures.map(() => expect.objectContaining({ reason: "Internal" })));
    expect(lost).toEqual([
      expect.objectContaining({
        message: expect.stringMatching(/^the model fails, on its warm-up input too: .*idx=1/),
      }),
    ]);
    await expect(run()).rejects.toMatchObject({ reason: "NotReady" });
    expect(await brittle.stop()).toBe(true);
    expect(lost).toHaveLength(1);
  });

  test("loses a model that hangs: one run far past its time, not a queue of slow ones", async () => {
    const limits = { runTimeoutMilliseconds: 600, hangGraceMilliseconds: 600 };
    const { executor: slow, lost } = executor("slow", limits);
    await slow.load();
    // The last of these is done later than the limit after it came, but each run alone keeps it.
    await Promise.all(Array.from({ length: 6 }, () => outcome(slow.run(steps(100_000)))));
    expect(lost).toEqual([]);
    const start = performance.now();
    const hung = outcome(slow.run(steps(2_000_000)));
    expect(await hung).toMatchObject({ reason: "DeadlineExceeded" });
    const behind = outcome(slow.run(steps(1)));
    expect(await behind).toMatchObject({ reason: expect.stringMatching(/^(Internal|DeadlineExceeded)$/) });
    while (lost.length === 0 && performance.now() - start < 20_000) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect(lost).toEqual([
      expect.objectContaining({ message: "the model hangs: one run gave no answer within 1200 ms" }),
    ]);
    await expect(slow.run(steps(1))).rejects.toMatchObject({ reason: "NotReady" });
    expect(await slow.stop()).toBe(false);
    while (!(await slow.stop())) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(lost).toHaveLength(1);
  });

  test("fails what is pending when it is stopped, and everything after", async () => {
    const { executor: slow, lost } = executor("slow");
    await slow.load();
    const runs = Array.from({ length: 4 }, () => outcome(slow.run(steps(1_000))));
    await slow.stop();
    expect(await Promise.all(runs)).toEqual(runs.map(() => expect.objectContaining({ reason: "NotReady" })));
    await expect(slow.run(steps(1))).rejects.toMatchObject({ reason: "NotReady" });
    await slow.stop();
    expect(lost).toEqual([]);
  });

  test("leaves the main thread free", async () => {
    const { executor: slow } = executor("slow");
    const gaps: number[] = [];
    let last = performance.now();
    const timer = setInterval(() => {
      gaps.push(performance.now() - last);
      last = performance.now();
    }, 2);
    cleanups.push(() => clearInterval(timer));
    await slow.load();
    await slow.run(steps(100_000));
    expect(gaps.length).toBeGreaterThan(20);
    // A run of some 400 ms on this thread would be one gap of that length.
    expect(Math.max(...gaps)).toBeLessThan(200);
  });

  test("arms no timer while nothing is pending", async () => {
    let timers = 0;
    const clock: Clock = {
      ...systemClock,
      schedule: (delay, callback) => {
        timers++;
        const done = () => {
          timers--;
          callback();
        };
        const cancel = systemClock.schedule(delay, done);
        return () => {
          timers--;
          cancel();
        };
      },
    };
    const { executor: slow } = executor("slow", { clock, runTimeoutMilliseconds: 20 });
    await slow.load();
    await slow.run(steps(1));
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(timers).toBe(0);
  });
});
