/**
 * On how many replicas a plan counts while some come, go, or are lost.
 */
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { inHoldback } from "../../../test/fixtures/held-back-world.ts";
import { trafficOf } from "../../../test/fixtures/planned-traffic.ts";
import { inStepOne } from "../../../test/fixtures/released-world.ts";
import { model, servingWorld, type World } from "../../../test/fixtures/world.ts";

const STANDBY = { name: "cpu", replicas: 1 };

/** `gpu 2, cpu 1`, of the first arm. */
function counted(world: World): string {
  const [arm] = trafficOf(world).arms;
  return (arm?.pools ?? []).map(({ pool, replicas }) => `${pool} ${replicas}`).join(", ");
}

const v1 = (world: World) => world.revisionName("v1");

/** A look that carries out what it decides, with so many replicas ready in the first pool. */
function look(world: World, ready: number, pool = "gpu"): World {
  world.reconcile();
  world.startPods();
  world.acknowledge();
  return world.setReady(v1(world), ready, pool);
}

const serving = () => servingWorld({ pools: [{ name: "gpu" }, STANDBY] });

describe("of replicas that come", () => {
  test("a plan counts on each once it is ready", () => {
    const world = serving().edit({ replicas: 6 });
    expect(counted(world)).toBe("gpu 2, cpu 1");
    expect(counted(look(world, 2))).toBe("gpu 2, cpu 1");
    expect(counted(look(world, 4))).toBe("gpu 4, cpu 1");
    expect(counted(look(world, 6))).toBe("gpu 6, cpu 1");
  });

  test("a plan counts on none any more when nobody wants them", () => {
    const world = look(look(serving().edit({ replicas: 6 }), 4), 4);
    expect(counted(world)).toBe("gpu 4, cpu 1");
    expect(counted(world.edit({ replicas: 3 }))).toBe("gpu 3, cpu 1");
  });

  test("a plan of an operator that counted on all of them at once keeps what it says", () => {
    const world = serving();
    const { traffic } = world.status;
    if (traffic === undefined) throw new Error("nothing serves");
    const arms = traffic.arms.map((arm) => ({
      ...arm,
      pools: arm.pools.map((pool) => (pool.pool === "gpu" ? { ...pool, replicas: 6 } : pool)),
    }));
    world.edit({ replicas: 6 }).report({
      ...world.reconcile(),
      status: { ...world.status, traffic: { ...traffic, arms } },
    });
    expect(counted(world)).toBe("gpu 6, cpu 1");
  });

  test("a first plan counts on all: nothing is known to carry the traffic with fewer", () => {
    const world = serving().edit({ replicas: 6 });
    world.report({ ...world.reconcile(), status: {} });
    expect(counted(world)).toBe("gpu 6, cpu 1");
  });

  test("neither does a release make a plan count on those of stable that come", () => {
    const pools = [{ name: "gpu" }, STANDBY];
    const world = inStepOne({ pools });
    const stable = () => trafficOf(world).arms.find(({ name }) => name === "Stable")?.pools[0];
    const candidate = () => trafficOf(world).arms.find(({ name }) => name === "Candidate")?.pools[0];
    world.edit({ replicas: 40 });
    expect([candidate()?.replicas, stable()?.replicas]).toEqual([2, 4]);
    world.reconcile();
    // Stable takes back the share of the candidate, and has as many replicas for it as before.
    world.edit({ model: model("v1") });
    expect(counted(world)).toBe("gpu 4, cpu 1");
  });
});

describe("of replicas that are lost", () => {
  test("a plan counts on them as before, and the next pool has their part", () => {
    const world = serving();
    expect(counted(world.setReady(v1(world), 1, "gpu"))).toBe("gpu 2, cpu 1");
    expect(counted(world.setReady(v1(world), 0, "gpu"))).toBe("gpu 2, cpu 1");
  });

  test("a plan counts on those that had come, too", () => {
    const world = look(look(serving().edit({ replicas: 6 }), 5), 5);
    expect(counted(look(world, 3))).toBe("gpu 5, cpu 1");
  });
});

describe("what a pool gets anew", () => {
  test.each([
    ["another name", [{ name: "new" }, STANDBY], "new 6, cpu 1, gpu 2"],
    ["the standby's name", [{ name: "cpu" }, { name: "gpu", replicas: 2 }], "cpu 6, gpu 2"],
  ])("under %s is carried by all of its replicas", (_what, pools, expected) => {
    expect(counted(serving().edit({ replicas: 6, pools }))).toBe(expected);
  });

  test("in a holdback that is lost is carried by all of the replicas of the old revision", () => {
    const world = inHoldback({ replicas: 4, pools: [{ name: "gpu" }, STANDBY] });
    const control = trafficOf(world).arms.find(({ name }) => name === "Stable");
    expect(control?.pools[0]).toMatchObject({ pool: "gpu", replicas: 1 });
    world.setReady(world.revisionName("v2"), 0);
    const [arm] = trafficOf(world).arms;
    expect(arm?.pools[0]).toMatchObject({ pool: "gpu", revision: v1(world), replicas: 4 });
  });
});

test("whatever happens, what is ready and was enough stays enough, and what is lost is missed", () => {
  const sizes = fc.integer({ min: 1, max: 12 });
  fc.assert(
    fc.property(sizes, sizes, fc.nat({ max: 12 }), (before, asked, ready) => {
      const world = servingWorld({ replicas: before, pools: [{ name: "gpu" }, STANDBY] });
      world.edit({ replicas: Math.max(before, asked) }).reconcile();
      world.edit({ replicas: asked }).setReady(v1(world), ready, "gpu");
      const isReady = Math.min(ready, Math.max(before, asked));
      const [first] = trafficOf(world).arms[0]?.pools ?? [];
      const count = first?.replicas ?? 0;
      expect(count).toBe(Math.min(asked, Math.max(before, isReady)));
      if (isReady >= before) expect(isReady).toBeGreaterThanOrEqual(count);
      else expect(count).toBe(Math.min(asked, before));
    }),
    { numRuns: 300 },
  );
});
