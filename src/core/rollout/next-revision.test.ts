/**
 * A third revision that the spec asks for in a holdback: it ends that only once its own release can begin, and until then
 * what serves is judged.
 */
import { describe, expect, test } from "@jest/globals";
import { messageOf } from "../../../test/fixtures/found-conditions.ts";
import { givenUpIn, HELD_BACK, inHoldback, whereIs } from "../../../test/fixtures/held-back-world.ts";
import { HOUR } from "../../../test/fixtures/release.ts";
import { follow, replicas, shares } from "../../../test/fixtures/released-world.ts";
import { modelOf } from "../../../test/fixtures/summary.ts";
import { badReport, goodReport, VALIDATION } from "../../../test/fixtures/validations.ts";
import { model, type World } from "../../../test/fixtures/world.ts";

const roles = (world: World) => {
  const { stable, candidate } = world.status.revisions ?? {};
  return [stable, candidate].flatMap((name) => (name === undefined ? [] : modelOf(world, name)));
};
const HOLDS = "HoldingBack 3 of 4 95%";
const asking = (name: string) => inHoldback().edit({ model: model(name) });

describe("it comes up beside both, without traffic", () => {
  test("with the replicas of its first step", () => {
    const world = asking("v3");
    world.reconcile();
    expect(replicas(world)).toEqual({ v1: 1, v2: 4, v3: 2 });
    expect(shares(world)).toBe("v2 95% v1 5%");
    expect(roles(world)).toEqual(["v1", "v2"]);
    expect(world.status.revisions?.next).toBe(world.revisionName("v3"));
    expect(whereIs(world)).toBe(HOLDS);
    expect(messageOf(world, "RolloutInProgress")).toMatch(
      /; ranker-\w+ comes up, and ends the holdback once it can begin: /,
    );
  });

  test("and ends it once they are ready, not before", () => {
    const world = asking("v3");
    const third = world.revisionName("v3");
    for (let look = 0; look < 4; look++) {
      world.reconcile();
      world.setReady(third, 1).acknowledge();
    }
    expect(whereIs(world)).toBe(HOLDS);
    follow(world, 8);
    expect(roles(world)).toEqual(["v2", "v3"]);
    expect(shares(world)).toBe("v3 10% v2 90%");
  });
});

describe("it does not end the holdback", () => {
  test("where it never comes up: the holdback ends after its time", () => {
    const world = follow(asking("broken"), 8);
    expect(whereIs(world)).toBe(HOLDS);
    expect(replicas(world)).toMatchObject({ v1: 1, v2: 4 });
    follow(world.passTime(96 * HOUR), 8);
    expect(world.rollouts[0]?.status.verdict?.message).toBe("it has all the traffic");
    expect(world.status.revisions?.candidate).toBe(world.revisionName("broken"));
  });

  test("where it waits for stable to go, or in the queue", () => {
    for (const rollout of [
      { ...HELD_BACK, onNewRevision: "Queue" as const },
      { strategy: { type: "Recreate" as const } },
    ]) {
      const world = inHoldback().edit({ model: model("v3"), rollout });
      follow(world, 8);
      expect(whereIs(world)).toBe(HOLDS);
      expect(replicas(world)).toEqual({ v1: 1, v2: 4 });
    }
  });

  test("where the spec takes it away again: its replicas go", () => {
    const world = follow(asking("broken"), 3);
    follow(world.edit({ model: model("v2") }), 4);
    expect(whereIs(world)).toBe(HOLDS);
    expect(replicas(world)).toEqual({ v1: 1, v2: 4 });
  });

  test("where it waits for its validation, or does not pass it; and does where it passes", () => {
    for (const outcome of ["Waiting", "Failed", "Passed"] as const) {
      const world = inHoldback();
      world.edit({ model: model("v3"), validation: VALIDATION });
      follow(world, 4);
      expect(replicas(world)).toEqual({ v1: 1, v2: 4 });
      expect(world.status.validation?.baseline).toBe(world.revisionName("v2"));
      const job = world.status.validation?.job ?? "";
      const report = outcome === "Passed" ? goodReport() : badReport();
      if (outcome !== "Waiting") world.jobs.tell(job, { report });
      follow(world, 8);
      expect(roles(world)).toEqual(outcome === "Passed" ? ["v2", "v3"] : ["v1", "v2"]);
      if (outcome !== "Passed") expect(world.rollout.status.phase).toBe("HoldingBack");
    }
  });
});

describe("a harm that is found meanwhile is acted on", () => {
  test.each(["v3", "broken"])("with %s on its way", (name) => {
    const world = asking(name);
    follow(world, 1);
    expect(world.serversOf(world.revisionName(name))).toHaveLength(1);
    givenUpIn(world);
    expect(world.rollout.status.phase).toBe("Returning");
    world.acknowledge().reconcile();
    expect(world.serversOf(world.revisionName(name))).toHaveLength(0);
    follow(world, 10);
    expect(world.rollouts[0]?.status.verdict).toMatchObject({
      outcome: "Aborted",
      reason: "DecidedByPerson",
    });
    expect(roles(world)[0]).toBe("v1");
  });
});
