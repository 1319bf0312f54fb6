/**
 * A holdback in the whole decision: roles, traffic, capacity and conditions from its begin to each of its ends, and the
 * way back where there is room for both revisions and where there is none.
 */
import { describe, expect, test } from "@jest/globals";
import { givenUpIn, HELD_BACK, inHoldback, whereIs } from "../../../test/fixtures/held-back-world.ts";
import { HOUR } from "../../../test/fixtures/release.ts";
import { condition, follow, replicas, shares } from "../../../test/fixtures/released-world.ts";
import { armsText, modelOf } from "../../../test/fixtures/summary.ts";
import { model, type World } from "../../../test/fixtures/world.ts";

/** Of the first release. */
const verdict = ({ rollouts }: World) => {
  const { outcome, reason } = rollouts[0]?.status.verdict ?? {};
  return outcome === undefined ? "none" : `${outcome} ${reason}`;
};
const roles = (world: World) => {
  const { stable, candidate } = world.status.revisions ?? {};
  return [stable, candidate].flatMap((name) => (name === undefined ? [] : modelOf(world, name)));
};

describe("in the holdback", () => {
  test("the new revision serves, and the old one has the replicas for its share alone", () => {
    const world = inHoldback();
    expect(shares(world)).toBe("v2 95% v1 5%");
    expect(replicas(world)).toEqual({ v1: 1, v2: 4 });
    expect(roles(world)).toEqual(["v1", "v2"]);
    expect(whereIs(world)).toBe("HoldingBack 3 of 4 95%");
    expect(world.status.rollout?.heldBack).toBe("5%");
  });

  test("each arm has the other one behind it", () => {
    const world = inHoldback();
    expect(armsText(world, world.status.traffic)).toBe(
      "Candidate v2/default v1/default, Stable v1/default v2/default",
    );
  });

  test("pipelines and people are told that it is promoted, and that it is watched", () => {
    const world = inHoldback();
    expect(condition(world, "Ready")).toBe("True Serving");
    expect(condition(world, "Promoted")).toBe("True HoldingBack");
    expect(condition(world, "RolloutInProgress")).toBe("True HoldingBack");
    expect(condition(world, "Stalled")).toBe("absent");
    expect(condition(world, "Reconciling")).toBe("absent");
  });

  test("autoscalers look at the new revision", () => {
    const world = inHoldback();
    expect(world.status.selector).toContain(world.revisionName("v2"));
    expect(world.status.replicas).toBe(4);
  });

  test("it is not promoted before every router gives it its share", () => {
    const world = inHoldback({ acknowledges: false });
    expect(shares(world)).toBe("v2 95% v1 5%");
    expect(condition(world, "Promoted")).toMatch(/^False/);
    expect(replicas(world)).toEqual({ v1: 4, v2: 4 });
  });

  test("a scaled deployment scales both", () => {
    const world = follow(inHoldback().edit({ replicas: 40 }));
    expect(replicas(world)).toEqual({ v1: 2, v2: 40 });
    expect(shares(world)).toBe("v2 95% v1 5%");
  });
});

