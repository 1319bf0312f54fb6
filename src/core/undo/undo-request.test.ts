/**
 * Which requests to undo are taken up, and where they lead.
 */
import { describe, expect, test } from "@jest/globals";
import { messageOf } from "../../../test/fixtures/found-conditions.ts";
import { CANARY, condition, follow, shares } from "../../../test/fixtures/released-world.ts";
import { badModelServes, followed, takenBack, undoEvents } from "../../../test/fixtures/undone-world.ts";
import { model, servingWorld, type World } from "../../../test/fixtures/world.ts";

const v1 = (world: World) => world.revisionName("v1");
const v2 = (world: World) => world.revisionName("v2");
const v3 = (world: World) => world.revisionName("v3");

describe("what served before", () => {
  test("is not the model that Git went back from", () => {
    const world = follow(badModelServes().edit({ model: model("v1") }), 8);
    expect(world.status.revisions).toEqual({ stable: v1(world) });
    expect(world.status.served).toEqual({ revisions: [v2(world), v1(world)] });
    const { events } = followed(world.undo("a"));
    expect(undoEvents(events)).toEqual(["Warning UndoRefused"]);
    expect(world.status.undo?.refusal).toContain(`these have served and are kept: ${v2(world)}`);
    expect(shares(world)).toBe("v1 100%");
    expect(condition(world, "Undone")).toBe("False UndoRefused");
  });

  test("is not the model that was undone, before and after the fix", () => {
    const world = takenBack();
    expect(world.status.served?.former).toBeUndefined();
    follow(world.edit({ model: model("v3") }), 8);
    expect(world.status.served).toMatchObject({ former: v1(world) });
    expect(shares(follow(world.undo("b"), 8))).toBe("v1 100%");
  });

  test("is kept for as long as it may be gone back to", () => {
    const world = badModelServes({ rollout: CANARY });
    for (let index = 0; index < 14; index++)
      follow(world.edit({ model: model(`broken-${String.fromCharCode(97 + index)}`) }), 2);
    expect(shares(follow(world.undo("a"), 8))).toBe("v1 100%");
  });
});

describe("a request is refused", () => {
  const ofFixed = () => follow(badModelServes().edit({ model: model("v3") }), 8);

  test.each<[string, () => World, (world: World) => string, string]>([
    ["of one that never served", () => badModelServes(), (world) => `a ${v3(world)}`, "has not served"],
    ["of a text", () => badModelServes(), () => "a b c", "expected a token"],
    ["of two blanks", () => badModelServes(), () => "a  b", "expected a token"],
    ["that is too long", () => badModelServes(), () => "a".repeat(129), "at most 128 characters"],
    ["of what serves", () => badModelServes(), (world) => `a ${v2(world)}`, "has the traffic already"],
    ["of a first model", () => servingWorld(), () => "a", "no other revision that is kept has served"],
    [
      "of a record that is gone",
      () => {
        const world = ofFixed();
        return world.deleteRevision(v1(world));
      },
      (world) => `a ${v1(world)}`,
      "the record of",
    ],
  ])("%s", (_what, make, request, why) => {
    const world = make();
    const before = shares(world);
    const { events } = followed(world.undo(request(world)));
    expect(world.status.undo?.refusal).toContain(why);
    expect(undoEvents(events)).toEqual(["Warning UndoRefused"]);
    expect(shares(world)).toBe(before);
    expect(condition(world, "Undone")).toBe("False UndoRefused");
    expect(condition(world, "Ready")).toBe("True Serving");
    // Whoever takes it away has heard it.
    expect(condition(follow(world.stripAnnotations(), 2), "Undone")).toBe("absent");
  });

  test("and names those that can be had", () => {
    const world = ofFixed().undo("a ranker-typo");
    world.reconcile();
    expect(world.status.undo?.refusal).toBe(
      `ranker-typo has not served; these have served and are kept: ${v1(world)}, ${v2(world)}`,
    );
  });

  test("without a word to what stands: the undo before it goes on", () => {
    const world = follow(takenBack().undo("b ranker-typo"), 4);
    expect(world.status.undo?.standing?.request).toBe("a");
    expect(condition(world, "Undone")).toBe("True Undone");
    expect(messageOf(world, "Undone")).toContain("the request to undo b ranker-typo was refused");
    expect(shares(world)).toBe("v1 100%");
  });

  test("without a name while a way back is under way: it would lead to what is undone", () => {
    const world = badModelServes().undo("a");
    world.reconcile();
    world.undo("b").reconcile();
    expect(world.status.undo?.refusal).toContain(`the way back to ${v1(world)} is under way`);
    expect(shares(follow(world, 8))).toBe("v1 100%");
  });
});

describe("a way back that a person gives up", () => {
  const givenUp = () => {
    const world = badModelServes().undo("a");
    world.reconcile();
    world.reconcile();
    return follow(world.guide({ decision: "Abort" }), 4);
  };

  test("stays given up, and says so", () => {
    const world = givenUp();
    expect(shares(world)).toBe("v2 100%");
    expect(condition(world, "Stalled")).toBe("True RolloutAborted");
    expect(messageOf(world, "Undone")).toContain("a person gave that release up");
  });

  test("is begun anew by another request", () => {
    const world = givenUp();
    expect(shares(follow(world.undo(`b ${v1(world)}`), 8))).toBe("v1 100%");
  });
});
