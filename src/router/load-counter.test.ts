/**
 * What a router tells of the load: whole slots of one Envoy, and of those that scale alone.
 */
import { expect, test } from "@jest/globals";
import { silentLogger } from "../../test/fixtures/silent-logger.ts";
import { VirtualClock } from "../../test/memory-cluster/virtual-clock.ts";
import { KEPT_LOAD_SLOTS, LOAD_SLOT_MILLISECONDS } from "../stats/load-slots.ts";
import { LoadCounter } from "./load-counter.ts";
import { type CountedLoad, LOAD_REPORT_PATH, NO_LOAD, parseLoadReport } from "./load-report.ts";

/** An Envoy that counts what the test says. */
class Counting {
  readonly clock = new VirtualClock();
  readonly totals = new Map<string, CountedLoad>();
  readonly counter: LoadCounter;
  readonly #stop = new AbortController();
  asked = 0;
  fails = false;
  startedAt = 0;

  constructor() {
    this.counter = new LoadCounter({
      clock: this.clock,
      log: silentLogger,
      envoy: {
        load: async () => {
          this.asked += 1;
          if (this.fails) throw new Error("no answer");
          return {
            counted: new Map(this.totals),
            uptimeSeconds: Math.floor((this.clock.monotonic() - this.startedAt) / 1_000),
          };
        },
      },
    });
    void this.counter.run(this.#stop.signal);
  }

  /** Ends the slot, in which so many requests came, each for 20 ms; some were refused. */
  async slot(requests: number, refused = 0, name = "ranker"): Promise<void> {
    const { ended, answered, busy_microseconds, ...given } = this.totals.get(name) ?? NO_LOAD;
    if (requests > 0) {
      this.totals.set(name, {
        ...given,
        ended: ended + requests,
        answered: answered + requests - refused,
        busy_microseconds: busy_microseconds + 20_000 * (requests - refused),
      });
    }
    await this.clock.advance(LOAD_SLOT_MILLISECONDS - (this.clock.now() % LOAD_SLOT_MILLISECONDS));
  }

  told(name = "ranker", after = 0) {
    return this.counter
      .load(after)
      .get(name)
      ?.map(({ ended, answered, busyMilliseconds }) => [ended, answered, busyMilliseconds]);
  }

  stop(): void {
    this.#stop.abort();
  }
}

async function counting(trial: (world: Counting) => Promise<void>): Promise<void> {
  const world = new Counting();
  try {
    await trial(world);
  } finally {
    world.stop();
  }
}

test("nothing is asked while nothing scales", () =>
  counting(async (world) => {
    await world.slot(100);
    expect([world.asked, world.told()]).toEqual([0, undefined]);
  }));

test("each slot is told once it is over, an idle one as well, and no more than asked for", () =>
  counting(async (world) => {
    world.counter.note(new Set(["ranker"]));
    await world.slot(50);
    expect(world.told()).toBeUndefined();
    await world.slot(300, 10);
    await world.slot(0);
    expect(world.told()).toEqual([
      [300, 290, 5_800],
      [0, 0, 0],
    ]);
    const [first] = world.counter.load(0).get("ranker") ?? [];
    expect(world.told("ranker", first?.slot)).toEqual([[0, 0, 0]]);
    for (let more = 0; more < KEPT_LOAD_SLOTS + 5; more++) await world.slot(1);
    expect(world.told()).toHaveLength(KEPT_LOAD_SLOTS);
  }));

test("slots that were not read, or not of one Envoy, are not told", () =>
  counting(async (world) => {
    world.counter.note(new Set(["ranker"]));
    await world.slot(10);
    await world.slot(20);
    world.fails = true;
    await world.slot(30);
    world.fails = false;
    await world.slot(40);
    // The slot of the failure and the next one have no beginning or no end.
    expect(world.told()).toEqual([[20, 20, 400]]);
    await world.slot(50);
    world.startedAt = world.clock.monotonic() + 5_000;
    world.totals.clear();
    await world.slot(60);
    expect(world.told()).toEqual([
      [20, 20, 400],
      [50, 50, 1_000],
    ]);
  }));

test("one that begins to scale is told from its first whole slot on, one that ends is forgotten", () =>
  counting(async (world) => {
    world.counter.note(new Set(["ranker"]));
    await world.slot(10);
    await world.slot(10);
    world.counter.note(new Set(["ranker", "other"]));
    await world.slot(7, 0, "other");
    expect(world.told("other")).toEqual([]);
    await world.slot(8, 0, "other");
    expect(world.told("other")).toEqual([[8, 8, 160]]);
    world.counter.note(new Set(["other"]));
    expect(world.told()).toBeUndefined();
  }));

test("requests that clients gave up were under way as well", () =>
  counting(async (world) => {
    world.counter.note(new Set(["ranker"]));
    await world.slot(10);
    const totals = world.totals.get("ranker") ?? NO_LOAD;
    world.totals.set("ranker", { ...totals, given_up_milliseconds: 3_000 });
    await world.slot(10);
    expect(world.told()).toEqual([[10, 10, 3_200]]);
  }));

test("Envoy's answer is read whole, or refused", () => {
  expect(decodeURIComponent(LOAD_REPORT_PATH)).toBe("/stats?format=json&filter=^petrel\\.load\\.");
  const stat = (name: string, value: unknown) => ({ name: `petrel.load.${name}`, value });
  const stats = [
    stat("ended.model_deployment.ranker", 12),
    stat("answered.model_deployment.ranker", 11),
    stat("busy_microseconds.model_deployment.ranker", 12_345),
    stat("given_up_milliseconds.model_deployment.ranker", 678),
    { histograms: { supported_quantiles: [], computed_quantiles: [] } },
  ];
  expect(parseLoadReport({ stats })).toEqual(
    new Map([["ranker", { ended: 12, answered: 11, busy_microseconds: 12_345, given_up_milliseconds: 678 }]]),
  );
  expect(() => parseLoadReport({})).toThrow(/expected an object with a list "stats"/);
  expect(() => parseLoadReport({ stats: [stat("lost.model_deployment.ranker", 1)] })).toThrow(/a counter/);
  expect(() => parseLoadReport({ stats: [stat("ended.model_deployment.ranker", "1")] })).toThrow(
    /a count of/,
  );
});
