/**
 * Experiments in a world: who gets replicas and traffic, in which order, and what becomes of both when something else comes.
 */
import { describe, expect, test } from "@jest/globals";
import { follow } from "../../../test/fixtures/released-world.ts";
import { VALIDATION } from "../../../test/fixtures/validations.ts";
import { model, servingWorld, type World } from "../../../test/fixtures/world.ts";
import { UNREADABLE } from "../../../test/fixtures/world-experiments.ts";
import type { ModelDeploymentSpec } from "../../api/model-deployment-spec.ts";
import type { ModelExperimentSpec } from "../../api/model-experiment.ts";
import { ANNOTATION } from "../../api/names.ts";

const HOUR = 3_600_000;
const quality: NonNullable<ModelDeploymentSpec["quality"]> = {
  labels: [
    { name: "click", matures: "30m" },
    { name: "order", matures: "6h" },
  ],
  metrics: [
    { name: "clicks", type: "ClickThroughRate" },
    { name: "orders", type: "ConversionRate" },
    { name: "ndcg", type: "NDCG" },
  ],
};
const traffic: ModelDeploymentSpec["traffic"] = {
  timeout: "600ms",
  stickiness: { header: "x-user-id", anonymous: "Random" },
};

/** `v1` serves with ten replicas, and what becomes of its answers is counted. */
function countedWorld(changes: Partial<ModelDeploymentSpec> = {}): World {
  return servingWorld({ replicas: 10, quality, traffic, ...changes });
}

function running(changes: Partial<ModelExperimentSpec> = {}): World {
  const world = countedWorld();
  world.experiments.make(changes);
  return follow(world);
}

/** `ArmA wide>v1 1000`, for each arm of the plan. */
function armsText(world: World): readonly string[] {
  const names = new Map(["v1", "v2", "wide", "deep"].map((name) => [world.revisionName(name), name]));
  return (world.status.traffic?.arms ?? []).map(
    ({ name, weight, pools }) =>
      `${name} ${pools.map(({ revision }) => names.get(revision) ?? revision).join(">")} ${weight}`,
  );
}

const whereIs = (world: World, name = "test") => {
  const { phase, reason } = world.experiments.named(name).status;
  return reason === undefined ? phase : `${phase} ${reason}`;
};
const replicasOf = (world: World, modelName: string) =>
  world.serversOf(world.revisionName(modelName)).map(({ replicas }) => replicas);
const ALONE = ["Stable v1 10000"];
const SHARED = ["ArmA wide>v1 1000", "ArmB deep>v1 1000", "Stable v1 8000"];

test("arms come up beside stable, and have their shares once all of them are ready", () => {
  const world = countedWorld();
  world.experiments.make();
  world.reconcile();
  world.startPods();
  expect(armsText(world)).toEqual(ALONE);
  expect([replicasOf(world, "wide"), replicasOf(world, "deep")]).toEqual([[2], [2]]);
  expect(whereIs(world)).toBe("Waiting ReplicasNotReady");
  world.setReady(world.revisionName("wide"));
  world.reconcile();
  expect(armsText(world)).toEqual(ALONE);
  world.setReady(world.revisionName("deep"));
  const { events, experiments } = world.reconcile();
  expect(armsText(world)).toEqual(SHARED);
  expect(events.map(({ reason }) => reason)).toContain("ExperimentRunning");
  // Stored before any traffic follows from it, and stable keeps all it has.
  expect(experiments.map(({ status, isCurrent }) => [status.phase, isCurrent])).toEqual([["Running", true]]);
  expect(replicasOf(world, "v1")).toEqual([10]);
  expect(world.status.experiment).toEqual({ name: "test" });
  expect(world.status.traffic?.stickiness?.salt).toMatch(/^experiment-[a-z0-9]+$/);
});

test("stable stays promoted and ready meanwhile", () => {
  const world = running();
  const conditions = new Map(
    world.status.conditions?.map(({ type, status, message }) => [type, { status, message }]),
  );
  expect(conditions.get("Ready")?.status).toBe("True");
  expect(conditions.get("RolloutInProgress")?.status).toBe("False");
  expect(conditions.get("Promoted")).toEqual({
    status: "True",
    message: expect.stringContaining("but for the shares of an experiment"),
  });
});

