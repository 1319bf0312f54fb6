/**
 * The reconciler: how each outcome of a reconcile is followed.
 */
import { expect, test } from "@jest/globals";
import { VirtualClock } from "../../test/memory-cluster/virtual-clock.ts";
import { sleep } from "../core/clock.ts";
import { TerminalError } from "../core/errors.ts";
import { createLogger } from "../core/log.ts";
import { KubeError } from "./port.ts";
import { type ReconcileResult, Reconciler } from "./reconciler.ts";

function setUp(
  reconcile: (run: number, signal: AbortSignal, clock: VirtualClock) => Promise<ReconcileResult>,
) {
  const clock = new VirtualClock();
  const runs: number[] = [];
  const outcomes: string[] = [];
  const lines: string[] = [];
  const reconciler = new Reconciler({
    name: "test",
    reconcile(_key, signal) {
      runs.push(clock.monotonic());
      return reconcile(runs.length, signal, clock);
    },
    workers: 1,
    clock,
    random: () => 0,
    log: createLogger({
      write: (line) => lines.push(JSON.parse(line)["log.level"]),
      now: () => 0,
      level: "debug",
    }),
    observer: { reconciled: (outcome) => outcomes.push(outcome) },
  });
  reconciler.start();
  reconciler.add("ns/a");
  return { clock, runs, outcomes, lines, reconciler };
}

test("a success is not repeated", async () => {
  const { clock, runs, outcomes } = setUp(async () => ({}));
  await clock.advance(3_600_000);
  expect(runs).toEqual([0]);
  expect(outcomes).toEqual(["success"]);
});

test("a success with a time is repeated then", async () => {
  const { clock, runs, outcomes } = setUp(async (run) =>
    run === 1 ? { wakeAt: Date.UTC(2026, 0, 1, 0, 1) } : {},
  );
  await clock.advance(3_600_000);
  expect(runs).toEqual([0, 60_000]);
  expect(outcomes).toEqual(["requeue_after", "success"]);
});

test("an error is repeated with backoff", async () => {
  const { clock, runs, outcomes, lines } = setUp(async (run) => {
    if (run <= 3) throw new Error("it failed");
    return {};
  });
  await clock.advance(3_600_000);
  expect(runs).toEqual([0, 5, 15, 35]);
  expect(outcomes).toEqual(["error", "error", "error", "success"]);
  expect(lines).toEqual(["warn", "warn", "warn"]);
});

test("a conflict is repeated, too, and is no news", async () => {
  const { clock, runs, lines } = setUp(async (run) => {
    if (run === 1) throw new KubeError(409, "Conflict", "modified");
    return {};
  });
  await clock.advance(1_000);
  expect(runs).toEqual([0, 5]);
  expect(lines).toEqual(["debug"]);
});

test("a terminal error is not repeated until the key is added again", async () => {
  const { clock, runs, outcomes, lines, reconciler } = setUp(async (run) => {
    if (run === 1) throw new TerminalError("BadSpec", "it cannot work");
    return {};
  });
  await clock.advance(3_600_000);
  expect(runs).toEqual([0]);
  reconciler.add("ns/a");
  await clock.runUntilIdle();
  expect(outcomes).toEqual(["terminal_error", "success"]);
  expect(lines).toEqual(["error"]);
});

test("every line of one reconcile has the same correlation key, and no other reconcile has it", async () => {
  const clock = new VirtualClock();
  const lines: Record<string, unknown>[] = [];
  const reconciler = new Reconciler({
    name: "test",
    async reconcile(_key, _signal, log) {
      log.info("looked");
      log.info("wrote");
      throw new Error("it failed");
    },
    workers: 4,
    clock,
    random: () => 0,
    log: createLogger({ write: (line) => lines.push(JSON.parse(line)), now: () => 0 }),
  });
  reconciler.start();
  for (const key of ["ns/a", "ns/b"]) reconciler.add(key);
  await clock.advance(20);
  const runs = Map.groupBy(lines, (line) => line["trace.id"]);
  // Both keys at 0 ms, 5 ms and 15 ms.
  expect(runs.size).toBe(6);
  for (const run of runs.values()) {
    expect(run.map(({ message }) => message)).toEqual(["looked", "wrote", "reconcile failed, trying again"]);
    expect(new Set(run.map((line) => line["petrel.key"])).size).toBe(1);
    expect(run[0]).toMatchObject({
      "petrel.controller": "test",
      "trace.id": expect.stringMatching(/^test-/),
    });
  }
});

test("a stop waits for the run, an abort tells it", async () => {
  const stopped = setUp(async (_run, _signal, clock) => {
    await sleep(clock, 1_000);
    return {};
  });
  await stopped.clock.advance(100);
  void stopped.reconciler.stop();
  await stopped.clock.advance(10_000);
  expect(stopped.outcomes).toEqual(["success"]);

  const aborted = setUp(async (_run, signal, clock) => {
    await sleep(clock, 1_000, signal);
    return {};
  });
  await aborted.clock.advance(100);
  await aborted.reconciler.abort(new Error("the lease is lost"));
  expect(aborted.outcomes).toEqual(["error"]);
  expect(aborted.clock.monotonic()).toBe(100);
  expect(aborted.clock.nextTimerAt()).toBeUndefined();
});
