/**
 * What an operator knows of the load by what routers tell: sums of all of them, or nothing.
 */
import { expect, test } from "@jest/globals";
import { VirtualClock } from "../../test/memory-cluster/virtual-clock.ts";
import { createLogger } from "../core/log.ts";
import { KEPT_LOAD_SLOTS, LOAD_SLOT_MILLISECONDS, type LoadSlot, loadSlotAt } from "../stats/load-slots.ts";
import { LoadReadings } from "./load-readings.ts";

const A = "10.0.0.1";
const B = "10.0.0.2";
const KEY = "shop/ranker";

/** Routers that count ten requests in each slot since they began. */
class Routers {
  readonly clock = new VirtualClock();
  readonly silent = new Set<string>();
  readonly beganAt = new Map<string, number>();
  readonly asked: string[] = [];
  /** So much their clocks are ahead. */
  aheadMilliseconds = 0;
  readonly answers: string[] = [];
  readonly logged: string[] = [];
  readonly readings = new LoadReadings({
    clock: this.clock,
    log: createLogger({
      write: (line) => this.logged.push(JSON.parse(line).message),
      now: () => this.clock.now(),
    }),
    onAnswer: (key) => this.answers.push(key),
    ask: async (address, after) => {
      this.asked.push(address);
      if (this.silent.has(address)) throw new Error("no answer");
      return new Map([["ranker", this.#slots(address, after)]]);
    },
  });

  #slots(address: string, after: number): readonly LoadSlot[] {
    const last = loadSlotAt(this.clock.now() + this.aheadMilliseconds) - 1;
    const first = Math.max(after + 1, last - KEPT_LOAD_SLOTS + 1, this.beganAt.get(address) ?? 0);
    return Array.from({ length: Math.max(0, last - first + 1) }, (_, at) => ({
      ...{ slot: first + at, ended: 10, answered: 9, busyMilliseconds: 450 },
    }));
  }

  /** Ends so many slots, and goes on until routers were asked about the last. */
  async slots(count: number): Promise<void> {
    const past = this.clock.now() % LOAD_SLOT_MILLISECONDS;
    if (past < 3_000) await this.clock.advance(3_000 - past);
    for (let slot = 0; slot < count; slot++) await this.clock.advance(LOAD_SLOT_MILLISECONDS);
  }

  known() {
    return this.readings
      .of(KEY)
      ?.samples.map(({ arrived, answered, busySeconds }) => [arrived, answered, busySeconds]);
  }
}

test("sums of all routers, from the slot on in which it began to ask", async () => {
  const routers = new Routers();
  routers.readings.follow(KEY, [A, B]);
  expect(routers.known()).toEqual([]);
  await routers.slots(3);
  expect(routers.known()).toEqual([
    [20, 18, 0.9],
    [20, 18, 0.9],
    [20, 18, 0.9],
  ]);
  expect(routers.answers).toEqual([KEY, KEY, KEY, KEY]);
  routers.readings.close();
});

test("a router that did not answer tells what it counted the next time, so nothing is lost and nothing is guessed", async () => {
  const routers = new Routers();
  routers.readings.follow(KEY, [A, B]);
  await routers.slots(1);
  routers.silent.add(B);
  await routers.slots(3);
  expect(routers.known()).toHaveLength(1);
  expect(routers.logged).toEqual(["a router does not tell of its load, it is asked again"]);
  routers.silent.clear();
  await routers.slots(1);
  expect(routers.known()).toHaveLength(5);
  expect(routers.known()?.every(([arrived]) => arrived === 20)).toBe(true);
  expect(routers.logged.slice(1)).toEqual(["a router tells of its load again"]);
  routers.readings.close();
});

test("a router that is gone leaves its last slot unknown, and no slot looks quiet by that", async () => {
  const routers = new Routers();
  routers.readings.follow(KEY, [A, B]);
  await routers.slots(2);
  await routers.clock.advance(5_000);
  routers.readings.follow(KEY, [A]);
  await routers.slots(3);
  // Two slots of both, one that the second left in, two of the first alone.
  expect(routers.known()?.map(([arrived]) => arrived)).toEqual([20, 20, 10, 10]);
  routers.readings.close();
});

test("a router that comes counts from its first slot on, and the slot that it came in is unknown", async () => {
  const routers = new Routers();
  routers.readings.follow(KEY, [A]);
  await routers.slots(2);
  await routers.clock.advance(5_000);
  routers.beganAt.set(B, loadSlotAt(routers.clock.now()) + 1);
  routers.readings.follow(KEY, [A, B]);
  await routers.slots(2);
  expect(routers.known()?.map(([arrived]) => arrived)).toEqual([10, 10, 20]);
  routers.readings.close();
});

test("a router that is missed for a moment, and tells once more of what it told before, counts once", async () => {
  const routers = new Routers();
  routers.readings.follow(KEY, [A, B]);
  await routers.slots(2);
  await routers.clock.advance(5_000);
  routers.readings.follow(KEY, [B]);
  routers.readings.follow(KEY, [A, B]);
  await routers.slots(3);
  expect(routers.known()?.map(([arrived]) => arrived)).toEqual([20, 20, 20, 20, 20]);
  routers.readings.close();
});

test("a router whose clock is ahead is told of late, and nothing of it is lost", async () => {
  const routers = new Routers();
  routers.aheadMilliseconds = LOAD_SLOT_MILLISECONDS;
  routers.readings.follow(KEY, [A]);
  await routers.slots(3);
  expect(routers.known()?.map(([arrived]) => arrived)).toEqual([10, 10, 10]);
  routers.readings.close();
});

test("an hour is kept, and what nobody wants to know is not asked for", async () => {
  const routers = new Routers();
  routers.readings.follow(KEY, [A]);
  await routers.slots(300);
  const samples = routers.readings.of(KEY)?.samples ?? [];
  expect(samples.length).toBeGreaterThanOrEqual(244);
  expect(samples.length).toBeLessThanOrEqual(244 + KEPT_LOAD_SLOTS + 1);
  expect(
    samples.every(
      (sample, at) =>
        at === 0 || sample.atMilliseconds === (samples[at - 1]?.atMilliseconds ?? 0) + LOAD_SLOT_MILLISECONDS,
    ),
  ).toBe(true);
  routers.readings.follow(KEY, undefined);
  const { length } = routers.asked;
  await routers.slots(3);
  expect([routers.asked.length, routers.readings.of(KEY)]).toEqual([length, undefined]);
});
