import { beforeEach, describe, expect, test } from "@jest/globals";
import { silentLogger } from "../../test/fixtures/silent-logger.ts";
import { VirtualClock } from "../../test/memory-cluster/virtual-clock.ts";
import type { TrafficPlan } from "../api/traffic-plan.ts";
import { configurationLayout } from "../render/envoy/layout.ts";
import { addTries, type TryWindow } from "../stats/first-tries.ts";
import { EnvoyReportError } from "./envoy-report.ts";
import { FirstTryCounter } from "./first-try-counter.ts";
import { MINUTE } from "./first-try-history.ts";
import { type CountedArms, type FirstTryReport, NOTHING_COUNTED } from "./first-try-report.ts";
import { renderPlan } from "./progress.ts";

const settings = { layout: configurationLayout("/etc/envoy"), address: "0.0.0.0" };

function split(epoch: number, weight = 1_000, changes: Partial<TrafficPlan> = {}): TrafficPlan {
  const pool = (revision: string, replicas = 2) => ({ pool: "gpu", revision, replicas });
  return {
    epoch,
    port: 10_000,
    timeout: "600ms",
    perTryTimeout: "200ms",
    arms: [
      { name: "Stable", weight: 10_000 - weight, pools: [pool("r1")] },
      { name: "Candidate", weight, pools: [pool("r2"), pool("r1")] },
    ],
    ...changes,
  };
}

/** A router's counter beside an Envoy that counts so many first tries in each second. */
class World {
  readonly clock = new VirtualClock();
  readonly stop = new AbortController();
  readonly counter: FirstTryCounter;
  /** Of this Envoy; monotonic milliseconds. */
  startedAt = 0;
  answer: (deployments: readonly string[]) => Promise<FirstTryReport> = async () => this.report();
  readonly asked: (readonly string[])[] = [];

  constructor() {
    const envoy = {
      firstTries: (deployments: readonly string[]) => {
        this.asked.push(deployments);
        return this.answer(deployments);
      },
    };
    this.counter = new FirstTryCounter({ envoy, clock: this.clock, log: silentLogger });
    void this.counter.run(this.stop.signal);
  }

  report(perSecond = 1): FirstTryReport {
    const uptimeSeconds = Math.floor((this.clock.monotonic() - this.startedAt) / 1_000);
    const tries = (count: number) => ({
      tries: count,
      errors: 0,
      latencies: NOTHING_COUNTED.stable.latencies.map((_, bucket) => (bucket === 9 ? count : 0)),
    });
    const counted: CountedArms = {
      candidate: tries(perSecond * uptimeSeconds),
      stable: tries(9 * perSecond * uptimeSeconds),
      uncompared: 4 * perSecond * uptimeSeconds,
    };
    return { uptimeSeconds, counted: new Map([["ranker", counted]]), strange: new Map() };
  }

  note(wanted: TrafficPlan | undefined, servingEpoch = wanted?.epoch): void {
    const traffic = wanted === undefined ? undefined : renderPlan("ranker", wanted, settings);
    this.counter.note(
      new Map([["ranker", { ...(traffic === undefined ? {} : { traffic }), endpoints: [] }]]),
      new Map([
        ["ranker", servingEpoch === undefined ? {} : { serving: { epoch: servingEpoch, port: 10_000 } }],
      ]),
    );
  }

  /** Plans in effect of so many ModelDeployments, called after numbers. */
  noteMany(count: number): void {
    const names = Array.from({ length: count }, (_, index) => `ranker-${index}`);
    const wanted = split(7);
    this.counter.note(
      new Map(names.map((name) => [name, { traffic: renderPlan(name, wanted, settings), endpoints: [] }])),
      new Map(names.map((name) => [name, { serving: { epoch: 7, port: 10_000 } }])),
    );
  }

  get windows(): readonly TryWindow[] {
    return this.counter.firstTries("ranker").windows;
  }

  get countedThrough(): number | undefined {
    return this.counter.firstTries("ranker").countedThrough;
  }