describe("it ends", () => {
  test("after its time: the old revision goes", () => {
    const world = follow(inHoldback().passTime(96 * HOUR - 120_000), 1);
    expect(whereIs(world)).toBe("HoldingBack 3 of 4 95%");
    follow(world.passTime(120_000), 6);
    expect(shares(world)).toBe("v2 100%");
    expect(replicas(world)).toEqual({ v2: 4 });
    expect(verdict(world)).toBe("Promoted StepsPassed");
    expect(condition(world, "Promoted")).toBe("True Promoted");
    expect(world.status.rollout?.heldBack).toBeUndefined();
  });

  test("never is it said in between that it is not promoted", () => {
    const world = inHoldback().passTime(96 * HOUR);
    for (let look = 0; look < 8; look++) {
      follow(world, 1);
      expect(condition(world, "Promoted")).toMatch(/^True/);
    }
    expect(verdict(world)).toBe("Promoted StepsPassed");
  });

  test("by a person who promotes, though it is paused", () => {
    const world = follow(inHoldback().guide({ paused: true, decision: "Promote" }), 6);
    expect(verdict(world)).toBe("Promoted DecidedByPerson");
    expect(world.rollout.status.verdict?.message).toContain("ended its holdback");
    expect(replicas(world)).toEqual({ v2: 4 });
  });

  test("not while a person pauses it, and then at once", () => {
    const world = follow(
      inHoldback()
        .guide({ paused: true })
        .passTime(200 * HOUR),
    );
    expect(whereIs(world)).toBe("Paused 3 of 4 95%");
    expect(condition(world, "Promoted")).toBe("True HoldingBack");
    follow(world.guide({ paused: false }), 6);
    expect(verdict(world)).toBe("Promoted StepsPassed");
  });

  test("with a third revision, which is then released beside what serves", () => {
    const world = inHoldback().edit({ model: model("v3") });
    follow(world, 8);
    expect(verdict(world)).toBe("Promoted StepsPassed");
    expect(world.rollouts[0]?.status.verdict?.message).toContain("the spec asks for another revision");
    expect(roles(world)).toEqual(["v2", "v3"]);
    expect(shares(world)).toBe("v3 10% v2 90%");
    expect(replicas(world)).toEqual({ v2: 4, v3: 2 });
  });

  test("the same though it is paused", () => {
    const world = inHoldback()
      .guide({ paused: true })
      .edit({ model: model("v3") });
    follow(world, 8);
    expect(roles(world)).toEqual(["v2", "v3"]);
  });

  test("though a replica of the new revision is missing: the fix does not wait for that", () => {
    const world = inHoldback().edit({ model: model("v3") });
    for (let look = 0; look < 8; look++) {
      world.reconcile();
      world.setReady(world.revisionName("v2"), 3).setReady(world.revisionName("v3")).acknowledge();
    }
    expect(roles(world)).toEqual(["v2", "v3"]);
  });

  test("not yet with a third revision that is queued", () => {
    const world = inHoldback();
    world.edit({ model: model("v3"), rollout: { ...HELD_BACK, onNewRevision: "Queue" } });
    follow(world, 6);
    expect(roles(world)).toEqual(["v1", "v2"]);
    expect(whereIs(world)).toBe("HoldingBack 3 of 4 95%");
    follow(world.passTime(96 * HOUR), 10);
    expect(roles(world)).toEqual(["v2", "v3"]);
  });
});

describe("the way back", () => {
  const ENDS = {
    "a person aborts": ["Aborted DecidedByPerson", (world) => world.guide({ decision: "Abort" })],
    "the spec returns to the old revision": [
      "Superseded ReturnedToStable",
      (world) => world.edit({ model: model("v1") }),
    ],
    "a person undoes": ["Superseded Undone", (world) => world.undo("1")],
  } as const satisfies Record<string, readonly [string, (world: World) => World]>;

  test.each(Object.entries(ENDS))("when %s, all traffic goes back", (_what, [expected, act]) => {
    const world = follow(act(inHoldback()), 8);
    expect(verdict(world)).toBe(expected);
    expect(shares(world)).toBe("v1 100%");
    expect(replicas(world)).toEqual({ v1: 4 });
    expect(roles(world)).toEqual(["v1"]);
  });

  test.each(Object.entries(ENDS))("when %s, it goes as replicas come", (_what, [expected, act]) => {
    const world = act(inHoldback());
    const seen: string[] = [];
    for (let ready = 1; ready <= 4; ready++) {
      for (let look = 0; look < 2; look++) {
        world.reconcile();
        world.setReady(world.revisionName("v1"), ready).setReady(world.revisionName("v2")).acknowledge();
      }
      world.reconcile();
      world.acknowledge();
      seen.push(shares(world));
    }
    expect(seen).toEqual(["v2 75% v1 25%", "v2 50% v1 50%", "v2 25% v1 75%", "v1 100%"]);
    expect(verdict(world)).toBe(expected);
  });

  test("it is told, and with what it waits for", () => {
    const world = givenUpIn(inHoldback());
    expect(whereIs(world)).toBe("Returning 3 of 4 75%");
    expect(world.rollout.status.message).toBe(
      "a person gave the release up; 75% of the traffic waits for replicas of the old revision, which carry 25%",
    );
    expect(condition(world, "RolloutInProgress")).toBe("True ReturningTraffic");
    expect(condition(world, "Promoted")).toBe("False ReturningTraffic");
    expect(condition(world, "Ready")).toBe("False ReplicasNotReady");
    const told = world.status.conditions?.find(({ type }) => type === "RolloutInProgress")?.message;
    expect(told).toContain("pool default: 1 of 4 replicas are ready");
  });

  test("autoscalers look at both", () => {
    const world = givenUpIn(inHoldback());
    expect(world.status.selector).toBe("petrel.dev/model-deployment=ranker,petrel.dev/pool=default");
  });

  test.each([1, 2, 3, 5, 7])(
    "it ends where there is room for one revision alone, of %d replicas",
    (count) => {
      const world = inHoldback({ replicas: count });
      const devices = Math.max(count + 1, 2);
      world.guide({ decision: "Abort" });
      for (let look = 0; look < 12 * count && verdict(world) === "none"; look++) {
        world.reconcile();
        world.startPods();
        let free = devices;
        for (const { pods } of world.servers) {
          for (const pod of pods) if (pod.isReady) free -= 1;
        }
        for (const { pods } of world.servers) {
          for (const pod of pods)
            if (!pod.isReady && free > 0) {
              pod.isReady = true;
              free -= 1;
            }
        }
        world.acknowledge();
      }
      expect(verdict(world)).toBe("Aborted DecidedByPerson");
      world.reconcile();
      expect(shares(world)).toBe("v1 100%");
    },
  );

  test("a pool of the old revision that cannot come up does not hold it: the next one carries the traffic", () => {
    const world = inHoldback({ pools: [{ name: "gpu" }, { name: "cpu", replicas: 2 }] });
    expect(shares(world)).toBe("v2 95% v1 5%");
    world.guide({ decision: "Abort" });
    for (let look = 0; look < 6; look++) {
      world.reconcile();
      world
        .setReady(world.revisionName("v2"))
        .setReady(world.revisionName("v1"), 0, "gpu")
        .setReady(world.revisionName("v1"), 2, "cpu")
        .acknowledge();
    }
    expect(verdict(world)).toBe("Aborted DecidedByPerson");
    expect(shares(world)).toBe("v1 100%");
  });

  test("nothing takes it back: not that the gate or the person says otherwise, nor that replicas go", () => {
    const world = givenUpIn(inHoldback());
    world.guide({ decision: "Promote" });
    world.reconcile();
    expect(whereIs(world)).toBe("Returning 3 of 4 75%");
    world.setReady(world.revisionName("v1"), 0).reconcile();
    expect(shares(world)).toBe("v2 75% v1 25%");
    follow(world, 8);
    expect(verdict(world)).toBe("Aborted DecidedByPerson");
  });

  test("a third revision waits for its end", () => {
    const world = givenUpIn(inHoldback());
    world.edit({ model: model("v3") }).reconcile();
    expect(roles(world)).toEqual(["v1", "v2"]);
    follow(world, 10);
    expect(roles(world)).toEqual(["v1", "v3"]);
    expect(shares(world)).toBe("v3 10% v1 90%");
  });

  test("an undo without a name goes back to the old revision, and stands", () => {
    const world = follow(inHoldback().undo("1"), 8);
    expect(condition(world, "Undone")).toBe("True Undone");
    expect(world.status.undo?.standing?.revision).toBe(world.revisionName("v1"));
    expect(world.rollouts).toHaveLength(1);
  });
});

