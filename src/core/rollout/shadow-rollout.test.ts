/**
 * A release that begins with mirrored requests: what is planned, what is asked, and what becomes of it by what was told.
 */
import { describe, expect, test } from "@jest/globals";
import { HOUR, Release } from "../../../test/fixtures/release.ts";
import { condition, follow, replicas, shares } from "../../../test/fixtures/released-world.ts";
import { model, servingWorld, type World } from "../../../test/fixtures/world.ts";
import type { QualitySpec } from "../../api/quality.ts";
import type { RolloutSpec, RolloutStrategy } from "../../api/rollout.ts";
import type { ShadowSpec } from "../../api/shadow.ts";
import type { ShadowCounts } from "../../stats/shadow-counts.ts";
import { shadowCounts } from "./gates/testdata/shadow-world.ts";

const MINUTE = 60_000;
const SHADOW: ShadowSpec = { minDuration: "1h", agreement: { by: "Best", min: "90%" } };
const ALONE: RolloutStrategy = { type: "Shadow", shadow: SHADOW };
const BEFORE_STEPS: RolloutStrategy = {
  type: "Canary",
  shadow: { ...SHADOW, share: "2%" },
  canary: { steps: [{ weight: "10%", minDuration: "1h" }] },
};
const QUALITY: QualitySpec = {
  labels: [{ name: "click", matures: "30m" }],
  metrics: [{ name: "ctr", type: "ClickThroughRate" }],
  response: { scores: "score" },
  observe: {},
};

/** `v2` is released beside `v1`, which has four replicas, and its requests are mirrored. */
function mirroring(strategy: RolloutStrategy = ALONE, more: Partial<RolloutSpec> = {}): World {
  const rollout = { strategy, ...more };
  return follow(servingWorld({ replicas: 4, rollout, quality: QUALITY }).edit({ model: model("v2") }));
}

/** What the collector tells now. */
function told(world: World, counts: ShadowCounts, minutesAgo = 0): World {
  const { nowMilliseconds: atMilliseconds } = world.observation();
  const lastPairSeconds = Math.floor(atMilliseconds / 1_000) - 60 * minutesAgo;
  const mirrored = { kind: "Whole", atMilliseconds, value: { ...counts, lastPairSeconds } } as const;
  world.gateEvidence = { queries: new Map(), hooks: new Map(), mirrored };
  return world;
}

const where = (world: World) => `${world.rollout.status.phase} ${world.rollout.status.step}`;
const outcomes = (world: World) =>
  (world.rollout.status.gates ?? []).map(({ name, outcome, reason }) => `${name} ${outcome} ${reason ?? ""}`);

describe("while requests are mirrored", () => {
  test("stable has all the traffic, and the candidate the replicas for its copies", () => {
    const world = mirroring();
    const { traffic } = world.status;
    expect(shares(world)).toBe("v1 100%");
    expect(traffic?.mirror).toEqual({
      share: 100,
      pools: [{ pool: "default", revision: world.revisionName("v2"), replicas: 2 }],
    });
    // Copies that go back to stable would compare it with itself.
    expect(traffic?.arms.flatMap(({ pools }) => pools.map(({ revision }) => revision))).toEqual([
      world.revisionName("v1"),
    ]);
    expect(replicas(world)).toEqual({ v1: 4, v2: 2 });
    expect(where(world)).toBe("Progressing 1");
    expect(world.rollout.status).toMatchObject({
      weight: "0%",
      steps: 2,
      mirrored: { share: "1%" },
      history: [{ step: 1, weight: "0%", mirrored: "1%", inEffectAt: expect.any(String) }],
    });
    expect(world.rollout.status.message).toMatch(/^step 1 of 2, copies of 1%: until /);
    expect(world.rollout.status.shares).toBeUndefined();
    expect(condition(world, "Ready")).toBe("True Serving");
    expect(condition(world, "RolloutInProgress")).toBe("True RolloutStep");
  });

  test("the collector is asked about the plans that mirror, and nobody about traffic that there is not", () => {
    const gates: RolloutSpec["gates"] = [
      { name: "fast", type: "Latency", latency: { quantile: "p99", max: "40ms" } },
      { name: "ctr", type: "Quality", quality: { metric: "ctr", nonInferiorityMargin: "10%" } },
      { name: "day", type: "WebHook", webHook: { url: "http://judge" } },
    ];
    const world = mirroring(BEFORE_STEPS, { gates });
    const { firstEpoch = 0, lastEpoch = 0 } = world.rollout.status.mirrored ?? {};
    const questions = world.reconcile().gateQuestions;
    expect(questions).toMatchObject([
      { type: "WebHook", gate: "day" },
      { type: "Shadow", deployment: "ranker", epochs: { first: firstEpoch, last: lastEpoch } },
    ]);
    expect(outcomes(world).map((text) => text.split(" ")[0])).toEqual([
      "candidate-replicas",
      "shadow-answers",
      "shadow-agreement",
      "day",
    ]);
  });

  test("a step that is not in effect everywhere is not counted", () => {
    const world = mirroring();
    const since = world.rollout.status.history?.[0]?.inEffectAt;
    world.edit({ traffic: { timeout: "900ms" } });
    world.reconcile();
    // Each plan mirrors the share, so every router does.
    expect(world.rollout.status.history?.[0]?.inEffectAt).toBe(since);
    const { firstEpoch = 0, lastEpoch = 0 } = world.rollout.status.mirrored ?? {};
    world.acknowledge();
    world.reconcile();
    expect(world.rollout.status.mirrored).toMatchObject({ firstEpoch, lastEpoch: lastEpoch + 1 });
  });

  test("without a ready replica nothing is mirrored, and the time begins anew", () => {
    const world = mirroring();
    world.setReady(world.revisionName("v2"), 0);
    world.reconcile();
    expect(world.status.traffic?.mirror).toBeUndefined();
    expect(world.rollout.status.history?.[0]?.inEffectAt).toBeUndefined();
    expect(world.rollout.status.message).toContain("it has no traffic until its replicas are ready again");
    const before = world.rollout.status.mirrored?.lastEpoch ?? 0;
    follow(world);
    expect(world.status.traffic?.mirror?.share).toBe(100);
    // Pairs of before are of another time.
    expect(world.rollout.status.mirrored?.firstEpoch).toBeGreaterThan(before);
  });
});

