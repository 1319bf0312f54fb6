/**
 * What is lost in a holdback, and on the way back from there: one of two writes, a node, an object.
 */
import { describe, expect, test } from "@jest/globals";
import { messageOf } from "../../../test/fixtures/found-conditions.ts";
import { givenUpIn, inHoldback, whereIs } from "../../../test/fixtures/held-back-world.ts";
import { HOUR } from "../../../test/fixtures/release.ts";
import { condition, follow, replicas, shares } from "../../../test/fixtures/released-world.ts";
import { model, type World } from "../../../test/fixtures/world.ts";
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

/** Pods come up as there are devices, and what finds none says so; a pod that a Deployment has too many frees its own. */
function onDevices(world: World, devices: number): World {
  world.reconcile();
  world.startPods();
  const pods = world.servers.flatMap((servers) => servers.pods);
  let free = devices - pods.filter(({ isReady }) => isReady).length;
  for (const pod of pods) {
    delete pod.trouble;
    if (pod.isReady) continue;
    if (free > 0) pod.isReady = true;
    else pod.trouble = { type: "Unschedulable", message: "0/3 nodes are available: 3 Insufficient gpu." };
    free -= 1;
  }
  return world.acknowledge();
}

/** The old revision has lost all its replicas with a node, and so many devices are left. */
function withoutSpareDevice(
  count: number,
  devices = count,
): { readonly world: World; readonly seen: string[] } {
  const world = inHoldback({ replicas: count });
  world.setReady(world.revisionName("v1"), 0).guide({ decision: "Abort" });
  const seen: string[] = [];
  for (let look = 0; look < 12 * count; look++) {
    onDevices(world, devices);
    const ready = world.servers.flatMap(({ pods }) => pods).filter(({ isReady }) => isReady).length;
    const text = `${shares(world)}, ${ready} ready`;
    if (seen.at(-1) !== text) seen.push(text);
  }
  return { world, seen };
}

describe("no device is free for the old revision: the new one makes room", () => {
  test("one by one, and the two lack one replica at most", () => {
    const { world, seen } = withoutSpareDevice(4);
    expect([...new Set(seen.map((text) => text.split(",")[0]))]).toEqual([
      "v2 95% v1 5%",
      "v2 75% v1 25%",
      "v2 50% v1 50%",
      "v1 100%",
    ]);
    for (const text of seen) expect(text).toMatch(/ [34] ready$/);
    expect(world.rollouts[0]?.status.verdict?.outcome).toBe("Aborted");
    expect(replicas(world)).toEqual({ v1: 4 });
  });

  test.each([2, 3, 5, 7].flatMap((count) => [0, 1, 2].map((spare) => [count, spare] as const)))(
    "of %d replicas, with %d devices more",
    (count, spare) => {
      const { world, seen } = withoutSpareDevice(count, count + spare);
      expect(shares(world)).toBe("v1 100%");
      expect(world.rollouts[0]?.status.verdict?.outcome).toBe("Aborted");
      for (const text of seen)
        expect(Number(/(\d+) ready$/.exec(text)?.[1])).toBeGreaterThanOrEqual(count - 1);
    },
  );

  test("but not its only replica: a harmful answer is better than none, and what is awaited is told", () => {
    const { world, seen } = withoutSpareDevice(1);
    expect(seen).toEqual(["v2 95% v1 5%, 1 ready"]);
    expect(whereIs(world)).toBe("Returning 3 of 4 95%");
    expect(messageOf(world, "RolloutInProgress")).toContain("Insufficient gpu");
    for (let look = 0; look < 6; look++) onDevices(world, 2);
    expect(shares(world)).toBe("v1 100%");
  });

  test("and no more than one where that is of no use", () => {
    const world = inHoldback();
    world.setReady(world.revisionName("v1"), 0).guide({ decision: "Abort" });
    for (let look = 0; look < 12; look++) {
      world.reconcile();
      world.setReady(world.revisionName("v1"), 0).setReady(world.revisionName("v2")).acknowledge();
      world.setTrouble(world.revisionName("v1"), { type: "Unschedulable", message: "no such node" });
    }
    expect(shares(world)).toBe("v2 95% v1 5%");
    expect(replicas(world)).toEqual({ v1: 4, v2: 3 });
  });

  test("and none where a device is free: what comes up is waited for", () => {
    const world = inHoldback();
    world.guide({ decision: "Abort" });
    for (let look = 0; look < 4; look++) {
      world.reconcile();
      world.setReady(world.revisionName("v1"), 1).setReady(world.revisionName("v2")).acknowledge();
    }
    expect(replicas(world)).toEqual({ v1: 4, v2: 3 });
  });
});

