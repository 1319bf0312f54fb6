/**
 * The way back of an undo in the world of a ModelDeployment: beside each strategy, and in the midst of a release.
 */
import { describe, expect, test } from "@jest/globals";
import { messageOf } from "../../../test/fixtures/found-conditions.ts";
import { CANARY, condition, follow, replicas, shares } from "../../../test/fixtures/released-world.ts";
import { badModelServes, followed, takenBack, undoEvents } from "../../../test/fixtures/undone-world.ts";
import { VALIDATION } from "../../../test/fixtures/validations.ts";
import { model, type World } from "../../../test/fixtures/world.ts";

const v1 = (world: World) => world.revisionName("v1");
const v2 = (world: World) => world.revisionName("v2");
const v3 = (world: World) => world.revisionName("v3");

describe("the way back", () => {
  test("is told, serves all the while, and takes no steps", () => {
    const world = badModelServes({ rollout: CANARY }).undo("a");
    const { events, traffic } = followed(world);
    expect([...new Set(traffic)]).toEqual(["v2 100%", "v1 100%"]);
    expect(undoEvents(events)).toEqual(["Normal Undoing"]);
    expect(world.status.revisions).toEqual({ stable: v1(world) });
    expect(world.rollout.spec).toMatchObject({ revision: v1(world), strategy: { type: "BlueGreen" } });
    expect(world.status.rollout?.undo).toBe("a");
    expect(replicas(world)).toEqual({ v1: 2 });
    expect(world.status.undo?.standing).toMatchObject({ request: "a", revision: v1(world) });
  });

  test("keeps stable serving until all replicas are there, and gives all at once", () => {
    const world = badModelServes().undo("a");
    world.reconcile();
    world.reconcile();
    expect(replicas(world)).toEqual({ v1: 2, v2: 2 });
    expect(messageOf(world, "Undone")).toBe(
      `a person has the traffic taken back to ${v1(world)} (request a): ${v2(world)} serves until all replicas of ${v1(world)} are ready; ${v2(world)}, which the spec states, is not released until spec.model is another one, or petrel retry asks for it`,
    );
    world.setReady(v1(world), 1).reconcile();
    expect(shares(world)).toBe("v2 100%");
    world.setReady(v1(world)).reconcile();
    expect(shares(world)).toBe("v1 100%");
    expect(messageOf(world, "Undone")).toContain("the routers take it up");
  });

  test("asks no gate and no validation", () => {
    const gates = [{ name: "judge", type: "WebHook" as const, webHook: { url: "http://judge" } }];
    const world = badModelServes({ rollout: { ...CANARY, gates } });
    world.edit({ validation: VALIDATION, model: model("v2") });
    expect(shares(follow(world.undo("a"), 8))).toBe("v1 100%");
    expect(world.rollout.spec.gates).toBeUndefined();
    expect(world.jobs.keys).toEqual([]);
  });

  test("says that it stands once it is done, and what serves is ready", () => {
    const world = takenBack();
    expect(condition(world, "Undone")).toBe("True Undone");
    expect(condition(world, "Ready")).toBe("True Serving");
    expect(condition(world, "Stalled")).toBe("True Undone");
    expect(condition(world, "Promoted")).toBe("False Undone");
    expect(condition(world, "RolloutInProgress")).toBe("False Undone");
    expect(condition(world, "Reconciling")).toBe("absent");
    expect(messageOf(world, "Undone")).toContain(`taken back to ${v1(world)} (request a)`);
  });

  test("goes to a revision that is named", () => {
    const world = follow(badModelServes().edit({ model: model("v3") }), 8);
    expect(shares(follow(world.undo(`a ${v1(world)}`), 8))).toBe("v1 100%");
    expect(world.status.undo?.standing?.revision).toBe(v1(world));
  });

  test("of a model without replicas is a change of role", () => {
    const world = badModelServes();
    follow(world.edit({ replicas: 0 }));
    follow(world.undo("a"));
    expect(world.status.revisions).toEqual({ stable: v1(world) });
    expect(shares(follow(world.edit({ replicas: 2 }), 8))).toBe("v1 100%");
  });
});

