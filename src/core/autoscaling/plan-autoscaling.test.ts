/**
 * How many replicas there are by the load, who says so, and what is told and stored of it.
 */
import { describe, expect, test } from "@jest/globals";
import { BY_RATE, loaded, scaledWorld } from "../../../test/fixtures/loaded-world.ts";
import { model, servingWorld, type World } from "../../../test/fixtures/world.ts";

const wanted = (world: World) => world.status.autoscaling?.replicas;
const standing = (world: World) => world.serversOf(world.revisionName("v1")).map(({ replicas }) => replicas);
const condition = (world: World, type: string) =>
  world.status.conditions?.find((candidate) => candidate.type === type);

/** So many requests a second for so many minutes, looked at once. */
function withLoad(world: World, rates: readonly (number | undefined)[]): World {
  loaded(world, rates).reconcile();
  return world;
}

describe("replicas follow the load", () => {
  test("out at once, and the Deployment with them, but never spec.replicas", () => {
    const world = withLoad(scaledWorld(), [38, 38, 85]);
    expect(wanted(world)).toBe(9);
    expect(standing(world)).toEqual([9]);
    expect(world.spec.replicas).toBe(4);
    expect(world.status.autoscaling).toMatchObject({ because: "Load", inPlaceOf: 4 });
  });

  test("in only once all of the time is known to have needed no more", () => {
    const quiet = withLoad(scaledWorld(), [20, 20, 20, 20, 20, 20]);
    expect(wanted(quiet)).toBe(2);
    const unsure = withLoad(scaledWorld(), [20, 20, undefined, 20, 20, 20]);
    expect(wanted(unsure)).toBe(4);
    const busy = withLoad(scaledWorld(), [20, 38, 20, 20, 20, 20]);
    expect(wanted(busy)).toBe(4);
  });

  test("by half at most, and again only after the same time", () => {
    const world = scaledWorld({ minReplicas: 1, maxReplicas: 20 });
    withLoad(world, [160]).setReady(world.revisionName());
    world.passTime(600_000);
    expect(wanted(withLoad(world, [1, 1, 1, 1, 1, 1]))).toBe(8);
    world.setReady(world.revisionName()).passTime(240_000);
    expect(wanted(withLoad(world, [1, 1, 1, 1, 1, 1]))).toBe(8);
    world.passTime(60_000);
    expect(wanted(withLoad(world, [1, 1, 1, 1, 1, 1]))).toBe(4);
  });

  test("within their bounds", () => {
    expect(wanted(withLoad(scaledWorld(), [500]))).toBe(10);
    expect(wanted(withLoad(scaledWorld(), [0, 0, 0, 0, 0, 0]))).toBe(2);
    const world = scaledWorld();
    world.edit({ autoscaling: { ...BY_RATE, minReplicas: 6 } }).reconcile();
    expect(wanted(world)).toBe(6);
    world.edit({ autoscaling: { ...BY_RATE, minReplicas: 1, maxReplicas: 3 } }).reconcile();
    expect(wanted(world)).toBe(3);
  });

  test("by concurrency too: requests a second, times the time of each", () => {
    const metrics = [{ type: "Concurrency", target: "0.5" }] as const;
    // 45 requests a second of 0.1 s are 4.5 under way.
    expect(wanted(withLoad(scaledWorld({ metrics: [...metrics] }), [45]))).toBe(9);
  });

  test("schedules come early, by what replicas took to start", () => {
    const schedules = [
      { name: "sale", schedule: "20 0 * * *", timeZone: "UTC", duration: "1h", minReplicas: 7 },
    ];
    // It is ten past midnight, and three minutes are taken where no start was measured.
    const world = scaledWorld({ schedules });
    world.reconcile();
    expect(wanted(world)).toBe(4);
    world.passTime(420_000).reconcile();
    expect(world.status.autoscaling).toMatchObject({ replicas: 7, because: "Schedule" });
  });
});