describe("what breaks in a holdback", () => {
  test("an old revision without a ready replica changes no plan, and does not end it: Envoy has the new one behind it", () => {
    const world = inHoldback();
    const { traffic } = world.status;
    for (let look = 0; look < 4; look++) {
      world.setReady(world.revisionName("v1"), 0).passTime(60_000).reconcile();
    }
    expect(world.status.traffic).toEqual(traffic);
    expect(whereIs(world)).toBe("HoldingBack 3 of 4 95%");
    expect(condition(world, "Ready")).toBe("True Serving");
  });

  test("a new revision without a ready replica loses all, and the old one gets its replicas back", () => {
    const world = inHoldback();
    world.setReady(world.revisionName("v2"), 0).reconcile();
    expect(shares(world)).toBe("v1 100%");
    expect(replicas(world)).toEqual({ v1: 4, v2: 4 });
    follow(world);
    expect(shares(world)).toBe("v2 95% v1 5%");
    expect(replicas(world)).toEqual({ v1: 1, v2: 4 });
  });

  test("a ModelRollout that is deleted is made again, and nobody loses traffic meanwhile", () => {
    const world = inHoldback().deleteRollout();
    for (let look = 0; look < 4; look++) {
      world.reconcile();
      world.acknowledge();
      expect(shares(world)).toBe("v2 95% v1 5%");
    }
    expect(whereIs(world)).toBe("HoldingBack 3 of 4 95%");
    expect(replicas(world)).toEqual({ v1: 1, v2: 4 });
  });

  test("a suspended one stays as it is", () => {
    const world = inHoldback()
      .edit({ suspend: true })
      .passTime(200 * HOUR);
    world.reconcile();
    expect(shares(world)).toBe("v2 95% v1 5%");
    expect(condition(world, "Promoted")).toBe("True HoldingBack");
    follow(world.edit({ suspend: false }), 6);
    expect(verdict(world)).toBe("Promoted StepsPassed");
  });
});

describe("what skips the steps skips the holdback", () => {
  test("a person who promotes in a step", () => {
    const world = follow(inHoldback({ steps: 1 }).guide({ decision: "Promote" }), 6);
    expect(verdict(world)).toBe("Promoted DecidedByPerson");
    expect(world.rollout.status.history?.map(({ step }) => step)).toEqual([1, 4]);
  });
});
