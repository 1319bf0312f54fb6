/**
 * Releases in the world of a ModelDeployment: roles, replicas, traffic and conditions follow from where they stand.
 */
import { describe, expect, test } from "@jest/globals";
import { HOUR } from "../../../test/fixtures/release.ts";
import {
  CANARY,
  condition,
  follow,
  inStepOne,
  replicas,
  shares,
} from "../../../test/fixtures/released-world.ts";
import { armsText } from "../../../test/fixtures/summary.ts";
import { model, servingWorld, type World } from "../../../test/fixtures/world.ts";
import { decide } from "../decide.ts";
import { ROLLOUT_HISTORY_LIMIT } from "./plan-rollout.ts";

const v1 = (world: World) => world.revisionName("v1");
const v2 = (world: World) => world.revisionName("v2");

describe("a canary", () => {
  test("has the replicas of its step, two at least, beside all of stable's", () => {
    const world = inStepOne();
    expect(shares(world)).toBe("v2 10% v1 90%");
    expect(replicas(world)).toEqual({ v1: 4, v2: 2 });
    expect(world.rollout).toMatchObject({
      name: "ranker-1",
      spec: { modelDeployment: "ranker", revision: v2(world), number: 1, strategy: CANARY.strategy },
      status: { phase: "Progressing", step: 1, steps: 3, weight: "10%" },
    });
    expect(armsText(world, world.status.traffic)).toBe("Candidate v2/default v1/default, Stable v1/default");
    expect(world.status.traffic?.arms.map(({ pools }) => pools.map((pool) => pool.replicas))).toEqual([
      [2, 4],
      [4],
    ]);
  });

  test("gets the replicas of the next step before its share", () => {
    const world = inStepOne({ replicas: 10 }).passTime(HOUR);
    world.reconcile();
    expect(replicas(world)).toEqual({ v1: 10, v2: 5 });
    expect(shares(world)).toBe("v2 10% v1 90%");
    // What is on its way moves nothing: the plan counts on those that its share needs.
    expect(world.status.traffic?.arms[0]?.pools[0]?.replicas).toBe(2);
    expect(shares(follow(world))).toBe("v2 50% v1 50%");
  });

  test("takes no condition from stable, and is told", () => {
    const world = inStepOne();
    expect(condition(world, "Ready")).toBe("True Serving");
    expect(condition(world, "Reconciling")).toBe("absent");
    expect(condition(world, "Stalled")).toBe("absent");
    expect(condition(world, "RolloutInProgress")).toBe("True RolloutStep");
    expect(condition(world, "Promoted")).toBe("False RolloutStep");
  });

  test("waits for its approval, and is promoted by all the traffic alone", () => {
    const world = follow(follow(inStepOne().passTime(HOUR)).passTime(HOUR));
    expect(condition(world, "RolloutInProgress")).toBe("True RolloutPaused");
    world.guide({ approvedStep: 2 }).reconcile();
    // All replicas first, then all the traffic, then the role.
    expect(shares(world)).toBe("v2 50% v1 50%");
    world.setReady(v2(world)).reconcile();
    expect(shares(world)).toBe("v2 100%");
    expect(world.status.revisions).toEqual({ stable: v1(world), candidate: v2(world) });
    follow(world);
    expect(world.status.revisions).toEqual({ stable: v2(world) });
    expect(world.rollout.status).toMatchObject({
      phase: "Promoted",
      verdict: { outcome: "Promoted", reason: "StepsPassed" },
    });
    expect(replicas(world)).toEqual({ v2: 4 });
    expect(condition(world, "Promoted")).toBe("True Promoted");
  });

  test("is looked at when its step has lasted long enough", () => {
    const { wakeAtMilliseconds = 0, rollouts } = decide(inStepOne().observation());
    const since = Date.parse(rollouts[0]?.status.weightInEffectAt ?? "");
    expect(wakeAtMilliseconds - since).toBe(HOUR);
  });

  test("without a ready replica has no traffic at once, and its share again with all of them", () => {
    const world = inStepOne().setReady(v2(inStepOne()), 0);
    world.reconcile();
    expect(shares(world)).toBe("v1 100%");
    world.setReady(v2(world), 1).reconcile();
    expect(shares(world)).toBe("v1 100%");
    world.setReady(v2(world)).reconcile();
    expect(shares(world)).toBe("v2 10% v1 90%");
  });

  test("of a ModelDeployment that is suspended is told as it stands", () => {
    const world = inStepOne();
    const told = world.rollout.status.message;
    world.edit({ suspend: true }).reconcile();
    const found = world.status.conditions?.find(({ type }) => type === "RolloutInProgress");
    expect(found).toMatchObject({ reason: "RolloutStep", message: `${v2(world)}: ${told}` });
  });

  test("goes on while the spec changes otherwise", () => {
    const world = follow(inStepOne().edit({ replicas: 30 }));
    expect(shares(world)).toBe("v2 10% v1 90%");
    expect(replicas(world)).toEqual({ v1: 30, v2: 3 });
  });

  test("is carried out as it was begun", () => {
    const world = inStepOne().edit({ rollout: { strategy: { type: "BlueGreen" } } });
    expect(shares(follow(world))).toBe("v2 10% v1 90%");
    expect(world.rollout.spec.strategy).toEqual(CANARY.strategy);
  });

  test("whose ModelRollout is deleted begins anew", () => {
    const world = follow(inStepOne().passTime(HOUR), 8);
    expect(world.rollout.status.step).toBe(2);
    world.deleteRollout().reconcile();
    expect(shares(world)).toBe("v1 100%");
    expect(shares(follow(world))).toBe("v2 10% v1 90%");
    expect(world.rollout).toMatchObject({ name: "ranker-1", status: { step: 1 } });
  });

  test("keeps replicas that a plan in effect counts on, though its release begins anew", () => {
    const world = follow(inStepOne({ replicas: 10 }).passTime(HOUR), 8);
    expect(replicas(world)).toMatchObject({ v2: 5 });
    world.deleteRollout().reconcile();
    expect(replicas(world)).toMatchObject({ v2: 5 });
    world.acknowledge().reconcile();
    expect(replicas(world)).toMatchObject({ v2: 2 });
  });
});

