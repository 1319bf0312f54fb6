/**
 * What the validation of a third revision in a holdback is worth once that has ended: it was compared with what served, and
 * no release begins by a comparison with what does not serve any more.
 */
import { describe, expect, test } from "@jest/globals";
import { givenUpIn, inHoldback } from "../../../test/fixtures/held-back-world.ts";
import { HOUR } from "../../../test/fixtures/release.ts";
import { condition, follow } from "../../../test/fixtures/released-world.ts";
import { modelOf } from "../../../test/fixtures/summary.ts";
import { badReport, goodReport, VALIDATION } from "../../../test/fixtures/validations.ts";
import { model, type World } from "../../../test/fixtures/world.ts";

const nameOf = (world: World, name: string | undefined) =>
  name === undefined ? "none" : modelOf(world, name);
const roles = (world: World) => {
  const { stable, candidate, next } = world.status.revisions ?? {};
  return [stable, candidate, next].map((name) => nameOf(world, name)).join(" ");
};
/** `v3 beside v2`, with its outcome. */
const question = (world: World) => {
  const { revision, baseline, outcome = "in progress" } = world.status.validation ?? {};
  return `${nameOf(world, revision)} beside ${nameOf(world, baseline)}: ${outcome}`;
};

/** In the holdback of `v2` the spec asks for `v3`, which is judged. */
function judging(): World {
  return follow(inHoldback().edit({ model: model("v3"), validation: VALIDATION }), 2);
}

function tell(world: World, report = goodReport()): World {
  world.jobs.tell(world.status.validation?.job ?? "", { report });
  return world;
}

/** It has passed, and comes up; nothing is ready yet. */
function passed(): World {
  const world = tell(judging());
  world.reconcile();
  world.reconcile();
  return world;
}

test("it is judged beside what serves, and comes up once that has passed", () => {
  expect(question(judging())).toBe("v3 beside v2: in progress");
  expect(roles(judging())).toBe("v1 v2 none");
  expect(question(passed())).toBe("v3 beside v2: Passed");
  expect(roles(passed())).toBe("v1 v2 v3");
});

describe("what serves stays", () => {
  test("the holdback that it ends needs no other judgement", () => {
    const world = passed();
    const { validation } = world.status;
    follow(world, 8);
    expect(roles(world)).toBe("v2 v3 none");
    expect(world.status.validation).toEqual(validation);
    expect(world.jobs.names).toEqual([]);
  });

  test("the time of the holdback is over meanwhile: the same Job goes on, and decides", () => {
    const world = judging();
    const { validation } = world.status;
    follow(world.passTime(96 * HOUR), 8);
    expect(roles(world)).toBe("v2 none none");
    expect(world.status.validation).toEqual(validation);
    expect(world.jobs.names).toEqual([validation?.job]);
    follow(tell(world), 8);
    expect(roles(world)).toBe("v2 v3 none");
  });
});

describe("the traffic goes back", () => {
  test.each(["judged", "passed"] as const)("it is %s by then: it is judged anew beside what serves", (by) => {
    const world = by === "judged" ? judging() : passed();
    const { job } = world.status.validation ?? {};
    givenUpIn(world);
    expect(world.rollout.status.phase).toBe("Returning");
    expect(roles(world)).toBe("v1 v2 none");
    expect(world.jobs.names).toEqual([]);
    follow(world, 10);
    expect(question(world)).toBe("v3 beside v1: in progress");
    expect(roles(world)).toBe("v1 none none");
    expect(condition(world, "Validated")).toBe("False Validating");
    expect(world.jobs.names).toEqual([world.status.validation?.job]);
    expect(world.jobs.names).not.toContain(job);
    follow(tell(world), 8);
    expect(roles(world)).toBe("v1 v3 none");
  });

  test("what passed beside the one that was given up, and does not beside stable, is not released", () => {
    const world = follow(givenUpIn(passed()), 10);
    follow(tell(world, badReport()), 8);
    expect(question(world)).toBe("v3 beside v1: Failed");
    expect(roles(world)).toBe("v1 none none");
    expect(condition(world, "Stalled")).toBe("True ValidationFailed");
  });
});
