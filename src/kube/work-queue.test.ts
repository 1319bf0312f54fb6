/**
 * The work queue on a virtual clock: no two runs of one key, nothing missed, backoff and appointments apart.
 */
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { VirtualClock } from "../../test/memory-cluster/virtual-clock.ts";
import { sleep } from "../core/clock.ts";
import { WorkQueue, type WorkQueueObserver } from "./work-queue.ts";

const DAY_MILLISECONDS = 86_400_000;

function setUp({
  workers = 1,
  workMilliseconds = 0,
  fails = (_key: string, _run: number): boolean => false,
  observer = {},
}: {
  workers?: number;
  workMilliseconds?: number;
  fails?: (key: string, run: number) => boolean;
  observer?: WorkQueueObserver;
} = {}) {
  const clock = new VirtualClock();
  const runs: { readonly key: string; readonly at: number }[] = [];
  const counts = new Map<string, number>();
  const running = new Set<string>();
  const overlaps: string[] = [];
  let mostRunning = 0;
  const queue = new WorkQueue({
    async work(key) {
      if (running.has(key)) overlaps.push(key);
      running.add(key);
      mostRunning = Math.max(mostRunning, running.size);
      const run = (counts.get(key) ?? 0) + 1;
      counts.set(key, run);
      runs.push({ key, at: clock.monotonic() });
      if (workMilliseconds > 0) await sleep(clock, workMilliseconds);
      running.delete(key);
      if (fails(key, run)) throw new Error("it failed");
    },
    workers,
    clock,
    random: () => 0,
    observer,
  });
  const times = (key: string) => runs.filter((run) => run.key === key).map(({ at }) => at);
  return { clock, queue, runs, times, running, overlaps, mostRunning: () => mostRunning };
}

describe("keys", () => {
  test("wait until the queue is started, and then run in the order in which they came", async () => {
    const { clock, queue, runs } = setUp();
    queue.add("b");
    queue.add("a");
    queue.add("b");
    await clock.runUntilIdle();
    expect(runs).toEqual([]);
    expect(queue.depth).toBe(2);
    queue.start();
    await clock.runUntilIdle();
    expect(runs.map(({ key }) => key)).toEqual(["b", "a"]);
  });

  test("added many times during their own run run once more after it", async () => {
    const { clock, queue, times, overlaps } = setUp({ workers: 4, workMilliseconds: 100 });
    queue.start();
    queue.add("a");
    await clock.advance(50);
    queue.add("a");
    queue.add("a");
    await clock.advance(1_000);
    expect(times("a")).toEqual([0, 100]);
    expect(overlaps).toEqual([]);
  });

  test("run on as many workers as there are", async () => {
    const { clock, queue, runs, mostRunning } = setUp({ workers: 3, workMilliseconds: 100 });
    queue.start();
    for (const key of ["a", "b", "c", "d", "e"]) queue.add(key);
    await clock.advance(50);
    expect(runs).toHaveLength(3);
    await clock.advance(1_000);
    expect(runs).toHaveLength(5);
    expect(mostRunning()).toBe(3);
  });
});

describe("a failing key", () => {
  test("is tried again after 5 ms, doubling to 30 s", async () => {
    const { clock, queue, times } = setUp({ fails: () => true });
    queue.start();
    queue.add("a");
    await clock.advance(200_000);
    const at = times("a");
    const delays = at.slice(1).map((time, index) => time - (at[index] ?? 0));
    expect(delays.slice(0, 5)).toEqual([5, 10, 20, 40, 80]);
    expect(Math.max(...delays)).toBe(30_000);
    expect(delays.slice(-3)).toEqual([30_000, 30_000, 30_000]);
  });

  test("begins again at 5 ms after it went well once", async () => {
    const { clock, queue, times } = setUp({ fails: (_key, run) => run !== 4 && run <= 5 });
    queue.start();
    queue.add("a");
    await clock.advance(100);
    queue.add("a");
    await clock.advance(100);
    expect(times("a")).toEqual([0, 5, 15, 35, 100, 105]);
  });

  test("does not hold up the others", async () => {
    const { clock, queue, times } = setUp({ fails: (key) => key === "a" });
    queue.start();
    queue.add("a");
    queue.add("b");
    await clock.runUntilIdle();
    expect(times("b")).toEqual([0]);
  });

  test("runs at once when it is added, and then not a second time for the retry", async () => {
    const { clock, queue, times } = setUp({ fails: (_key, run) => run === 1 });
    queue.start();
    queue.add("a");
    await clock.advance(2);
    queue.add("a");
    await clock.advance(1_000);
    expect(times("a")).toEqual([0, 2]);
  });
});