describe("what was told", () => {
  const good = shadowCounts({ pairs: 20, sameBest: 20 });

  test("is awaited, and a release that agrees gets all the traffic once its time has passed", () => {
    const world = mirroring().passTime(HOUR / 2);
    told(world, good).reconcile();
    expect(outcomes(world)).toEqual([
      "candidate-replicas Pass ",
      "shadow-answers Pass Answered",
      "shadow-agreement Pass Within",
    ]);
    expect(where(world)).toBe("Progressing 1");
    told(world.passTime(HOUR), good).reconcile();
    expect(shares(world)).toBe("v1 100%");
    expect(world.rollout.status.passedGates?.map(({ name }) => name)).toContain("shadow-agreement");
    // All its replicas come first, and the copies go on until then.
    expect(world.status.traffic?.mirror).toBeDefined();
    follow(world);
    expect(world.status.traffic?.mirror).toBeUndefined();
    expect(world.rollout.status.verdict).toMatchObject({ outcome: "Promoted", reason: "StepsPassed" });
    expect(shares(world)).toBe("v2 100%");
  });

  test("lets the steps of a canary begin", () => {
    const world = told(mirroring(BEFORE_STEPS).passTime(2 * HOUR), good);
    world.reconcile();
    follow(world);
    expect(where(world)).toBe("Progressing 2");
    expect(shares(world)).toBe("v2 10% v1 90%");
    expect(world.status.traffic?.mirror).toBeUndefined();
    expect(world.rollout.status.history).toMatchObject([{ mirrored: "2%" }, { weight: "10%" }]);
    expect(world.rollout.status.history?.[1]).not.toHaveProperty("mirrored");
    // By what was mirrored nothing of the next step is judged.
    expect(outcomes(world)).toEqual(["candidate-replicas Pass "]);
  });

  test("gives a candidate up that disagrees, at once and for good, and nobody got its answers", () => {
    const world = told(mirroring(), shadowCounts({ pairs: 20, sameBest: 12 }));
    world.reconcile();
    expect(world.rollout.status.verdict).toMatchObject({ outcome: "Aborted", reason: "GateFailed" });
    expect(world.rollout.status.verdict?.message).toMatch(
      /^gate shadow-agreement: the same row is first in 60 % \(.* to .*\) of 2,560 pairs of lists; it must be at least 90 %/,
    );
    expect(world.status.traffic?.mirror).toBeUndefined();
    expect(shares(world)).toBe("v1 100%");
    expect(world.plans.every(({ arms }) => arms.every(({ name }) => name === "Stable"))).toBe(true);
  });

  test.each([
    ["nothing", (world: World) => world, "NoData"],
    ["nothing since a while", (world: World) => told(world, good, 16), "NoData"],
    ["too few pairs", (world: World) => told(world, shadowCounts({ pairs: 5, sameBest: 5 })), "TooLittle"],
    [
      "nothing that shows it",
      (world: World) => told(world, shadowCounts({ pairs: 20, sameBest: 18 })),
      "NotShown",
    ],
  ])("%s waits until the deadline, and then gives it up", (_what, tell, reason) => {
    const world = mirroring().passTime(HOUR);
    tell(world).reconcile();
    expect(outcomes(world)).toContain(`shadow-agreement Wait ${reason}`);
    expect(where(world)).toBe("Progressing 1");
    tell(world.passTime(24 * HOUR)).reconcile();
    expect(world.rollout.status.verdict).toMatchObject({ outcome: "Aborted", reason: "GateFailed" });
    expect(world.rollout.status.verdict?.message).toContain("not passed by its deadline");
  });

  test.each([
    [0, "stable has told of no answer with scores to the 1% of the requests that are mirrored yet"],
    [5, "the candidate has told of no copy of the 1% of the requests that are mirrored yet"],
  ])("is named where there are no pairs, of %i requests that stable has told of", (originals, reason) => {
    const world = mirroring();
    const { nowMilliseconds: atMilliseconds } = world.observation();
    const { lastPairSeconds: _none, ...value } = shadowCounts({ pairs: 0, originals });
    const mirrored = { kind: "Whole", atMilliseconds, value } as const;
    world.gateEvidence = { queries: new Map(), hooks: new Map(), mirrored };
    world.reconcile();
    const told = world.rollout.status.gates?.filter(({ name }) => name.startsWith("shadow-")) ?? [];
    expect(told.map(({ message }) => message)).toEqual([
      `mirrored requests: ${reason}`,
      `mirrored requests: ${reason}`,
    ]);
  });

  test("a candidate that answers only what is easy does not pass", () => {
    const counts = shadowCounts({ pairs: 20, sameBest: 20, originals: 30 });
    const world = told(mirroring().passTime(2 * HOUR), counts);
    world.reconcile();
    expect(outcomes(world)).toContain("shadow-answers Wait TooFewAnswered");
    expect(where(world)).toBe("Progressing 1");
  });
});

