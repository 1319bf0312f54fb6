import { afterEach, describe, expect, jest, test } from "@jest/globals";
import { VirtualClock } from "../../test/memory-cluster/virtual-clock.ts";
import type { Run } from "./executor.ts";
import { InlineRunner, isLight } from "./inline-runner.ts";
import { InlineSession } from "./inline-session.ts";
import type { ModelSignature } from "./model-signature.ts";
import type { ModelCost } from "./model-worker-message.ts";
import type { Batching } from "./row-batch.ts";
import type { Tensor } from "./tensor.ts";
import { type TinyModel, tinyModelFile } from "./testdata/server.ts";
import { listOf } from "./testdata/tensors.ts";

const COST: ModelCost = { createMilliseconds: 1, runMilliseconds: 0.01, warmUpSize: 1, warmUpElements: 4 };

const cleanups: (() => unknown)[] = [];

afterEach(() => {
  jest.restoreAllMocks();
});

afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

const SIGNATURES: Partial<Record<TinyModel, ModelSignature>> = {
  mlp: {
    inputs: [{ name: "features", datatype: "FP32", shape: ["batch", 4] }],
    outputs: [{ name: "score", datatype: "FP32", shape: ["batch", 1] }],
  },
  brittle: {
    inputs: [{ name: "value", datatype: "FP32", shape: ["n"] }],
    outputs: [{ name: "same", datatype: "FP32", shape: ["n"] }],
  },
};

/** A clock and a CPU that a test moves during a run: the runner reads the time before and after it. */
class Times {
  readonly clock = new VirtualClock();
  wallMilliseconds = 0;
  cpuMilliseconds = 0;
  /** What each reading of the time, and of the CPU, adds. */
  step = { wall: 0, cpu: 0 };
}

interface RunnerSettings {
  readonly batching?: Batching;
  readonly cost?: ModelCost;
  readonly maximumQueuedRuns?: number;
}

function runner(model: TinyModel, { batching, cost = COST, maximumQueuedRuns = 100 }: RunnerSettings = {}) {
  const times = new Times();
  const lost: Error[] = [];
  const clock = {
    ...times.clock,
    now: () => 0,
    schedule: () => () => {},
    monotonic: () => {
      times.wallMilliseconds += times.step.wall;
      return times.wallMilliseconds;
    },
  };
  const signature = SIGNATURES[model] ?? { inputs: [], outputs: [] };
  const inline = InlineRunner.load(
    { modelFile: tinyModelFile(model), executionProvider: "CPU", intraOpThreads: 1 },
    { signature, cost, loadMilliseconds: 1, placement: "Worker" },
    {
      batching,
      maximumQueuedRuns,
      clock,
      cpuMilliseconds: () => {
        times.cpuMilliseconds += times.step.cpu;
        return times.cpuMilliseconds;
      },
      onModelLost: (error) => lost.push(error),
    },
  );
  cleanups.push(() => inline.release());
  return { inline, lost, times };
}

function features(rows: number, feature = 1): Run {
  const elements = new Float32Array(rows * 4).fill(feature);
  return runOf([{ name: "features", datatype: "FP32", shape: [rows, 4], elements }], ["score"]);
}

function runOf(inputs: readonly Tensor[], outputs: readonly string[]): Run {
  return { inputs, outputs, deadlineMilliseconds: Number.POSITIVE_INFINITY, isCancelled: () => false };
}

describe("a model is light", () => {
  test.each<[string, Partial<ModelCost>, boolean]>([
    ["when it is", {}, true],
    ["not when a session takes long to make", { createMilliseconds: 21 }, false],
    ["not when it may not run here at all", { createMilliseconds: Number.POSITIVE_INFINITY }, false],
    ["not when a run takes long", { runMilliseconds: 0.6 }, false],
  ])("%s", (_when, cost, expected) => {
    expect(isLight({ ...COST, ...cost })).toBe(expected);
  });
});

