/**
 * How long an undo stands in the world of a ModelDeployment, and what ends it.
 */
import { describe, expect, test } from "@jest/globals";
import { messageOf } from "../../../test/fixtures/found-conditions.ts";
import { CANARY, condition, follow, shares } from "../../../test/fixtures/released-world.ts";
import { badModelServes, followed, takenBack, undoEvents } from "../../../test/fixtures/undone-world.ts";
import { model, type World } from "../../../test/fixtures/world.ts";

const v1 = (world: World) => world.revisionName("v1");
const v3 = (world: World) => world.revisionName("v3");

describe("an undo stands", () => {
  test.each<[string, (world: World) => World]>([
    ["the same spec is applied again", (world) => world.edit({ model: model("v2") })],
    ["replicas change", (world) => world.edit({ replicas: 5 })],
    ["the runtime changes", (world) => world.edit({ runtime: { name: "onnxruntime", intraOpThreads: 4 } })],
    ["pools change", (world) => world.edit({ pools: [{ name: "other" }] })],
    [
      "a pool gets a model of its own",
      (world) => world.edit({ pools: [{ name: "default", model: model("small") }] }),
    ],
    ["the strategy changes", (world) => world.edit({ rollout: CANARY })],
    [
      "the model lies elsewhere, with the same digest",
      (world) => world.edit({ model: { ...model("v2"), uri: "https://mirror.example/v2.onnx" } }),
    ],
    ["the annotations are taken away", (world) => world.stripAnnotations()],
    ["the operator starts anew, a day later", (world) => world.passTime(86_400_000)],
  ])("when %s", (_what, act) => {
    const world = takenBack();
    const stable = v1(world);
    const { events } = followed(act(world), 10);
    expect(world.status.revisions).toEqual({ stable });
    expect(world.status.traffic?.arms.map(({ pools }) => pools[0]?.revision)).toEqual([stable]);
    expect(world.status.undo?.standing?.request).toBe("a");
    expect(events.filter(({ reason }) => reason === "NewRevision")).toEqual([]);
    expect(condition(world, "Undone")).toBe("True Undone");
    // Other changes apply to what serves.
    expect(condition(world, "Ready")).toBe("True Serving");
    expect(world.servers.map(({ replicas }) => replicas)).toEqual([world.spec.replicas]);
  });

  test("when the token of a retry that was there before is taken away, or comes again", () => {
    const world = follow(badModelServes().retry("1").undo("a"), 8);
    expect(shares(follow(world.stripAnnotations(), 8))).toBe("v1 100%");
    expect(shares(follow(world.retry("1").undo("a"), 8))).toBe("v1 100%");
    expect(world.status.undo?.standing?.request).toBe("a");
  });

  test("while it is suspended, and requests wait for its end", () => {
    const world = badModelServes().edit({ suspend: true }).undo("a");
    expect(shares(follow(world))).toBe("v2 100%");
    expect(world.status.undo).toBeUndefined();
    follow(world.edit({ suspend: false }), 8);
    expect(shares(world)).toBe("v1 100%");
    follow(world.edit({ suspend: true, model: model("v3") }));
    expect(world.status.undo?.standing?.request).toBe("a");
  });

  test("when the spec goes from one undone model to another", () => {
    // v3 was given up beside v2, then v2 was undone.
    const world = follow(badModelServes({ rollout: CANARY }).edit({ model: model("v3") }));
    follow(world.guide({ decision: "Abort" }));
    follow(world.undo("a"), 8);
    expect(shares(world)).toBe("v1 100%");
    expect(shares(follow(world.edit({ model: model("v2") }), 8))).toBe("v1 100%");
    expect(shares(follow(world.edit({ model: model("v3") }), 8))).toBe("v1 100%");
    expect(world.status.undo?.standing?.request).toBe("a");
  });
});

describe("what asks for nothing ends no undo", () => {
  test.each([
    ["an empty retry", (world: World) => world.retry("")],
    ["a retry that was obeyed before, taken away and set again", (world: World) => world.retry("1")],
  ])("%s", (_what, act) => {
    const world = follow(
      badModelServes()
        .retry("1")
        .edit({ model: model("v3") }),
      8,
    ).stripAnnotations();
    expect(world.status.rollout?.retry).toBe("1");
    follow(world.undo("a"), 8);
    expect(shares(world)).toBe("v2 100%");
    expect(shares(follow(act(world), 8))).toBe("v2 100%");
    expect(world.status.undo?.standing?.request).toBe("a");
  });
});

describe("an undo is about what was undone before it as well", () => {
  /** v3 was undone, then v4, to v2; Git goes back to v3. */
  const twiceUndone = () => {
    const world = follow(badModelServes().edit({ model: model("v3") }), 8).undo("a");
    follow(world, 8);
    follow(world.edit({ model: model("v4") }), 8);
    expect(shares(world)).toBe("v4 100%");
    follow(world.undo(`b ${world.revisionName("v2")}`), 8);
    return follow(world.edit({ model: model("v3") }), 8);
  };

  test("a spec that states that again is not released", () => {
    const world = twiceUndone();
    expect(shares(world)).toBe("v2 100%");
    expect(world.status.undo?.standing?.request).toMatch(/^b /);
  });

  test("until a person asks for it, which is remembered", () => {
    const world = follow(twiceUndone().retry("1"), 8);
    expect(shares(world)).toBe("v3 100%");
    expect(world.status.undo?.undone?.map(({ digest }) => digest)).toEqual([model("v4").digest]);
  });

  test("but not about what it goes back to", () => {
    const world = twiceUndone();
    follow(world.undo(`c ${v3(world)}`), 8);
    expect(shares(world)).toBe("v3 100%");
    expect(world.status.undo?.standing).toBeUndefined();
  });
});

