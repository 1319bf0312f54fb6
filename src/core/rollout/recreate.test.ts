/**
 * A release by Recreate: stable goes before the candidate comes, and comes back when that is given up.
 */
import { expect, test } from "@jest/globals";
import { CANARY, condition, follow, replicas, shares } from "../../../test/fixtures/released-world.ts";
import { model, servingWorld, type World } from "../../../test/fixtures/world.ts";

const v1 = (world: World) => world.revisionName("v1");
const v2 = (world: World) => world.revisionName("v2");

const recreating = () =>
  servingWorld({ replicas: 2, rollout: { strategy: { type: "Recreate" } } }).edit({ model: model("v2") });

test("is an outage that is told: stable goes first, then the candidate comes", () => {
  const world = recreating();
  world.reconcile();
  expect(replicas(world)).toEqual({ v1: 2, v2: 0 });
  world.reconcile();
  expect(shares(world)).toBe("");
  expect(replicas(world)).toEqual({ v1: 2, v2: 0 });
  expect(condition(world, "Ready")).toBe("False Recreating");
  expect(condition(world, "RolloutInProgress")).toBe("True Recreating");
  world.acknowledge().reconcile();
  expect(replicas(world)).toEqual({ v1: 0, v2: 0 });
  // Its pods hold the devices until they are gone.
  world.reconcile();
  expect(replicas(world)).toEqual({ v1: 0, v2: 0 });
  world.startPods().reconcile();
  expect(replicas(world)).toEqual({ v1: 0, v2: 2 });
  world.setReady(v2(world)).reconcile();
  expect(shares(world)).toBe("v2 100%");
  follow(world);
  expect(world.status.revisions).toEqual({ stable: v2(world) });
  expect(condition(world, "Ready")).toBe("True Serving");
});

test("is no outage where no replicas are asked for", () => {
  const world = recreating().edit({ replicas: 0 });
  follow(world);
  expect(condition(world, "Ready")).toBe("True ScaledToZero");
});

test("of a model that cannot be served ends with a return to the old one", () => {
  const world = servingWorld({ replicas: 2, rollout: { strategy: { type: "Recreate" } } });
  follow(world.edit({ model: model("broken-a") }), 8);
  expect(shares(world)).toBe("");
  follow(world.edit({ model: model("v1") }), 8);
  expect(shares(world)).toBe("v1 100%");
  expect(replicas(world)).toEqual({ v1: 2 });
});

test("that gives way to a canary leaves stable its role, though nothing of it stands", () => {
  const world = recreating();
  for (let look = 0; look < 4; look += 1) world.acknowledge().startPods().reconcile();
  world.setReady(v2(world)).reconcile();
  expect(shares(world)).toBe("v2 100%");
  world.setReady(v2(world), 0).edit({ model: model("v3"), rollout: CANARY });
  for (let look = 0; look < 3; look += 1) {
    world.acknowledge().reconcile();
    expect(world.status.revisions).toEqual({ stable: v1(world), candidate: world.revisionName("v3") });
  }
  expect(shares(follow(world, 8))).toBe("v3 10% v1 90%");
});

test("that is aborted brings stable back", () => {
  const world = recreating();
  world.reconcile();
  world.reconcile();
  follow(world.guide({ decision: "Abort" }), 8);
  expect(shares(world)).toBe("v1 100%");
  expect(condition(world, "Stalled")).toBe("True RolloutAborted");
});

test("that is aborted promotes nothing while stable is still away", () => {
  const world = recreating();
  for (let look = 0; look < 4; look += 1) world.acknowledge().startPods().reconcile();
  expect(replicas(world)).toEqual({ v1: 0, v2: 2 });
  world.guide({ decision: "Abort" });
  for (let look = 0; look < 4; look += 1) {
    world.reconcile();
    expect(world.status.revisions?.stable).toBe(v1(world));
  }
  expect(shares(follow(world, 8))).toBe("v1 100%");
});