test("who is held out has stable, as an arm of its own", () => {
  expect(armsText(running({ holdout: "30%" }))).toEqual([
    "ArmA wide>v1 1000",
    "ArmB deep>v1 1000",
    "Stable v1 5000",
    "Holdout v1 3000",
  ]);
});

test("plans that gave the shares are noted, and what they are drawn by", () => {
  const world = running();
  const { epoch } = world.status.traffic ?? {};
  expect(world.experiments.named().status.shares).toEqual([
    { firstEpoch: epoch, lastEpoch: epoch, drawnBy: "User" },
  ]);
  expect(world.experiments.named().status.sharesInEffectAt).toBeDefined();
  follow(world.edit({ traffic: { ...traffic, timeout: "700ms" } }));
  const last = world.status.traffic?.epoch;
  expect(last).toBeGreaterThan(epoch ?? 0);
  expect(world.experiments.named().status.shares).toEqual([
    { firstEpoch: epoch, lastEpoch: last, drawnBy: "User" },
  ]);
});

test("the collector is asked about its arms from then on", () => {
  const world = running({ holdout: "30%", guardrails: [{ metric: "orders" }] });
  expect(world.reconcile().gateQuestions).toEqual([
    expect.objectContaining({
      type: "Experiment",
      arms: [2, 3, 0, 15],
      metrics: [
        { name: "clicks", type: "ClickThroughRate", label: "click", better: "Higher", maturesSeconds: 1_800 },
        { name: "orders", type: "ConversionRate", label: "order", better: "Higher", maturesSeconds: 21_600 },
      ],
    }),
  ]);
});

describe("it waits", () => {
  const cases: readonly (readonly [
    string,
    string,
    Partial<ModelDeploymentSpec>,
    Partial<ModelExperimentSpec>,
  ])[] = [
    ["MetricUnusable", "has no metric revenue", {}, { primary: { metric: "revenue" } }],
    ["MetricUnusable", "cannot be compared by NDCG", {}, { guardrails: [{ metric: "ndcg" }] }],
    ["ModelNotOther", "the model of the stable revision", {}, { arms: [arm("same", "v1")] }],
    ["ModelNotOther", "the model of another arm", {}, { arms: [arm("one", "wide"), arm("two", "wide")] }],
    ["NoPool", "no pool with replicas", { replicas: 0 }, {}],
    ["NotValidated", "asks for a judgement before any traffic", { validation: VALIDATION }, {}],
  ];
  test.each(cases)("%s: %s", (reason, message, spec, changes) => {
    const world = countedWorld(spec);
    world.experiments.make(changes);
    follow(world);
    expect(whereIs(world)).toBe(`Waiting ${reason}`);
    expect(world.experiments.named().status.message).toContain(message);
    expect(world.status.traffic?.arms.length ?? 0).toBeLessThanOrEqual(1);
    expect(world.servers.filter(({ revision }) => revision !== world.revisionName("v1"))).toEqual([]);
  });

  test("for somebody to count what becomes of answers", () => {
    const world = countedWorld().edit({ quality: undefined });
    world.experiments.make();
    follow(world);
    expect(whereIs(world)).toBe("Waiting MetricUnusable");
    expect(world.experiments.named().status.message).toContain("has no spec.quality");
  });

  test("for a release that is under way, and begins once that is over", () => {
    const world = countedWorld();
    world.edit({ model: model("v2") }).reconcile();
    world.experiments.make();
    world.reconcile();
    expect(whereIs(world)).toBe("Waiting ReleaseInProgress");
    expect(replicasOf(world, "wide")).toEqual([]);
    follow(world, 10);
    expect(armsText(world)).toEqual(["ArmA wide>v2 1000", "ArmB deep>v2 1000", "Stable v2 8000"]);
  });

  test("for the one that was made before it", () => {
    const world = running();
    world.experiments.make({ arms: [arm("other", "v3")] }, "second");
    follow(world);
    expect(armsText(world)).toEqual(SHARED);
    expect(whereIs(world, "second")).toBe("Waiting AnotherExperiment");
    world.experiments.write({ stopped: true });
    follow(world, 6);
    expect(whereIs(world)).toBe("Ended StoppedByPerson");
    expect(whereIs(world, "second")).toBe("Running");
    expect(world.status.experiment).toEqual({ name: "second" });
  });

  test("for devices: nobody has less meanwhile", () => {
    const world = countedWorld();
    world.experiments.make();
    world.reconcile();
    world.setTrouble(world.revisionName("wide"), { type: "Unschedulable", message: "0/3 nodes" });
    world.setReady(world.revisionName("deep"));
    world.reconcile();
    expect(whereIs(world)).toBe("Waiting ReplicasNotReady");
    expect(world.experiments.named().status.message).toContain("0/3 nodes");
    expect(armsText(world)).toEqual(ALONE);
  });
});