describe("the runner", () => {
  test("gives what the model gives", async () => {
    const { inline } = runner("mlp");
    const [one, three] = await Promise.all([inline.run(features(1)), inline.run(features(3))]);
    expect(one.outputs[0]).toMatchObject({ name: "score", datatype: "FP32", shape: [1, 1] });
    const [score] = listOf(one.outputs[0]?.elements ?? []);
    for (const other of listOf(three.outputs[0]?.elements ?? [])) {
      expect(other).toBeCloseTo(Number(score), 5);
    }
    expect([one.executions, three.executions]).toEqual([1, 1]);
  });

  test("joins what comes in one turn of the event loop, and runs at once what comes alone", async () => {
    const { inline } = runner("mlp", { batching: { maximumRows: 4, maximumDelayMilliseconds: 1_000 } });
    const results = await Promise.all([1, 1, 1, 2, 9].map((rows) => inline.run(features(rows))));
    expect(results.map(({ executions }) => executions)).toEqual([1, 0, 0, 1, 1]);
    expect(results.map(({ outputs }) => outputs[0]?.shape[0])).toEqual([1, 1, 1, 2, 9]);
    expect((await inline.run(features(1))).executions).toBe(1);
    expect(inline.pendingRuns).toBe(0);
  });

  test("leaves the event loop to others between batches that take long", async () => {
    const { inline, times } = runner("mlp", { batching: { maximumRows: 1, maximumDelayMilliseconds: 0 } });
    const done: string[] = [];
    const runs = ["a", "b", "c", "d"].map((name) => inline.run(features(1)).then(() => done.push(name)));
    // Each reading of the time is 3 ms later: a flush begins no batch after its second.
    times.step = { wall: 3, cpu: 0 };
    await new Promise((resolve) => setImmediate(resolve));
    expect(done.length).toBeGreaterThan(0);
    expect(done.length).toBeLessThan(4);
    await Promise.all(runs);
    expect(done).toEqual(["a", "b", "c", "d"]);
  });

  test("refuses what would wait beyond the bound, after it let go those whose client is gone", async () => {
    const batching = { maximumRows: 2, maximumDelayMilliseconds: 0 };
    const { inline } = runner("mlp", { batching, maximumQueuedRuns: 1 });
    let isGone = false;
    const gone = inline.run({ ...features(1), isCancelled: () => isGone });
    const runs = [inline.run(features(1)), inline.run(features(1))];
    await expect(inline.run(features(1))).rejects.toMatchObject({ reason: "Overloaded" });
    isGone = true;
    const [dropped] = await Promise.allSettled([gone, inline.run(features(1)), ...runs]);
    expect(dropped).toMatchObject({ reason: { reason: "RequestTimeout" } });
  });

  test("drops a run whose time ended while it waited", async () => {
    const batching = { maximumRows: 4, maximumDelayMilliseconds: 0 };
    const { inline, times } = runner("mlp", { batching });
    const late = inline.run({ ...features(1), deadlineMilliseconds: 10 });
    const other = inline.run(features(1));
    times.wallMilliseconds = 10;
    await expect(late).rejects.toMatchObject({ reason: "Overloaded" });
    expect(await other).toMatchObject({ executions: 1 });
  });

  test("asks for the model's health at most once a second, however many inputs it fails on", async () => {
    const asked = jest.spyOn(InlineSession.prototype, "isHealthy");
    const { inline, times } = runner("mlp");
    const bad: Tensor = { name: "features", datatype: "FP32", shape: [1, 3], elements: new Float32Array(3) };
    const fail = async () =>
      expect(await inline.run(runOf([bad], ["score"])).catch((error) => error.reason)).toBe(
        "InvalidArgument",
      );
    for (let count = 0; count < 5; count++) await fail();
    expect(asked).toHaveBeenCalledTimes(1);
    times.wallMilliseconds += 1_000;
    await fail();
    expect(asked).toHaveBeenCalledTimes(2);
  });

  test("takes only what is expected to be short", () => {
    const { inline } = runner("mlp", { cost: { ...COST, runMilliseconds: 0.1 } });
    // Half a millisecond is five times the warm-up of one row.
    expect(inline.takes(features(5))).toBe(true);
    expect(inline.takes(features(6))).toBe(false);
  });

  test("sends to the worker what computed too long, but not what only waited for a busy machine", async () => {
    const { inline, times } = runner("mlp");
    times.step = { wall: 30, cpu: 0 };
    for (let count = 0; count < 5; count++) await inline.run(features(2));
    expect(inline.takes(features(2))).toBe(true);
    times.step = { wall: 30, cpu: 30 };
    await inline.run(features(2));
    await inline.run(features(2));
    expect(inline.takes(features(2))).toBe(true);
    await inline.run(features(2));
    expect(inline.takes(features(2))).toBe(false);
    expect(inline.takes(features(1))).toBe(true);
  });

  test("sends to the worker at once what computed far too long", async () => {
    const { inline, times } = runner("mlp");
    times.step = { wall: 60, cpu: 60 };
    await inline.run(features(2));
    expect(inline.takes(features(2))).toBe(false);
  });

  test("loses a model that fails on its warm-up input too, once", async () => {
    const { inline, lost } = runner("brittle");
    const value: Tensor = { name: "value", datatype: "FP32", shape: [1], elements: Float32Array.of(1) };
    const run = () => inline.run(runOf([value], ["same"]));
    await expect(run()).rejects.toMatchObject({ reason: "Internal" });
    await expect(run()).rejects.toMatchObject({ reason: "Internal" });
    expect(lost).toEqual([
      expect.objectContaining({
        message: expect.stringMatching(/^the model fails, on its warm-up input too: /),
      }),
    ]);
    expect(inline.takes(runOf([value], ["same"]))).toBe(false);
  });

  test("tells an input that the model fails on", async () => {
    const { inline } = runner("mlp");
    const value: Tensor = {
      name: "features",
      datatype: "FP32",
      shape: [1, 3],
      elements: new Float32Array(3),
    };
    await expect(inline.run(runOf([value], ["score"]))).rejects.toMatchObject({ reason: "InvalidArgument" });
  });
});