describe("an undo ends", () => {
  test("when the spec states the revision that it went back to, though of the same model", () => {
    const runtime = (threads: number) => ({ name: "onnxruntime" as const, intraOpThreads: threads });
    const world = follow(badModelServes().edit({ runtime: runtime(4) }), 8);
    follow(world.edit({ runtime: runtime(8) }), 8);
    const events = followed(follow(world.undo("a"), 8).edit({ runtime: runtime(4) })).events;
    expect(undoEvents(events)).toEqual(["Normal UndoEnded"]);
    expect(world.status.undo?.standing).toBeUndefined();
    expect(condition(world, "Promoted")).toBe("True Promoted");
  });

  test("with another model in the spec, which is released by its strategy", () => {
    const world = takenBack().edit({ model: model("v3"), rollout: CANARY });
    const { events } = followed(world);
    expect(shares(world)).toBe("v3 10% v1 90%");
    expect(undoEvents(events)).toEqual(["Normal UndoEnded"]);
    expect(events.find(({ reason }) => reason === "UndoEnded")?.note).toBe(
      `the undo to ${v1(world)} (request a) is ended: the spec states another model by now, and ${v3(world)} is released`,
    );
    const { uri, digest } = model("v2");
    expect(world.status.undo).toEqual({ request: "a", undone: [{ uri, digest }] });
    expect(condition(world, "Undone")).toBe("absent");
    expect(condition(world, "Stalled")).toBe("absent");
  });

  test("with a retry, which works towards the spec again", () => {
    const world = takenBack();
    const { events } = followed(world.retry("1"));
    expect(shares(world)).toBe("v2 100%");
    expect(undoEvents(events)).toEqual(["Normal UndoEnded"]);
    expect(condition(world, "Promoted")).toBe("True Promoted");
  });

  test("with a retry on the way back, loudly", () => {
    const world = badModelServes().undo("a");
    world.reconcile();
    const { events } = followed(world.retry("1"));
    expect(shares(world)).toBe("v2 100%");
    expect(undoEvents(events)).toEqual(["Warning UndoGivenUp"]);
  });

  test("and its token is no request any more, even when it comes again", () => {
    const world = follow(takenBack().edit({ model: model("v3") }), 8);
    expect(shares(follow(world.stripAnnotations(), 4))).toBe("v3 100%");
    expect(shares(follow(world.undo("a"), 8))).toBe("v3 100%");
    expect(shares(follow(world.undo("b"), 8))).toBe("v1 100%");
  });
});

describe("a fix that comes before the way back is done", () => {
  test("waits for it, and an Event says so", () => {
    const world = badModelServes().undo("a");
    world.reconcile();
    const { events, traffic } = followed(world.edit({ model: model("v3") }), 12);
    expect([...new Set(traffic)]).toEqual(["v2 100%", "v1 100%", "v3 100%"]);
    expect(undoEvents(events)).toEqual(["Normal UndoFirst", "Normal UndoEnded"]);
  });

  test("is told while it waits, and nothing is stalled", () => {
    const world = badModelServes().undo("a");
    world.reconcile();
    world.edit({ model: model("v3") }).reconcile();
    expect(world.status.undo?.standing?.next).toBe(v3(world));
    expect(condition(world, "Undone")).toBe("True Undoing");
    expect(messageOf(world, "Undone")).toContain(`then ${v3(world)} is released`);
    expect(condition(world, "Stalled")).toBe("absent");
    expect(condition(world, "Promoted")).toBe("False NewRevision");
  });

  test("and goes again is forgotten", () => {
    const world = badModelServes().undo("a");
    world.reconcile();
    world.edit({ model: model("v3") }).reconcile();
    follow(world.edit({ model: model("v2") }), 8);
    expect(world.status.undo?.standing?.next).toBeUndefined();
    expect(shares(world)).toBe("v1 100%");
  });

  test("takes the place of a way back that cannot become ready, loudly", () => {
    const world = badModelServes().undo("a");
    world.reconcile();
    const message = "no such file";
    world.setTrouble(v1(world), { type: "FetchFailed", message }).edit({ model: model("v3") });
    const { events } = followed(world);
    expect(undoEvents(events)).toEqual(["Warning UndoGivenUp"]);
    expect(events.find(({ reason }) => reason === "UndoGivenUp")?.note).toContain(message);
    expect(shares(world)).toBe("v3 100%");
  });

  test("waits for room as the way back does, and not instead of it", () => {
    const world = badModelServes().undo("a");
    world.reconcile();
    world.setTrouble(v1(world), { type: "Unschedulable", message: "no CPU" }).edit({ model: model("v3") });
    world.reconcile();
    expect(world.status.revisions?.candidate).toBe(v1(world));
  });
});