function arm(name: string, modelName: string) {
  return { name, weight: "10%", model: model(modelName) };
}

test("a release that begins ends it, and the two never share a plan", () => {
  const world = running();
  const from = world.plans.length;
  world.edit({ model: model("v2") });
  const { events } = world.reconcile();
  expect(whereIs(world)).toBe("Ended ReleaseBegan");
  expect(world.experiments.named().status.verdict?.outcome).toBe("Interrupted");
  expect(events.map(({ reason }) => reason)).toContain("ExperimentInterrupted");
  expect(armsText(world)).toEqual(ALONE);
  // The arms keep their replicas until every router has taken that up.
  expect(replicasOf(world, "wide")).toEqual([2]);
  follow(world, 8);
  expect(replicasOf(world, "wide")).toEqual([]);
  expect(armsText(world)).toEqual(["Stable v2 10000"]);
  for (const plan of world.plans.slice(from)) {
    const names = plan.arms.map(({ name }) => name);
    expect(names.includes("Candidate") && names.includes("ArmA")).toBe(false);
  }
});

test("what it found best can be released, by the same servers", () => {
  const world = running();
  const before = world.serversOf(world.revisionName("wide")).map(({ uid }) => uid);
  world.edit({ model: model("wide") });
  follow(world, 8);
  expect(armsText(world)).toEqual(["Stable wide 10000"]);
  expect(world.serversOf(world.revisionName("wide")).map(({ uid }) => uid)).toEqual(before);
});

test("an undo ends it as a release does", () => {
  const world = countedWorld();
  world.edit({ model: model("v2") });
  follow(world, 8);
  world.experiments.make();
  follow(world);
  expect(whereIs(world)).toBe("Running");
  world.undo("2026-05-05");
  follow(world, 8);
  expect(whereIs(world)).toBe("Ended ReleaseBegan");
  expect(world.status.undo?.request).toBe("2026-05-05");
  expect(ANNOTATION.undo).toBe("petrel.dev/undo");
});

test("an arm that loses all its replicas takes the shares from all, and they come back with it", () => {
  const world = running();
  const { salt } = world.status.traffic?.stickiness ?? {};
  world.setReady(world.revisionName("wide"), 0);
  world.reconcile();
  expect(armsText(world)).toEqual(ALONE);
  expect(whereIs(world)).toBe("Waiting ReplicasNotReady");
  world.setReady(world.revisionName("wide"), 1);
  world.reconcile();
  expect(armsText(world)).toEqual(ALONE);
  follow(world);
  expect(armsText(world)).toEqual(SHARED);
  // The same users as before, by plans that are told apart.
  expect(world.status.traffic?.stickiness?.salt).toBe(salt);
  expect(world.experiments.named().status.shares).toHaveLength(2);
});

test("one that somebody deletes gives everything back", () => {
  const world = running();
  world.experiments.delete();
  world.reconcile();
  expect(armsText(world)).toEqual(ALONE);
  expect(replicasOf(world, "wide")).toEqual([2]);
  follow(world);
  expect(replicasOf(world, "wide")).toEqual([]);
  expect(world.status.experiment).toBeUndefined();
});

