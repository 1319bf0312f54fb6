import { join } from "node:path";
import { afterEach, describe, expect, jest, test } from "@jest/globals";
import { VirtualClock } from "../../test/memory-cluster/virtual-clock.ts";
import { type Clock, systemClock } from "../core/clock.ts";
import type { Run } from "./executor.ts";
import type { Tensor } from "./tensor.ts";
import { modelDirectory, type TinyModel, tinyModelFile } from "./testdata/server.ts";
import { listOf } from "./testdata/tensors.ts";
import { WorkerExecutor, type WorkerExecutorOptions } from "./worker-executor.ts";

// A busy machine takes its own time.
jest.setTimeout(120_000);

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
    worker: {
      modelFile: join(directory.path, "model.onnx"),
      executionProvider: "CPU",
      intraOpThreads: 1,
    },
    batching: undefined,
    maximumQueuedRuns: 4,
    // Tests of this limit have their own.
    runTimeoutMilliseconds: 100_000,
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
  return { inputs: [input], outputs: ["sum"], deadlineMilliseconds: Number.POSITIVE_INFINITY, isCancelled };
}

function runOf(inputs: readonly Tensor[], outputs: readonly string[]): Run {
  return { inputs, outputs, deadlineMilliseconds: Number.POSITIVE_INFINITY, isCancelled: () => false };
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
    const { outputs } = await wide.run(runOf([samples], ["average"]));
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
    const run = (index: bigint): Run =>
      runOf(
        [
          { name: "table", datatype: "FP32", shape: [2, 3], elements: new Float32Array(6) },
          { name: "index", datatype: "INT64", shape: [1], elements: BigInt64Array.of(index) },
        ],
        ["count"],
      );
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
    const run = () => brittle.run(runOf([value], ["same"]));
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
    const clock = new VirtualClock();
    const limits = { clock, runTimeoutMilliseconds: 600, hangGraceMilliseconds: 600 };
    const { executor: slow, lost } = executor("slow", limits);
    await slow.load();
    // The second of two is done later than the limit after both came, but each run alone keeps it.
    const [first, second] = [outcome(slow.run(steps(1))), outcome(slow.run(steps(1)))];
    await clock.advance(500);
    await first;
    await clock.advance(500);
    await second;
    while (slow.pendingRuns > 0) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await clock.advance(500);
    expect(lost).toEqual([]);
    // Longer on any machine than the instructions between here and the end of the virtual time.
    const hung = outcome(slow.run(steps(500_000)));
    await clock.advance(600);
    expect(await hung).toMatchObject({ reason: "DeadlineExceeded" });
    const behind = outcome(slow.run(steps(1)));
    expect(lost).toEqual([]);
    await clock.advance(600);
    expect(lost).toEqual([
      expect.objectContaining({ message: "the model hangs: one run gave no answer within 1200 ms" }),
    ]);
    expect(await behind).toMatchObject({ reason: "Internal" });
    await expect(slow.run(steps(1))).rejects.toMatchObject({ reason: "NotReady" });
    expect(await slow.stop()).toBe(false);
    // The thread comes back in the end, and nothing is lost twice.
    while (!(await slow.stop())) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(lost).toHaveLength(1);
  });

  test("ends a run at its own deadline, where that is the earlier one", async () => {
    const clock = new VirtualClock();
    const { executor: slow } = executor("slow", { clock, runTimeoutMilliseconds: 600 });
    await slow.load();
    const runs = [400, 700, 300].map((deadlineMilliseconds, index) =>
      outcome(slow.run({ ...steps(index === 0 ? 200_000 : 1), deadlineMilliseconds })),
    );
    await clock.advance(300);
    expect(await runs[2]).toMatchObject({
      reason: "Overloaded",
      message: expect.stringMatching(/^waited 300 ms in the queue/),
    });
    await clock.advance(100);
    expect(await runs[0]).toMatchObject({
      reason: "DeadlineExceeded",
      message: expect.stringMatching(/within 400 ms$/),
    });
    await clock.advance(200);
    expect(await runs[1]).toMatchObject({
      reason: "DeadlineExceeded",
      message: expect.stringMatching(/within 600 ms$/),
    });
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
    await slow.load();
    let turns = 0;
    // Seldom, for the longer a busy machine takes, the more of its turns there are.
    const timer = setInterval(() => turns++, 20);
    cleanups.push(() => clearInterval(timer));
    const [whole, own] = [process.cpuUsage(), process.threadCpuUsage()];
    await slow.run(steps(100_000));
    expect(turns).toBeGreaterThan(0);
    const sum = ({ user, system }: NodeJS.CpuUsage) => user + system;
    const ofThisThread = sum(process.threadCpuUsage(own)) / sum(process.cpuUsage(whole));
    // CPU time and no wall clock: on a busy machine this thread may stand still for reasons of others.
    expect(ofThisThread).toBeLessThan(0.25);
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
    const { executor: slow } = executor("slow", { clock, runTimeoutMilliseconds: 2_000 });
    await slow.load();
    await slow.run(steps(1));
    // The timer of the run may still go off once; one that is armed again and again never lets this end.
    while (timers > 0) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(timers).toBe(0);
  });
});

