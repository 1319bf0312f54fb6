/**
 * The record of what an undo goes back to is lost: nothing moves, and above all not to what was undone.
 */
import { describe, expect, test } from "@jest/globals";
import { messageOf } from "../../../test/fixtures/found-conditions.ts";
import { condition, follow, shares } from "../../../test/fixtures/released-world.ts";
import { badModelServes, followed, takenBack, undoEvents } from "../../../test/fixtures/undone-world.ts";
import { model, type World } from "../../../test/fixtures/world.ts";
import { decide } from "../decide.ts";

const v1 = (world: World) => world.revisionName("v1");

function lose(world: World): World {
  return world.deleteRevision(v1(world));
}

describe("once the way back is done", () => {
  test("the traffic stays where it is, and the reason is told", () => {
    const world = lose(takenBack());
    const { traffic, events } = followed(world, 4);
    expect([...new Set(traffic)]).toEqual(["v1 100%"]);
    expect(world.status.revisions).toEqual({ stable: v1(world) });
    expect(condition(world, "Stalled")).toBe("True UndoTargetLost");
    expect(condition(world, "Ready")).toBe("False UndoTargetLost");
    expect(condition(world, "Available")).toBe("True Serving");
    expect(condition(world, "Promoted")).toBe("False UndoTargetLost");
    expect(messageOf(world, "Stalled")).toContain(`the ControllerRevision ${v1(world)}`);
    expect(events.map(({ type, reason }) => `${type} ${reason}`)).toEqual(["Warning UndoTargetLost"]);
  });

  test("nothing is written", () => {
    const world = lose(takenBack()).edit({ replicas: 7 });
    const { apply, scale, remove } = decide(world.observation());
    expect([apply, scale, remove]).toEqual([[], [], []]);
  });

  test("also while it is suspended", () => {
    const world = lose(takenBack()).edit({ suspend: true });
    expect(shares(follow(world, 4))).toBe("v1 100%");
    expect(world.status.revisions).toEqual({ stable: v1(world) });
    expect(condition(world, "Suspended")).toBe("True Suspended");
    follow(world.edit({ suspend: false }), 4);
    expect(world.status.revisions).toEqual({ stable: v1(world) });
  });

  test("all goes on once the record is back", () => {
    const world = takenBack();
    const [record] = world.revisions.filter(({ name }) => name === v1(world));
    follow(lose(world), 2);
    if (record !== undefined) world.revisions.push(record);
    follow(world, 2);
    expect(condition(world, "Undone")).toBe("True Undone");
    expect(condition(world, "Ready")).toBe("True Serving");
  });

  test("the spec may bring it back", () => {
    const world = follow(lose(takenBack()), 2).edit({ model: model("v1") });
    expect(shares(follow(world, 4))).toBe("v1 100%");
    expect(condition(world, "Promoted")).toBe("True Promoted");
    expect(world.status.undo?.standing).toBeUndefined();
  });

  test("another model is released, and v1 serves until it is ready", () => {
    const world = follow(lose(takenBack()), 2).edit({ model: model("v3") });
    const { traffic, events } = followed(world);
    expect([...new Set(traffic.map((text) => text.split(" ")[0]))]).toEqual(["v1", "v3"]);
    expect(undoEvents(events)).toEqual(["Normal UndoEnded"]);
  });

  test("a retry releases what was undone, and an Event says so", () => {
    const world = follow(lose(takenBack()), 2).retry("1");
    const { events } = followed(world);
    expect(shares(world)).toBe("v2 100%");
    expect(undoEvents(events)).toEqual(["Normal UndoEnded"]);
  });
});

describe("on the way back", () => {
  test("stable serves on, with the same role, and the reason is told", () => {
    const world = badModelServes().undo("a");
    world.reconcile();
    world.reconcile();
    expect(shares(follow(lose(world), 4))).toBe("v2 100%");
    expect(condition(world, "Stalled")).toBe("True UndoTargetLost");
  });

  test("what has all the traffic keeps it", () => {
    const world = badModelServes().undo("a");
    world.reconcile();
    world.setReady(v1(world)).reconcile();
    world.setReady(v1(world)).reconcile();
    expect(shares(world)).toBe("v1 100%");
    expect(shares(follow(lose(world), 4))).toBe("v1 100%");
  });

  test("another one that served may be named", () => {
    const world = follow(badModelServes().edit({ model: model("v3") }), 8);
    world.undo(`a ${world.revisionName("v2")}`).reconcile();
    world.deleteRevision(world.revisionName("v2"));
    expect(shares(follow(world.undo(`b ${v1(world)}`), 8))).toBe("v1 100%");
  });
});
