/**
 * The spec asks for another revision in mid-rollout: which one goes on, and what becomes of the release.
 */
import { expect, test } from "@jest/globals";
import { HOUR } from "../../../test/fixtures/release.ts";
import { CANARY, follow, inStepOne, replicas, shares } from "../../../test/fixtures/released-world.ts";
import { model, servingWorld } from "../../../test/fixtures/world.ts";

test("supersedes it: the candidate leaves, the new one begins at its first step", () => {
  const world = follow(inStepOne().passTime(HOUR)).edit({ model: model("v3") });
  world.reconcile();
  expect(shares(world)).toBe("v1 100%");
  follow(world);
  expect(shares(world)).toBe("v3 10% v1 90%");
  expect(world.rollouts.map(({ status }) => status.phase)).toEqual(["Superseded", "Progressing"]);
  expect(replicas(world)).toEqual({ v1: 4, v3: 2 });
});

test("waits in the queue until it is finished", () => {
  const world = inStepOne({ rollout: { ...CANARY, onNewRevision: "Queue" } }).edit({ model: model("v3") });
  expect(shares(follow(world))).toBe("v2 10% v1 90%");
  follow(world.guide({ decision: "Promote" }), 8);
  expect(world.rollouts.map(({ status }) => status.phase)).toEqual(["Promoted", "Progressing"]);
  expect(shares(world)).toBe("v3 10% v2 90%");
});

test("waits for none without traffic, which may be one that never starts", () => {
  const world = servingWorld({ replicas: 4, rollout: { ...CANARY, onNewRevision: "Queue" } }).edit({
    model: model("broken"),
  });
  expect(shares(follow(world))).toBe("v1 100%");
  expect(shares(follow(world.edit({ model: model("v3") }), 8))).toBe("v3 10% v1 90%");
  expect(world.rollouts.map(({ status }) => status.phase)).toEqual(["Superseded", "Progressing"]);
});

test("begins after an abort of what it waited for", () => {
  const world = inStepOne({ rollout: { ...CANARY, onNewRevision: "Queue" } }).edit({ model: model("v3") });
  expect(shares(follow(follow(world).guide({ decision: "Abort" })))).toBe("v3 10% v1 90%");
});

test.each(["Queue", "Supersede"] as const)("that is stable's again ends it, with %s", (onNewRevision) => {
  const world = inStepOne({ rollout: { ...CANARY, onNewRevision } }).edit({ model: model("v1") });
  world.reconcile();
  expect(shares(world)).toBe("v1 100%");
  follow(world);
  expect(world.rollout.status.verdict).toMatchObject({
    outcome: "Superseded",
    reason: "ReturnedToStable",
  });
  expect(replicas(world)).toEqual({ v1: 4 });
  expect(world.status.rollout).toEqual({ number: 1 });
});