describe("people and specs", () => {
  test.each<[string, (world: World) => World, string]>([
    ["a person aborts", (world) => world.guide({ decision: "Abort" }), "Aborted DecidedByPerson"],
    [
      "the spec returns to stable",
      (world) => world.edit({ model: model("v1") }),
      "Superseded ReturnedToStable",
    ],
    ["the spec asks for another", (world) => world.edit({ model: model("v3") }), "Superseded NewRevision"],
  ])("%s: the mirroring ends at once", (_what, act, verdict) => {
    const world = mirroring();
    const { name } = world.rollout;
    act(world).reconcile();
    world.reconcile();
    const { outcome, reason } = world.rollouts.find((one) => one.name === name)?.status.verdict ?? {};
    expect(`${outcome} ${reason}`).toBe(verdict);
    expect(world.status.traffic?.mirror).toBeUndefined();
  });

  test("a person promotes: the mirroring is skipped", () => {
    const world = follow(mirroring().guide({ decision: "Promote" }));
    expect(world.rollout.status.verdict).toMatchObject({ outcome: "Promoted", reason: "DecidedByPerson" });
    expect(world.rollout.status.verdict?.message).toBe("a person had it promoted after 0 of 1 steps");
  });

  test("a paused one mirrors on", () => {
    const world = told(
      mirroring()
        .guide({ paused: true })
        .passTime(2 * HOUR),
      shadowCounts({ pairs: 20, sameBest: 20 }),
    );
    world.reconcile();
    expect(where(world)).toBe("Paused 1");
    expect(world.status.traffic?.mirror?.share).toBe(100);
  });

  test("what deleted the ModelRollout begins anew, without copies until then", () => {
    const world = mirroring().deleteRollout();
    world.reconcile();
    expect(world.status.traffic?.mirror).toBeUndefined();
    expect(where(follow(world))).toBe("Progressing 1");
  });

  test("a suspended one stays as it is", () => {
    const world = mirroring().edit({ suspend: true });
    world.reconcile();
    expect(world.status.traffic?.mirror?.share).toBe(100);
  });

  test("a stable revision that is lost for a minute does not hold up what may be the fix", () => {
    const world = mirroring();
    world.setReady(world.revisionName("v1"), 0);
    world.reconcile();
    world.passTime(2 * MINUTE);
    for (let look = 0; look < 5; look++) {
      world.reconcile();
      world.startPods();
      world.setReady(world.revisionName("v2"));
      world.acknowledge();
    }
    expect(world.rollouts[0]?.status.verdict).toMatchObject({ outcome: "Promoted", reason: "StableBroken" });
  });
});

test("steps: the mirroring is one of them, and the first", () => {
  const release = new Release(BEFORE_STEPS).look();
  expect(release.text).toBe("Progressing 1 of 3: copies of 200, room for 200");
  release.look().pass(HOUR).look();
  expect(release.text).toBe("Progressing 2 of 3: 1000, room for 1000");
  release.look().pass(HOUR).look();
  expect(release.text).toBe("Promoting 3 of 3: 10000, room for 10000");
});