test.each([
  ["users keep their arm", traffic],
  ["each request is drawn", { timeout: "600ms" }],
])("one that is made anew counts nothing of the former's plan, where %s", (_how, drawn) => {
  const world = countedWorld({ traffic: drawn });
  world.experiments.make();
  follow(world);
  const { epoch: former = 0 } = world.status.traffic ?? {};
  world.experiments.delete();
  world.experiments.make();
  world.reconcile();
  expect(world.experiments.named().status.shares).toBeUndefined();
  expect(world.experiments.named().status.sharesInEffectAt).toBeUndefined();
  follow(world);
  expect(armsText(world)).toEqual(SHARED);
  // Between the two stable had all the traffic.
  expect(world.experiments.named().status.shares?.[0]?.firstEpoch).toBeGreaterThan(former + 1);
});

test("its time ends it: stable has all the traffic while the last labels come", () => {
  const world = running();
  world.passTime(2 * HOUR);
  follow(world);
  expect(whereIs(world)).toBe("Concluding");
  expect(armsText(world)).toEqual(ALONE);
  expect(replicasOf(world, "wide")).toEqual([]);
  expect(world.reconcile().gateQuestions).toHaveLength(1);
  world.passTime(2 * HOUR);
  world.reconcile();
  expect(whereIs(world)).toBe("Concluding");
  world.gateEvidence = UNREADABLE;
  const { gateQuestions } = world.reconcile();
  expect(whereIs(world)).toBe("Ended DurationPassed");
  expect(gateQuestions).toBeUndefined();
  const { verdict, arms } = world.experiments.named().status;
  expect(verdict?.outcome).toBe("Completed");
  expect(arms?.map(({ name }) => name)).toEqual(["wide", "deep"]);
});

test("revisions of its arms are kept while it needs them, be there many others", () => {
  const world = running();
  const stored = world.revisions.find(({ name }) => name === world.revisionName("wide"));
  if (stored === undefined) throw new Error("the arm has no revision");
  for (let index = 0; index < 14; index++) {
    world.revisions.push({ ...stored, name: `ranker-old${index}`, number: 50 + index });
  }
  world.reconcile();
  const names = world.revisions.map(({ name }) => name);
  expect(names).toContain(world.revisionName("wide"));
  expect(names).toContain(world.revisionName("deep"));
  expect(names.filter((name) => name.startsWith("ranker-old"))).toHaveLength(10);
});

test("metrics that are taken from the ModelDeployment end it", () => {
  const world = running();
  world.edit({ quality: { ...quality, metrics: [{ name: "orders", type: "ConversionRate" }] } });
  world.reconcile();
  expect(whereIs(world)).toBe("Ended MetricChanged");
});

test.each([
  ["of another label", { label: "order" }],
  ["of another type", { type: "DCG" as const, cap: 10 }],
])("a metric that is made %s ends it: two things would be judged as one", (_what, changes) => {
  const world = running();
  const metrics = quality.metrics.map((one) => (one.name === "clicks" ? { ...one, ...changes } : one));
  world.edit({ quality: { ...quality, metrics } });
  world.reconcile();
  expect(whereIs(world)).toBe("Ended MetricChanged");
  expect(world.experiments.named().status.message).toContain("metric clicks was ClickThroughRate of click");
});

test("labels that take another time are no other metric", () => {
  const world = running();
  const labels = quality.labels.map((one) => (one.name === "click" ? { ...one, matures: "45m" } : one));
  world.edit({ quality: { ...quality, labels } });
  world.reconcile();
  expect(whereIs(world)).toBe("Running");
});

test("one that began before it kept what its metrics are goes on", () => {
  const world = running();
  world.experiments.observed = world.experiments.observed.map(({ status, ...experiment }) => {
    const { metrics: _metrics, ...former } = status;
    return { ...experiment, status: former };
  });
  world.reconcile();
  expect(whereIs(world)).toBe("Running");
});

test("nothing moves while the ModelDeployment is suspended", () => {
  const world = running();
  world.edit({ suspend: true });
  const { experiments, apply } = world.reconcile();
  expect([experiments, apply]).toEqual([[], []]);
  expect(armsText(world)).toEqual(SHARED);
});

test("of one that is over nothing is said again, unless somebody writes into it", () => {
  const world = running();
  world.experiments.write({ stopped: true });
  follow(world);
  expect(world.reconcile().experiments).toEqual([]);
  world.experiments.write({ reason: "for the record" });
  const [report] = world.reconcile().experiments;
  expect(report?.status).toMatchObject({ observedGeneration: 3, verdict: { reason: "StoppedByPerson" } });
});