describe("what is not known scales nothing in", () => {
  test("no news at all, and news of one slot alone", () => {
    const world = scaledWorld();
    world.load = undefined;
    world.reconcile();
    expect(wanted(world)).toBe(4);
    expect(wanted(withLoad(world, [undefined, undefined]))).toBe(4);
    world.passTime(3_600_000);
    expect(wanted(withLoad(world, [20]))).toBe(4);
  });

  test("is told once it is long so, and not by an operator that has just begun", () => {
    const world = withLoad(scaledWorld(), [38]);
    expect(condition(world, "ScalingActive")).toMatchObject({ status: "True", reason: "LoadKnown" });
    const now = world.observation().nowMilliseconds;
    world.load = { sinceMilliseconds: now, samples: [] };
    world.passTime(60_000).reconcile();
    expect(condition(world, "ScalingActive")).toMatchObject({ status: "True" });
    world.passTime(60_000);
    const { events } = world.reconcile();
    expect(condition(world, "ScalingActive")).toMatchObject({ status: "False", reason: "NoLoadData" });
    expect(events.map(({ reason, type }) => [reason, type])).toEqual([["NoLoadData", "Warning"]]);
    const { status } = world;
    world.load = { sinceMilliseconds: world.observation().nowMilliseconds, samples: [] };
    world.reconcile();
    expect(world.status).toEqual(status);
  });

  test("a schedule that cannot be read takes nothing away, and is named", () => {
    const schedules = [
      { name: "odd", schedule: "61 0 * * *", timeZone: "UTC", duration: "1h", minReplicas: 3 },
    ];
    const world = withLoad(scaledWorld({ schedules }), [20, 20, 20, 20, 20, 20]);
    expect(wanted(world)).toBe(4);
    expect(condition(world, "ScalingActive")).toMatchObject({
      ...{ status: "False", reason: "ScheduleUnreadable" },
      message: expect.stringContaining('"odd"'),
    });
    expect(wanted(withLoad(world, [85]))).toBe(9);
  });

  test("pods that were never made are not given up at once", () => {
    const world = scaledWorld();
    for (const servers of world.servers) servers.pods.splice(1);
    expect(wanted(withLoad(world, [10]))).toBe(4);
  });
});

describe("whoever takes over begins with the replicas that there are", () => {
  test("Petrel, also where the manifest stops to state replicas", () => {
    const world = servingWorld({ replicas: 6 });
    world.edit({ replicas: 1, autoscaling: BY_RATE }).reconcile();
    expect(wanted(world)).toBe(6);
    expect(standing(world)).toEqual([6]);
  });

  test("Petrel, also where the first pool gets another name by the same change", () => {
    const world = servingWorld({ replicas: 6 });
    world.edit({ replicas: 1, pools: [{ name: "renamed" }], autoscaling: BY_RATE }).reconcile();
    expect(wanted(world)).toBe(6);
  });

  test("an autoscaler, where the change that hands the replicas over states as many as there are", () => {
    const world = withLoad(scaledWorld(), [85]);
    world.edit({ replicas: 9, autoscaling: { ...BY_RATE, owner: "None" } }).reconcile();
    expect(world.status.autoscaling).toBeUndefined();
    expect(standing(world)).toEqual([9]);
    world.edit({ replicas: 10 }).reconcile();
    expect(standing(world)).toEqual([10]);
  });

  test("spec.replicas: what Petrel asked for stays until somebody writes another number", () => {
    const world = withLoad(scaledWorld(), [85]);
    world.edit({ autoscaling: { ...BY_RATE, owner: "None" } }).reconcile();
    expect(world.status.autoscaling).toMatchObject({ replicas: 9, because: "HandedBack", inPlaceOf: 4 });
    world.reconcile();
    expect(standing(world)).toEqual([9]);
    world.edit({ replicas: 5 }).reconcile();
    expect(world.status.autoscaling).toBeUndefined();
    expect(standing(world)).toEqual([5]);
  });

  test.each([
    ["and the default of the schema is nobody's decision", 1, 9],
    ["but a number that comes with the change is", 7, 7],
  ])("%s", (_what, replicas, expected) => {
    const world = withLoad(scaledWorld(), [85]);
    world.edit({ replicas, autoscaling: undefined }).reconcile();
    expect(standing(world)).toEqual([expected]);
  });

  test("and back again", () => {
    const world = withLoad(scaledWorld(), [85]);
    world.edit({ autoscaling: { ...BY_RATE, owner: "None" } }).reconcile();
    world.load = undefined;
    world.edit({ autoscaling: BY_RATE }).reconcile();
    expect(world.status.autoscaling).toMatchObject({ replicas: 9, because: "Start" });
  });

  test("a suspended one stays as it is", () => {
    const world = withLoad(scaledWorld(), [85]);
    const before = world.status.autoscaling;
    world.edit({ suspend: true });
    withLoad(world, [500]);
    expect(world.status.autoscaling).toEqual(before);
    expect(standing(world)).toEqual([9]);
  });
});