describe("batching", () => {
  const batching = { maximumRows: 8, maximumDelayMilliseconds: 0 };

  /** A run of the model `mlp` with the same features in each row. */
  function rows(count: number, feature: number): Run {
    const elements = new Float32Array(count * 4).fill(feature);
    return runOf([{ name: "features", datatype: "FP32", shape: [count, 4], elements }], ["score"]);
  }

  test("joins what waits, and gives each request its own rows", async () => {
    const { executor: mlp } = executor("mlp", { batching, maximumQueuedRuns: 100 });
    await mlp.load();
    const alone: (number | bigint | string)[] = [];
    for (let feature = 0; feature < 12; feature++) {
      alone.push(...listOf((await mlp.run(rows(1, feature / 10))).outputs[0]?.elements ?? []));
    }
    const together = await Promise.all(
      alone.map((_, feature) => mlp.run(rows(1 + (feature % 3), feature / 10))),
    );
    for (const [feature, { outputs }] of together.entries()) {
      const scores = listOf(outputs[0]?.elements ?? []);
      expect(outputs[0]?.shape).toEqual([1 + (feature % 3), 1]);
      for (const score of scores) {
        expect(score).toBeCloseTo(Number(alone[feature]), 5);
      }
    }
    const executions = together.reduce((sum, result) => sum + result.executions, 0);
    // The first two found the worker idle; the other ten, of 21 rows, fit into four batches.
    expect(executions).toBeLessThanOrEqual(6);
    expect(executions).toBeGreaterThanOrEqual(4);
  });

  test("runs a request of more rows alone", async () => {
    const { executor: mlp } = executor("mlp", { batching, maximumQueuedRuns: 100 });
    await mlp.load();
    const results = await Promise.all([20, 1, 20, 1].map((count) => mlp.run(rows(count, 1))));
    expect(results.map(({ outputs, executions }) => [outputs[0]?.shape[0], executions])).toEqual([
      [20, 1],
      [1, 1],
      [20, 1],
      [1, 1],
    ]);
  });

  test("waits for others while the model is busy, never while it is idle, and never longer than the delay", async () => {
    const clock = new VirtualClock();
    const { executor: mlp } = executor("mlp", {
      clock,
      batching: { maximumRows: 3, maximumDelayMilliseconds: 50 },
    });
    await mlp.load();
    expect((await mlp.run(rows(1, 1))).executions).toBe(1);
    const first = mlp.run(rows(1, 1));
    const second = mlp.run(rows(1, 1));
    const third = mlp.run(rows(1, 1));
    // In virtual time the delay does not pass by itself: the idle worker gets the first, then, idle again, both others.
    const results = await Promise.all([first, second, third]);
    expect(results.map(({ executions }) => executions)).toEqual([1, 1, 0]);
  });

  test("does not load a model that mixes rows", async () => {
    const { executor: centered, lost } = executor("centered", { batching });
    await expect(centered.load()).rejects.toThrow(
      /^independentRows is stated, but the rows depend on each other: output "centered" is /,
    );
    expect(lost).toEqual([]);
  });

  test("lets one bad request of a batch fail alone", async () => {
    const { executor: wide } = executor("wide", { batching, maximumQueuedRuns: 100 });
    await wide.load();
    const run = (width: number) =>
      runOf(
        [{ name: "samples", datatype: "FP32", shape: [1, width], elements: new Float32Array(width).fill(2) }],
        ["average"],
      );
    // Those of a width of 1 fail, together as alone; the first two find the worker idle.
    const outcomes = await Promise.all([9, 9, 1, 1, 8].map((width) => outcome(wide.run(run(width)))));
    expect(outcomes).toEqual([
      "done",
      "done",
      expect.objectContaining({ reason: "InvalidArgument" }),
      expect.objectContaining({ reason: "InvalidArgument" }),
      "done",
    ]);
  });
});