describe("a release under way", () => {
  /** `v3` has a share beside `v2`, which is stable. */
  const inStep = () => follow(badModelServes({ rollout: CANARY }).edit({ model: model("v3") }));

  test("is given up, and the traffic goes to what served before stable", () => {
    const world = inStep();
    expect(shares(world)).toBe("v3 10% v2 90%");
    const { traffic } = followed(world.undo("a"));
    expect([...new Set(traffic)]).toEqual(["v2 100%", "v1 100%"]);
    expect(world.rollouts.at(-2)?.status).toMatchObject({
      phase: "Superseded",
      verdict: { reason: "Undone", message: "a person had the traffic taken back" },
    });
    expect(condition(world, "Stalled")).toBe("True Undone");
  });

  test("is given up for stable, where that is named", () => {
    const world = inStep();
    follow(world.undo(`a ${v2(world)}`), 8);
    expect(shares(world)).toBe("v2 100%");
    expect(world.rollout.status.verdict?.reason).toBe("Undone");
    expect(condition(world, "Undone")).toBe("True Undone");
    expect(condition(world, "Promoted")).toBe("False Undone");
    // The spec states what was given up, again and again.
    expect(shares(follow(world.edit({ replicas: 3 }), 8))).toBe("v2 100%");
  });

  test("with all the traffic is what is undone: stable served before it", () => {
    const world = badModelServes().edit({ model: model("v3") });
    world.reconcile();
    world.setReady(v3(world)).reconcile();
    world.setReady(v3(world)).reconcile();
    expect(shares(world)).toBe("v3 100%");
    world.acknowledge().undo("a").reconcile();
    expect(shares(world)).toBe("v2 100%");
    follow(world);
    expect(world.status.revisions).toEqual({ stable: v2(world) });
  });

  test("does not make it wait, whatever the spec says of new revisions", () => {
    const world = inStep().edit({ rollout: { ...CANARY, onNewRevision: "Queue" } });
    expect(shares(follow(world.undo("a"), 8))).toBe("v1 100%");
  });

  test("of the very revision goes on as the way back, without its steps and its pause", () => {
    const world = follow(badModelServes({ rollout: CANARY }).edit({ model: model("v1") }));
    expect(shares(world)).toBe("v1 10% v2 90%");
    const { name } = world.rollout;
    world.guide({ paused: true }).undo(`a ${v1(world)}`);
    expect(shares(follow(world, 8))).toBe("v1 100%");
    expect(world.rollout.name).toBe(name);
    // The spec states that revision: nothing was undone that somebody still asks for.
    expect(world.status.undo?.standing).toBeUndefined();
    expect(condition(world, "Promoted")).toBe("True Promoted");
  });

  test.each(["BlueGreen", "Recreate"] as const)("that is paused goes on, too: %s", (type) => {
    const world = badModelServes({ rollout: { strategy: { type } } }).edit({ model: model("v1") });
    world.reconcile();
    world.guide({ paused: true }).undo(`a ${v1(world)}`);
    expect(shares(follow(world, 10))).toBe("v1 100%");
  });

  test("is the way back's only where its revision is what the undo names", () => {
    const world = inStep().undo("a");
    world.setReady(v2(world), 0).reconcile();
    // Stable cannot take the traffic back, so what has it keeps its share and its own release.
    expect(world.status.revisions).toEqual({ stable: v2(world), candidate: v3(world) });
    expect(world.status.rollout).toMatchObject({ revision: v3(world) });
    expect(world.status.rollout?.undo).toBeUndefined();
    expect(messageOf(world, "Undone")).toContain(`${v3(world)} keeps what it has until ${v2(world)}`);
    expect(shares(follow(world, 10))).toBe("v1 100%");
  });
});

describe("with Recreate", () => {
  const rollout = { strategy: { type: "Recreate" as const } };

  test("what serves goes first, and the words say so", () => {
    const world = badModelServes({ rollout }).undo("a");
    world.reconcile();
    world.reconcile();
    expect(messageOf(world, "Undone")).toContain(
      `${v2(world)} is taken away first, and nothing answers until ${v1(world)} is ready`,
    );
    expect(condition(world, "Ready")).toBe("False Recreating");
    expect(shares(world)).toBe("");
    expect(shares(follow(world, 8))).toBe("v1 100%");
    expect(replicas(world)).toEqual({ v1: 2 });
  });

  /** `v3` has taken `v2`'s place on the devices, and one replica of it is ready. */
  const halfWay = () => {
    const world = badModelServes({ rollout }).edit({ model: model("v3") });
    for (let look = 0; look < 5; look++) world.acknowledge().startPods().reconcile();
    world.setReady(v3(world)).reconcile();
    expect(shares(world)).toBe("v3 100%");
    return world.acknowledge().setReady(v3(world), 1);
  };

  test.each(["v1", "v2"])("a release that hangs does not hold it up, to %s", (name) => {
    const world = halfWay();
    const target = world.revisionName(name);
    world.undo(`a ${target}`);
    // Devices are free for the target once what hangs is gone.
    for (let look = 0; look < 12; look++) {
      const isFree = world.serversOf(v3(world)).every(({ pods }) => pods.length === 0);
      if (isFree) world.setReady(target);
      world.acknowledge().reconcile();
      world.startPods();
    }
    expect(shares(world)).toBe(`${name} 100%`);
    expect(world.status.revisions).toEqual({ stable: target });
  });
});