  /** The minute that has just ended. */
  get lastSlot(): number {
    return this.clock.now() / MINUTE - 1;
  }

  minutes(count: number): Promise<void> {
    return this.clock.advance(count * MINUTE);
  }
}

let world: World;
beforeEach(() => {
  world = new World();
});

test("tells of each whole minute that begins when nothing of an earlier plan is under way", async () => {
  world.note(split(7));
  await world.minutes(1);
  expect(world.windows).toEqual([]);
  await world.minutes(2);
  const slot = world.clock.now() / MINUTE - 1;
  expect(world.windows.map((window) => [window.slot, window.minutes, window.epoch])).toEqual([
    [slot - 1, 1, 7],
    [slot, 1, 7],
  ]);
  expect(world.windows[0]).toMatchObject({
    candidate: { tries: 60, errors: 0 },
    stable: { tries: 540 },
    uncompared: 240,
  });
  world.stop.abort();
});

test("asks Envoy nothing for an experiment, whose arms are no candidate", async () => {
  const { arms, ...plan } = split(7);
  world.note({
    ...plan,
    arms: arms.map((arm) => (arm.name === "Candidate" ? { ...arm, name: "ArmA" } : arm)),
  });
  await world.minutes(3);
  expect(world.asked).toEqual([]);
});

test("asks Envoy nothing while no plan splits the traffic", async () => {
  world.note({ ...split(7), arms: split(7).arms.slice(0, 1) });
  await world.minutes(3);
  world.note(split(8, 0));
  await world.minutes(3);
  world.note(undefined);
  await world.minutes(3);
  expect(world.asked).toEqual([]);
  expect(world.windows).toEqual([]);
});

describe("says through which minute it has counted", () => {
  test("none before the first that counts, and none of another plan", async () => {
    expect(world.countedThrough).toBeUndefined();
    world.note(split(7));
    await world.minutes(1);
    expect(world.countedThrough).toBeUndefined();
    await world.minutes(1);
    expect(world.countedThrough).toBe(world.lastSlot);
    world.note(split(8, 5_000), 7);
    expect(world.countedThrough).toBeUndefined();
    world.note(split(8, 5_000));
    await world.minutes(1);
    expect(world.countedThrough).toBeUndefined();
  });

  test("each of them without any request", async () => {
    world.answer = async () => world.report(0);
    world.note(split(7));
    await world.minutes(3);
    expect(world.countedThrough).toBe(world.lastSlot);
  });

  test("the same one as long as Envoy does not answer", async () => {
    world.note(split(7));
    await world.minutes(3);
    const before = world.lastSlot;
    world.answer = () => Promise.reject(new Error("no answer"));
    await world.minutes(5);
    expect(world.countedThrough).toBe(before);
    world.answer = async () => world.report();
    await world.minutes(2);
    expect(world.countedThrough).toBe(world.lastSlot);
  });
});

describe("begins anew", () => {
  beforeEach(async () => {
    world.note(split(7));
    await world.minutes(4);
    expect(world.windows).toHaveLength(3);
  });

  test.each<[what: string, plan: TrafficPlan]>([
    ["another share", split(8, 5_000)],
    [
      "another candidate",
      split(8, 1_000, {
        arms: split(8).arms.map((arm) => ({
          ...arm,
          pools: [{ pool: "gpu", revision: `${arm.name}-3`, replicas: 2 }],
        })),
      }),
    ],
    ["another time-out", split(8, 1_000, { perTryTimeout: "100ms" })],
    [
      "another way to draw",
      split(8, 1_000, { stickiness: { header: "x-user", anonymous: "Random", salt: "s" } }),
    ],
  ])("with %s, as soon as that is wanted", async (_what, plan) => {
    world.note(plan, 7);
    expect(world.windows).toEqual([]);
    await world.minutes(2);
    world.note(plan);
    await world.minutes(1);
    expect(world.windows).toEqual([]);
    await world.minutes(1);
    expect(world.windows.map(({ epoch }) => epoch)).toEqual([8]);
  });

  test("not with a plan that only needs other replicas", async () => {
    const scaled = split(8, 1_000, {
      arms: split(8).arms.map((arm) => ({
        ...arm,
        pools: arm.pools.map((pool) => ({ ...pool, replicas: 5 })),
      })),
    });
    world.note(scaled, 7);
    await world.minutes(1);
    world.note(scaled);
    await world.minutes(1);
    await world.minutes(1);
    expect(world.windows.map(({ epoch }) => epoch)).toEqual([7, 7, 7, 7, 7, 8]);
  });

  test("when the ModelDeployment is gone", () => {
    world.counter.note(new Map(), new Map());
    expect(world.windows).toEqual([]);
  });
});