describe("an appointment", () => {
  test("is kept; of several, the earliest", async () => {
    const { clock, queue, times } = setUp();
    queue.start();
    queue.wakeAt("a", clock.now() + 5_000);
    queue.wakeAt("a", clock.now() + 3_000);
    queue.wakeAt("a", clock.now() + 4_000);
    await clock.advance(60_000);
    expect(times("a")).toEqual([3_000]);
  });

  test("is dropped when the key runs before it", async () => {
    const { clock, queue, times } = setUp();
    queue.start();
    queue.wakeAt("a", clock.now() + 5_000);
    await clock.advance(1_000);
    queue.add("a");
    await clock.advance(60_000);
    expect(times("a")).toEqual([1_000]);
  });

  test("in the past is now", async () => {
    const { clock, queue, times } = setUp();
    queue.start();
    queue.wakeAt("a", clock.now() - 5_000);
    await clock.runUntilIdle();
    expect(times("a")).toEqual([0]);
  });

  test("in forty days is in forty days, though a timer of the machine cannot wait so long", async () => {
    const { clock, queue, times } = setUp();
    const longest: number[] = [];
    const schedule = clock.schedule.bind(clock);
    clock.schedule = (delay, callback) => {
      longest.push(delay);
      return schedule(delay, callback);
    };
    queue.start();
    queue.wakeAt("a", clock.now() + 40 * DAY_MILLISECONDS);
    await clock.advance(41 * DAY_MILLISECONDS);
    expect(times("a")).toEqual([40 * DAY_MILLISECONDS]);
    expect(Math.max(...longest)).toBeLessThan(2 ** 31);
  });

  test("resets no failures, and a failure delays no appointment", async () => {
    const { clock, queue, times } = setUp({ fails: () => true });
    queue.start();
    queue.add("a");
    await clock.advance(10_000);
    const before = times("a").length;
    queue.wakeAt("a", clock.now() + 100);
    await clock.advance(100);
    expect(times("a").at(-1)).toBe(10_100);
    await clock.advance(100);
    expect(times("a")).toHaveLength(before + 1);
  });

  test("is not put off by a wall clock that is set back", async () => {
    const { clock, queue, times } = setUp();
    queue.start();
    queue.wakeAt("a", clock.now() + 60_000);
    await clock.advance(10_000);
    const now = clock.now.bind(clock);
    clock.now = () => now() - 600_000;
    await clock.advance(60_000);
    expect(times("a")).toEqual([60_000]);
  });

  test("needs a time", () => {
    expect(() => setUp().queue.wakeAt("a", Number.NaN)).toThrow("needs a time, got NaN");
  });
});

describe("a crowd", () => {
  test("is looked at once, so long after its first", async () => {
    const { clock, queue, times } = setUp();
    queue.start();
    for (let index = 0; index < 5; index += 1) {
      queue.addWithin("a", 100);
      await clock.advance(30);
    }
    await clock.advance(1_000);
    expect(times("a")).toEqual([100, 220]);
  });

  test("does not hold up what is urgent, which looks at it, too", async () => {
    const { clock, queue, times } = setUp();
    queue.start();
    queue.addWithin("a", 100);
    await clock.advance(10);
    queue.add("a");
    await clock.advance(1_000);
    expect(times("a")).toEqual([10]);
  });

  test("that need not wait long does not wait for one that may", async () => {
    const { clock, queue, times } = setUp();
    queue.start();
    queue.addWithin("a", 3_000);
    await clock.advance(10);
    queue.addWithin("a", 100);
    queue.addWithin("a", 3_000);
    await clock.advance(10_000);
    expect(times("a")).toEqual([110]);
  });

  test("that comes during a run is looked at after it", async () => {
    const { clock, queue, times } = setUp({ workers: 2, workMilliseconds: 300 });
    queue.start();
    queue.add("a");
    await clock.advance(50);
    queue.addWithin("a", 100);
    await clock.advance(1_000);
    expect(times("a")).toEqual([0, 300]);
  });
});

test("a stop waits for what runs, drops what waits and takes nothing more", async () => {
  const { clock, queue, runs, running } = setUp({ workMilliseconds: 100, fails: () => true });
  queue.start();
  queue.add("a");
  queue.add("b");
  queue.wakeAt("c", clock.now() + 50);
  await clock.advance(10);
  let isStopped = false;
  void queue.stop().then(() => {
    isStopped = true;
  });
  queue.add("d");
  queue.wakeAt("e", clock.now());
  await clock.advance(80);
  expect(isStopped).toBe(false);
  await clock.advance(10_000);
  expect(isStopped).toBe(true);
  expect(running.size).toBe(0);
  expect(runs.map(({ key }) => key)).toEqual(["a"]);
  expect(clock.nextTimerAt()).toBeUndefined();
});

test("an observer hears of depth, waiting and work", async () => {
  const heard: string[] = [];
  const { clock, queue } = setUp({
    workMilliseconds: 100,
    fails: (key, run) => key === "a" && run === 1,
    observer: {
      added: (depth) => heard.push(`added ${depth}`),
      started: (key, depth, waited) => heard.push(`started ${key} ${depth} ${waited}`),
      finished: (key, worked) => heard.push(`finished ${key} ${worked}`),
      retried: () => heard.push("retried"),
    },
  });
  queue.add("a");
  queue.add("b");
  queue.start();
  await clock.advance(150);
  expect(heard).toEqual([
    "added 1",
    "added 2",
    "started a 1 0",
    "finished a 100",
    "retried",
    "started b 0 100",
    "added 1",
  ]);
});

test("no two runs of one key overlap, and every key runs after it was last added", async () => {
  const step = fc.record({
    key: fc.constantFrom("a", "b", "c"),
    wait: fc.nat(120),
    how: fc.constantFrom("add", "wakeAt", "addWithin"),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 60 }),
      fc.integer({ min: 1, max: 4 }),
      async (steps, workers) => {
        const { clock, queue, times, overlaps, mostRunning } = setUp({
          workers,
          workMilliseconds: 50,
          fails: (_key, run) => run % 3 === 0,
        });
        queue.start();
        const lastAdded = new Map<string, number>();
        for (const { key, wait, how } of steps) {
          if (how === "wakeAt") queue.wakeAt(key, clock.now() + wait);
          else if (how === "addWithin") queue.addWithin(key, wait);
          else queue.add(key);
          lastAdded.set(key, clock.monotonic());
          await clock.advance(wait);
        }
        await clock.advance(120_000);
        expect(overlaps).toEqual([]);
        expect(mostRunning()).toBeLessThanOrEqual(workers);
        for (const [key, at] of lastAdded) expect(times(key).at(-1)).toBeGreaterThanOrEqual(at);
        expect(clock.nextTimerAt()).toBeUndefined();
      },
    ),
    { numRuns: 200 },
  );
}, 60_000);