describe("the ModelRollout while the traffic goes back", () => {
  test("the way back goes on, by the verdict that the ModelDeployment remembers", () => {
    const world = givenUpIn(inHoldback());
    expect(world.status.rollout?.returning?.reason).toBe("DecidedByPerson");
    world.deleteRollout();
    for (let look = 0; look < 4; look++) {
      world.reconcile();
      world.acknowledge();
      expect(shares(world)).toBe("v2 75% v1 25%");
      expect(replicas(world)).toEqual({ v1: 4, v2: 3 });
      expect(world.status.rollout).toMatchObject({ heldBack: "5%", returning: { outcome: "Aborted" } });
    }
    expect(whereIs(world)).toBe("Returning 3 of 4 75%");
    follow(world, 8);
    expect(shares(world)).toBe("v1 100%");
    expect(world.rollouts[0]?.status.verdict).toMatchObject({
      outcome: "Aborted",
      message: "a person gave the release up",
    });
    expect(world.status.rollout?.returning).toBeUndefined();
  });

  test("again and again, and though the new one is whole and a person wants it promoted", () => {
    const world = givenUpIn(inHoldback());
    for (let look = 0; look < 6; look++) {
      world.deleteRollout().reconcile();
      world.reconcile();
      world.guide({ decision: "Promote" }).reconcile();
      world.acknowledge();
    }
    expect(shares(world)).toBe("v2 75% v1 25%");
    follow(world, 8);
    expect(shares(world)).toBe("v1 100%");
  });

  test("nothing of it is left for the next release of the same model", () => {
    const world = follow(givenUpIn(inHoldback()).deleteRollout(), 12);
    follow(world.retry("1"), 2);
    expect(shares(world)).toBe("v2 10% v1 90%");
    expect(world.status.rollout?.heldBack).toBeUndefined();
    expect(world.rollout.status.phase).toBe("Progressing");
  });
});

describe("the ModelRollout in a holdback: the verdict says what is known", () => {
  test("after its time", () => {
    const world = follow(inHoldback().deleteRollout(), 4);
    follow(world.passTime(96 * HOUR), 6);
    expect(world.rollouts[0]?.status.verdict).toMatchObject({
      reason: "StepsPassed",
      message: "it has all the traffic",
    });
  });

  test("where a person ends it, and where a third revision does", () => {
    const byPerson = follow(inHoldback().deleteRollout(), 4).guide({ decision: "Promote" });
    expect(follow(byPerson, 6).rollouts[0]?.status.verdict?.message).toBe("a person ended its holdback");
    const byThird = follow(inHoldback().deleteRollout(), 4).edit({ model: model("v3") });
    expect(follow(byThird, 8).rollouts[0]?.status.verdict?.message).toContain(
      "the spec asks for another revision",
    );
  });

  test("once it has all the traffic", () => {
    const world = inHoldback().guide({ decision: "Promote" });
    world.reconcile();
    world.deleteRollout();
    follow(world, 6);
    expect(shares(world)).toBe("v2 100%");
    expect(world.rollouts[0]?.status.verdict?.message).toBe(
      "it has all the traffic; its ModelRollout was deleted, and with it what became of its steps",
    );
  });
});