describe("leaves a minute out", () => {
  beforeEach(async () => {
    world.note(split(7));
    await world.minutes(3);
  });
  const slots = () => world.windows.map(({ slot }) => slot - world.lastSlot);

  test("and the next, when Envoy does not answer at its end", async () => {
    world.answer = () => Promise.reject(new Error("no answer"));
    await world.minutes(1);
    world.answer = async () => world.report();
    await world.minutes(2);
    expect(slots()).toEqual([-4, -3, 0]);
  });

  test("in which Envoy has started anew, also when it has counted more since", async () => {
    await world.clock.advance(MINUTE / 2);
    world.startedAt = world.clock.monotonic();
    world.answer = async () => world.report(1_000);
    await world.clock.advance(MINUTE / 2);
    await world.minutes(1);
    expect(slots()).toEqual([-3, -2, 0]);
  });

  test("in which a count has fallen", async () => {
    await world.minutes(1);
    world.answer = async () => world.report(0);
    await world.minutes(2);
    expect(slots()).toEqual([-4, -3, -2, 0]);
  });
});

test("asks about some at a time, and those of an answer that does not come miss it alone", async () => {
  world.noteMany(250);
  await world.minutes(1);
  expect(world.asked.map((names) => names.length)).toEqual([100, 100, 50]);
  expect(new Set(world.asked.flat()).size).toBe(250);
  world.answer = (names) =>
    names.includes("ranker-0") ? Promise.reject(new Error("too much")) : Promise.resolve(world.report());
  await world.minutes(1);
  const through = (name: string) => world.counter.firstTries(name).countedThrough;
  expect(["ranker-0", "ranker-99", "ranker-100", "ranker-249"].map(through)).toEqual([
    undefined,
    undefined,
    world.lastSlot,
    world.lastSlot,
  ]);
});

test("of what is strange about one ModelDeployment the others take no harm", async () => {
  world.noteMany(2);
  await world.minutes(1);
  const strange = new Map([["ranker-0", new EnvoyReportError("strange")]]);
  world.answer = async () => ({ ...world.report(), strange });
  await world.minutes(1);
  const through = (name: string) => world.counter.firstTries(name).countedThrough;
  expect(["ranker-0", "ranker-1"].map(through)).toEqual([undefined, world.lastSlot]);
});

test("keeps an hour of minutes, and before it blocks of ten, for a day", async () => {
  world.note(split(7));
  await world.minutes(1_700);
  const { windows } = world;
  const singles = windows.filter(({ minutes }) => minutes === 1);
  const blocks = windows.filter(({ minutes }) => minutes === 10);
  expect(singles.length).toBeGreaterThanOrEqual(60);
  expect(singles.length).toBeLessThan(71);
  expect(blocks.length).toBeLessThanOrEqual(139);
  expect(windows).toHaveLength(singles.length + blocks.length);
  // Nothing is lost, and nothing is there twice.
  const covered = windows.reduce((sum, { minutes }) => sum + minutes, 0);
  const total = windows.map(({ candidate }) => candidate).reduce(addTries);
  expect(total.tries).toBe(covered * 60);
  expect(covered).toBeGreaterThan(1_430);
});
