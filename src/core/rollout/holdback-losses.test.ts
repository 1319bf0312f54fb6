/**
 * What is lost in a holdback, and on the way back from there: one of two writes, a node, an object.
 */
import { expect, test } from "@jest/globals";
import { inHoldback, whereIs } from "../../../test/fixtures/held-back-world.ts";
import { HOUR } from "../../../test/fixtures/release.ts";
import { condition, follow, replicas, shares } from "../../../test/fixtures/released-world.ts";
import { decide } from "../decide.ts";
import { servingRevision } from "./leading-revision.ts";

test("a write between the two that begin it, and a replica: stable keeps what carries its share", () => {
  const world = inHoldback({ steps: 2 });
  world.passTime(HOUR);
  const before = world.status;
  for (let look = 0; look < 6 && world.rollout.status.step === 2; look++) {
    world.startPods();
    for (const { revision } of world.servers) world.setReady(revision);
    world.reconcile();
  }
  world.report({ ...decide(world.observation()), status: before });
  expect(whereIs(world)).toBe("HoldingBack 3 of 4 95%");
  expect(world.status.rollout?.heldBack).toBeUndefined();

  world.setReady(world.revisionName("v2"), 3).reconcile();
  world.acknowledge();
  world.reconcile();
  expect(shares(world)).toBe("v2 50% v1 50%");
  expect(replicas(world)).toEqual({ v1: 2, v2: 4 });
  expect(world.status.rollout?.heldBack).toBe("5%");
  expect(condition(world, "Promoted")).toMatch(/^False/);

  follow(world);
  expect(shares(world)).toBe("v2 95% v1 5%");
  expect(replicas(world)).toEqual({ v1: 1, v2: 4 });
});

test("every replica of the new revision: the old one is what serves, until one is back", () => {
  const world = inHoldback();
  expect(servingRevision(world.status)).toBe(world.revisionName("v2"));
  world.setReady(world.revisionName("v2"), 0).reconcile();
  expect(world.status.rollout?.heldBack).toBe("5%");
  expect(servingRevision(world.status)).toBe(world.revisionName("v1"));
  follow(world);
  expect(servingRevision(world.status)).toBe(world.revisionName("v2"));
});
