/**
 * What is said of the pools behind the first one.
 */
import { describe, expect, test } from "@jest/globals";
import { inHoldback } from "../../../test/fixtures/held-back-world.ts";
import { condition } from "../../../test/fixtures/released-world.ts";
import { model, servingWorld, type World } from "../../../test/fixtures/world.ts";

/** `True StandbyCovers 100`. */
function told(world: World): string {
  world.reconcile();
  return `${condition(world, "StandbyReady")} ${world.status.standby?.coverage}`;
}

const NOTHING = "absent undefined";

function standby(needed: number, ready: number): World {
  const world = servingWorld({ replicas: needed, pools: [{ name: "gpu" }, { name: "cpu", replicas: 20 }] });
  return world.setReady(world.revisionName("v1"), ready, "cpu");
}

describe("of a standby", () => {
  test.each([
    [4, 4, "True StandbyCovers 100"],
    [4, 20, "True StandbyCovers 100"],
    [4, 3, "False StandbyShort 70"],
    [4, 0, "False StandbyNotReady 0"],
    [16, 15, "False StandbyShort 90"],
    [16, 14, "False StandbyShort 80"],
    [16, 1, "False StandbyShort 0"],
  ])("for %s replicas with %s ready: %s", (needed, ready, expected) => {
    expect(told(standby(needed, ready))).toBe(expected);
  });

  test("replicas of a revision on its way count for nothing", () => {
    const world = standby(4, 0).edit({ model: model("v2") });
    world.reconcile();
    world.setReady(world.revisionName("v2"), 20, "cpu");
    world.setReady(world.revisionName("v2"), 0, "gpu");
    expect(told(world)).toBe("False StandbyNotReady 0");
  });

  test("in a holdback those of the revision that serves count", () => {
    const world = inHoldback({ replicas: 4, pools: [{ name: "gpu" }, { name: "cpu", replicas: 4 }] });
    expect(told(world.setReady(world.revisionName("v1"), 0, "cpu"))).toBe("True StandbyCovers 100");
  });

  test("all of its pools count together", () => {
    const pools = [{ name: "gpu" }, { name: "cpu", replicas: 2 }, { name: "spot", replicas: 2 }];
    expect(told(servingWorld({ replicas: 4, pools }))).toBe("True StandbyCovers 100");
  });

  test("less is said of more that is asked for in the first pool", () => {
    const world = standby(4, 4);
    expect(told(world)).toBe("True StandbyCovers 100");
    expect(told(world.edit({ replicas: 40 }))).toBe("False StandbyShort 10");
  });

  test("nothing is ready because of it", () => {
    const world = standby(4, 4).edit({ replicas: 40 });
    world.settle();
    world.setReady(world.revisionName("v1"), 0, "cpu").reconcile();
    const said = world.status.conditions?.find(({ type }) => type === "Ready");
    expect(said?.reason).toBe("ReplicasNotReady");
  });

  test("words stay within a step", () => {
    const world = standby(20, 5);
    const wordsNow = () => {
      world.reconcile();
      return world.status.conditions?.find(({ type }) => type === "StandbyReady");
    };
    const before = wordsNow();
    world.setReady(world.revisionName("v1"), 4, "cpu");
    expect(wordsNow()).toEqual(before);
  });
});

describe("nothing is said", () => {
  test("where there is one pool alone", () => {
    expect(told(servingWorld())).toBe(NOTHING);
  });

  test("where the first pool is to have no replicas", () => {
    expect(told(standby(4, 4).edit({ replicas: 0 }))).toBe(NOTHING);
  });
});