describe("an abort", () => {
  const aborted = () => follow(inStepOne().guide({ decision: "Abort", reason: "odd" }));

  test("reaches nothing with the next look, before anything else", () => {
    const world = inStepOne().guide({ decision: "Abort" });
    world.reconcile();
    expect(shares(world)).toBe("v1 100%");
    expect(replicas(world)).toMatchObject({ v2: 2 });
  });

  test("leaves stable ready, the candidate's servers gone, and says that nothing more happens", () => {
    const world = aborted();
    expect(replicas(world)).toEqual({ v1: 4 });
    expect(world.status.revisions).toEqual({ stable: v1(world) });
    expect(condition(world, "Ready")).toBe("True Serving");
    expect(condition(world, "Stalled")).toBe("True RolloutAborted");
    expect(condition(world, "Reconciling")).toBe("absent");
    expect(condition(world, "Promoted")).toBe("False RolloutAborted");
    expect(condition(world, "RolloutInProgress")).toBe("False RolloutAborted");
  });

  test("stops the rollout only: stable is scaled", () => {
    expect(replicas(follow(aborted().edit({ replicas: 6 })))).toEqual({ v1: 6 });
  });

  test.each<[string, (world: World) => World, string, string]>([
    ["another model", (world) => world.edit({ model: model("v3") }), "v3 10% v1 90%", "ranker-2"],
    ["a retry", (world) => world.retry("1"), "v2 10% v1 90%", "ranker-2"],
    ["stable's model", (world) => world.edit({ model: model("v1") }), "v1 100%", "ranker-1"],
    ["nothing", (world) => world, "v1 100%", "ranker-1"],
  ])("is followed by %s", (_what, act, expected, name) => {
    const world = follow(act(aborted()));
    expect(shares(world)).toBe(expected);
    expect(world.rollout.name).toBe(name);
    expect(world.rollouts[0]?.status.verdict).toMatchObject({ outcome: "Aborted" });
  });

  test("is over when the spec has asked for something else in between", () => {
    const world = follow(follow(aborted().edit({ model: model("v1") })).edit({ model: model("v2") }));
    expect(shares(world)).toBe("v2 10% v1 90%");
    expect(world.rollout.name).toBe("ranker-2");
  });

  test("is not undone by the token of a former retry", () => {
    const world = follow(follow(aborted().retry("1")).guide({ decision: "Abort" }));
    expect(shares(world)).toBe("v1 100%");
    expect(shares(follow(world.retry("2")))).toBe("v2 10% v1 90%");
  });

  test("while all the traffic moves takes it back", () => {
    const world = inStepOne().guide({ decision: "Promote" });
    world.reconcile();
    world.setReady(v2(world)).reconcile();
    expect(shares(world)).toBe("v2 100%");
    world.acknowledge().guide({ decision: "Abort" }).reconcile();
    expect(shares(world)).toBe("v1 100%");
    expect(follow(world).status.revisions).toEqual({ stable: v1(world) });
  });
});