describe("what is told", () => {
  test("each change once, and a maximum that is too low until it is not reached any more", () => {
    const world = scaledWorld();
    const out = loaded(world, [500]).reconcile();
    expect(out.events.map(({ reason, note }) => `${reason}: ${note}`)).toEqual([
      "ReplicasNotReady: pool default: 4 of 10 replicas are ready",
      "ScaledOut: 4 to 10 replicas of the first pool, because of: Maximum",
      "AtMaximum: more replicas are needed than maxReplicas: 10",
    ]);
    world.setReady(world.revisionName()).reconcile();
    expect(loaded(world, [95]).reconcile().events).toEqual([]);
    expect(condition(world, "ScalingLimited")).toMatchObject({ status: "True", reason: "AtMaximum" });
    world.passTime(600_000);
    withLoad(world, [40, 40, 40, 40, 40, 40]);
    expect(condition(world, "ScalingLimited")).toMatchObject({ status: "False", reason: "WithinMaximum" });
  });

  test("a load that moves within what the replicas carry writes nothing", () => {
    const world = withLoad(scaledWorld(), [38]);
    const { status } = world;
    for (const rate of [37, 39, 38.5, 36.2]) {
      world.passTime(15_000);
      withLoad(world, [rate]);
      expect(world.status).toEqual(status);
    }
  });

  test("nothing where spec.replicas says it all", () => {
    const world = servingWorld();
    expect(world.status.autoscaling).toBeUndefined();
    expect(condition(world, "ScalingActive")).toBeUndefined();
    expect(condition(world, "ScalingLimited")).toBeUndefined();
  });
});

describe("during a release", () => {
  const canary = {
    strategy: { type: "Canary", canary: { steps: [{ weight: "50%", minDuration: "10m" }] } },
  } as const;

  test("a candidate is promoted with as many replicas as the load needs, and not as the spec says", () => {
    const world = withLoad(scaledWorld(), [20, 20, 20, 20, 20, 20]);
    expect([wanted(world), world.spec.replicas]).toEqual([2, 4]);
    world.load = undefined;
    world.edit({ model: model("v2") }).settle();
    expect(world.status.revisions).toEqual({ stable: world.revisionName("v2") });
    expect(world.serversOf(world.revisionName("v2")).map(({ replicas }) => replicas)).toEqual([2]);
  });

  test("stable has the replicas of all the load, and the candidate those of its share of it", () => {
    const world = servingWorld({
      ...{ replicas: 4, autoscaling: BY_RATE },
      rollout: { strategy: { ...canary.strategy, canary: { steps: [...canary.strategy.canary.steps] } } },
    });
    world.edit({ model: model("v2") }).settle();
    const sizes = () =>
      ["v1", "v2"].map((name) => world.serversOf(world.revisionName(name)).map(({ replicas }) => replicas));
    expect(sizes()).toEqual([[4], [2]]);
    withLoad(world, [80]);
    expect(sizes()).toEqual([[8], [4]]);
    // Traffic stays where it is while the new replicas come.
    expect(world.status.traffic?.arms.map(({ weight }) => weight)).toEqual([5_000, 5_000]);
  });
});