describe("a broken stable revision", () => {
  test("does not block the fix: after a minute the steps are skipped, with all replicas", () => {
    const world = inStepOne();
    world.setReady(v1(world), 0).reconcile();
    expect(shares(world)).toBe("v2 10% v1 90%");
    world.passTime(60_000).reconcile();
    expect(replicas(world)).toEqual({ v1: 4, v2: 4 });
    world.setReady(v2(world)).reconcile();
    expect(shares(world)).toBe("v2 100%");
    world.acknowledge().reconcile();
    world.reconcile();
    expect(world.status.revisions).toEqual({ stable: v2(world) });
    expect(world.rollout.status.verdict?.reason).toBe("StableBroken");
  });

  test("waits for people where the release is paused", () => {
    const world = inStepOne().guide({ paused: true });
    world.setReady(v1(world), 0).passTime(HOUR).reconcile();
    world.setReady(v2(world)).reconcile();
    expect(shares(world)).toBe("v2 10% v1 90%");
  });
});

describe("stickiness", () => {
  const traffic = { timeout: "600ms", stickiness: { header: "x-user-id" } };

  test("stands in the plan while two revisions share the traffic, with the candidate's salt", () => {
    const world = inStepOne({ traffic });
    const salt = v2(world);
    expect(world.status.traffic?.stickiness).toEqual({ header: "x-user-id", anonymous: "Random", salt });
    follow(world.guide({ decision: "Promote" }), 8);
    expect(world.status.traffic).not.toHaveProperty("stickiness");
  });

  test("is nothing without a canary", () => {
    const world = follow(servingWorld({ traffic }).edit({ model: model("v2") }), 8);
    expect(world.plans.filter((plan) => plan.stickiness !== undefined)).toEqual([]);
  });
});

describe("releases", () => {
  test("are kept, ten beside the latest", () => {
    const world = servingWorld();
    for (let release = 0; release < 14; release++) {
      follow(world.edit({ model: model(release % 2 === 0 ? "v2" : "v1") }), 6);
    }
    const numbers = world.rollouts.map(({ spec }) => spec.number);
    expect(numbers).toHaveLength(ROLLOUT_HISTORY_LIMIT + 1);
    expect(Math.max(...numbers)).toBe(14);
    expect(Math.min(...numbers)).toBe(4);
  });

  test("are begun by the name that is stored first", () => {
    const world = servingWorld().edit({ model: model("v2") });
    const decision = decide(world.observation());
    expect(decision.status.rollout).toEqual({ number: 1, name: "ranker-1", revision: v2(world) });
    world.report(decision);
    // Killed before it was made: the next look makes the same.
    const again = decide(world.observation());
    expect(again.status.rollout).toEqual(decision.status.rollout);
    expect(again.apply.filter(({ kind }) => kind === "ModelRollout")).toMatchObject([
      { metadata: { name: "ranker-1" }, spec: { strategy: { type: "BlueGreen" } } },
    ]);
  });

  test("an operator that finds traffic moved by one that knew none goes on", () => {
    const world = follow(servingWorld().edit({ model: model("v2") }), 2);
    const { rollout: _unknown, ...status } = world.status;
    const { deployment, ...rest } = world.observation();
    const decision = decide({ ...rest, rollouts: [], deployment: { ...deployment, status } });
    expect(decision.status.traffic?.arms[0]).toMatchObject({ weight: 10_000 });
    expect(decision.status.traffic?.arms[0]?.pools[0]?.revision).toBe(v2(world));
  });
});
