/**
 * A validation beside the rest of the decision: what waits for it, what it lets through, and that its outcome holds.
 */
import { describe, expect, test } from "@jest/globals";
import { badReport, goodReport, VALIDATION } from "../../../test/fixtures/validations.ts";
import { model, servingWorld, World } from "../../../test/fixtures/world.ts";
import { valueAt } from "../../api/json.ts";
import type { ModelDeploymentSpec } from "../../api/model-deployment-spec.ts";
import { decide } from "../decide.ts";
import type { Decision } from "../decision.ts";
import type { ObservedValidation } from "../observation.ts";

const validation = VALIDATION;

/** `v1` serves, and `v2` is asked for. */
function asked(changes: Partial<ModelDeploymentSpec> = {}): World {
  const world = servingWorld()
    .edit({ validation, ...changes })
    .edit({ model: model("v2") });
  world.reconcile();
  return world;
}

/** The Job that goes on tells something. */
function tell(world: World, told: Omit<ObservedValidation, "job">): Decision {
  world.jobs.tell(world.status.validation?.job ?? "", told);
  return world.reconcile();
}

function found(world: World): Record<string, string> {
  const { conditions = [] } = world.status;
  return Object.fromEntries(conditions.map(({ type, status, reason }) => [type, `${status} ${reason}`]));
}

function message(world: World, type: string): string {
  return world.status.conditions?.find((condition) => condition.type === type)?.message ?? "";
}

function candidates(world: World): readonly (string | undefined)[] {
  return [world.status.revisions?.candidate, ...world.rollouts.map(({ spec }) => spec.revision)];
}

/** Replicas that are asked for of a revision. */
function replicas(world: World, revision: string): number {
  return world.serversOf(revision).reduce((sum, servers) => sum + servers.replicas, 0);
}

function jobIn(decision: Decision): unknown {
  return decision.apply.find(({ kind }) => kind === "Job");
}

function settingsIn(decision: Decision): { checks: unknown } {
  const annotations = valueAt(jobIn(decision), "spec", "template", "metadata", "annotations");
  return JSON.parse(String(valueAt(annotations, "petrel.dev/validation-settings")));
}

const v1 = (world: World) => world.revisionName("v1");
const v2 = (world: World) => world.revisionName("v2");

describe("a new revision beside one that serves", () => {
  test("has no role, no release and no pod while it is judged, and stable serves on", () => {
    const world = servingWorld()
      .edit({ validation })
      .edit({ model: model("v2") });
    const decision = world.reconcile();
    expect(settingsIn(decision).checks).toEqual([
      { metric: "auc", atLeast: 0.7 },
      { metric: "auc", nonInferiorityMargin: "2%" },
    ]);
    world.settle();
    expect(candidates(world).filter((revision) => revision === v2(world))).toEqual([]);
    expect(replicas(world, v2(world))).toBe(0);
    expect(world.status.validation).toMatchObject({ revision: v2(world), baseline: v1(world) });
    expect(world.jobs.names).toEqual([world.status.validation?.job]);
    expect(found(world)).toEqual({
      Ready: "True Serving",
      Available: "True Serving",
      Promoted: "False Validating",
      RolloutInProgress: "True Validating",
      Validated: "False Validating",
    });
    expect(decision.events.map(({ reason }) => reason)).toEqual(["Validating"]);
  });

  test("is released once what was measured is stored, and its Job is gone", () => {
    const world = asked();
    const decision = tell(world, { report: goodReport() });
    expect(world.status.revisions).toEqual({ stable: v1(world) });
    expect(found(world)).toEqual({
      Ready: "True Serving",
      Available: "True Serving",
      Promoted: "False Validating",
      RolloutInProgress: "True Validating",
      Validated: "True ValidationPassed",
    });
    expect(decision.events).toEqual([
      expect.objectContaining({ type: "Normal", reason: "ValidationPassed" }),
    ]);
    expect(message(world, "Validated")).toBe(
      `${v2(world)} passed on 4,724 rows of 1,200 users: auc 0.8242 (0.8076 to 0.8408), must be at least 0.7: passed; change of auc +0.7 % (+0.3 % to +1.1 %), must be above -2 %: passed`,
    );
    expect(world.jobs.names).toEqual([]);
    world.settle();
    expect(world.status.revisions).toEqual({ stable: v2(world) });
    expect(world.jobs.names).toEqual([]);
    expect(found(world)).toMatchObject({ Validated: "True ValidationPassed", Promoted: "True Promoted" });
  });

  test("that does not pass gets nothing, and a condition says what was found beside what was asked for", () => {
    const world = asked();
    const decision = tell(world, { report: badReport(), end: ended("Failed", "PodFailurePolicy") });
    world.settle();
    expect(world.status.revisions).toEqual({ stable: v1(world) });
    expect(replicas(world, v2(world))).toBe(0);
    expect(found(world)).toEqual({
      Ready: "True Serving",
      Available: "True Serving",
      Promoted: "False ValidationFailed",
      RolloutInProgress: "False ValidationFailed",
      Validated: "False ValidationFailed",
      Stalled: "True ValidationFailed",
    });
    expect(message(world, "Stalled")).toContain(
      "did not pass, and gets no traffic (on 4,724 rows of 1,200 users: change of auc -75.4 % (-96.3 % to -54.6 %), must be above -2 %: failed; auc 0.8242",
    );
    expect(decision.events).toEqual([
      expect.objectContaining({ type: "Warning", reason: "ValidationFailed", action: "ValidatedFalse" }),
    ]);
  });

  test("that was refused is not judged again because its Job was taken away, or the operator is another one", () => {
    const world = asked();
    tell(world, { report: badReport() });
    const { job = "" } = world.status.validation ?? {};
    expect(world.jobs.names).toEqual([job]);
    world.jobs.delete(job);
    world.upgrade("2.0.0");
    world.settle();
    expect(world.jobs.names).toEqual([]);
    expect(found(world)).toMatchObject({ Stalled: "True ValidationFailed" });
  });

  test.each<[string, (world: World) => World]>([
    ["another value of the annotation", (world) => world.retry("again")],
    ["other settings", (world) => world.edit({ validation: { ...validation, timeout: "2h" } })],
    ["another model", (world) => world.edit({ model: model("v3") })],
  ])("that was refused is judged anew after %s, in another Job", (_what, change) => {
    const world = asked();
    tell(world, { report: badReport() });
    const { job } = world.status.validation ?? {};
    change(world).settle();
    expect(world.jobs.names).toHaveLength(1);
    expect(world.jobs.names).not.toContain(job);
    expect(found(world)).toMatchObject({ Validated: "False Validating" });
    tell(world, { report: goodReport() });
    world.settle();
    expect(found(world)).toMatchObject({ Promoted: "True Promoted" });
  });

  test("is judged in the same Job again where that was taken away before it told anything", () => {
    const world = asked();
    const { job = "" } = world.status.validation ?? {};
    world.jobs.delete(job);
    world.reconcile();
    expect(world.jobs.names).toEqual([job]);
  });

  test("keeps its Job as it was made: a Job cannot be changed", () => {
    const world = asked();
    expect(jobIn(world.upgrade("2.0.0").reconcile())).toBeUndefined();
    expect(world.jobs.names).toHaveLength(1);
  });

  test("is no more waited for once the spec asks for stable again, or for no validation", () => {
    const world = asked();
    world.edit({ model: model("v1") }).settle();
    expect(world.jobs.names).toEqual([]);
    expect(found(world)).toMatchObject({ Promoted: "True Promoted" });
    expect(world.status).not.toHaveProperty("validation");
    world.edit({ model: model("v2") }).settle();
    world.edit({ validation: undefined }).settle();
    expect(world.jobs.names).toEqual([]);
    expect(world.status).not.toHaveProperty("validation");
    expect(world.status.revisions).toEqual({ stable: v2(world) });
  });

  test("that came while another one had traffic is compared with the one that was left", () => {
    const world = asked();
    tell(world, { report: goodReport() });
    world.reconcile();
    world.setReady(v2(world)).reconcile();
    world.acknowledge().edit({ model: model("v3") });
    world.settle();
    expect(world.status.validation).toMatchObject({
      revision: world.revisionName("v3"),
      baseline: world.status.revisions?.stable,
    });
    expect(world.status.traffic?.arms).toEqual([expect.objectContaining({ name: "Stable" })]);
  });

  test("whose release has begun is not held up by other settings", () => {
    const world = asked();
    tell(world, { report: goodReport() });
    world.reconcile();
    expect(world.status.revisions?.candidate).toBe(v2(world));
    world.edit({ validation: { ...validation, timeout: "3h" } }).settle();
    expect(world.status.revisions).toEqual({ stable: v2(world) });
  });

  test("stays as it is while it is suspended", () => {
    const world = asked({ suspend: false });
    const before = world.status.validation;
    world.jobs.tell(before?.job ?? "", { report: badReport() });
    const decision = world.edit({ suspend: true }).reconcile();
    expect(decision.status.validation).toEqual(before);
    expect([decision.apply, decision.remove]).toEqual([[], []]);
  });
});

describe("the first revision", () => {
  test("gets replicas and traffic only once it has passed what needs no other model", () => {
    const world = new World({ validation });
    const decision = world.reconcile();
    expect(settingsIn(decision).checks).toEqual([{ metric: "auc", atLeast: 0.7 }]);
    expect(JSON.stringify(jobIn(decision))).not.toContain("baseline");
    world.settle();
    expect(replicas(world, v1(world))).toBe(0);
    expect(world.status.traffic?.arms).toEqual([]);
    expect(world.status.validation).not.toHaveProperty("baseline");
    expect(found(world)).toEqual({
      Ready: "False Validating",
      Available: "False NoReadyReplica",
      Promoted: "False Validating",
      RolloutInProgress: "False NoRollout",
      Validated: "False Validating",
      Reconciling: "True Validating",
    });
    tell(world, { report: goodReport(true) });
    // In the look that stores it, nothing serves.
    expect(found(world)).toEqual({
      Ready: "False Validating",
      Available: "False NoReadyReplica",
      Promoted: "False Validating",
      RolloutInProgress: "False NoRollout",
      Validated: "True ValidationPassed",
      Reconciling: "True Validating",
    });
    world.settle();
    expect(found(world)).toMatchObject({ Ready: "True Serving", Promoted: "True Promoted" });
    expect(replicas(world, v1(world))).toBe(2);
  });

  test("that takes the place of another one while it is suspended waits for its validation all the same", () => {
    const world = new World({ validation, suspend: true });
    world.reconcile();
    world.edit({ model: model("v2") }).reconcile();
    expect(world.status.revisions).toEqual({ stable: v2(world) });
    world.edit({ suspend: false }).settle();
    expect(replicas(world, v2(world))).toBe(0);
    tell(world, { report: goodReport(true) });
    world.settle();
    expect(replicas(world, v2(world))).toBe(2);
  });

  test("that does not pass never starts, until the spec asks for another one that does", () => {
    const world = new World({ validation });
    world.reconcile();
    tell(world, { report: { ...badReport(), checks: badReport().checks.slice(1) } });
    world.settle();
    expect(replicas(world, v1(world))).toBe(0);
    expect(found(world)).toMatchObject({ Ready: "False ValidationFailed", Stalled: "True ValidationFailed" });
    expect(found(world)).not.toHaveProperty("Reconciling");
    world.edit({ model: model("v2") }).reconcile();
    expect(world.status.validation).not.toHaveProperty("baseline");
    tell(world, { report: goodReport(true) });
    world.settle();
    expect(found(world)).toMatchObject({ Ready: "True Serving", Promoted: "True Promoted" });
  });

  test("is not judged after the fact: neither what serves, nor what is scaled to zero, nor what comes up", () => {
    for (const world of [servingWorld(), servingWorld({ replicas: 0 }), comingUp()]) {
      world.edit({ validation }).settle();
      expect(world.jobs.names).toEqual([]);
      expect(found(world)).toMatchObject({ Promoted: "True Promoted" });
      expect(found(world)).not.toHaveProperty("Validated");
    }
  });

  test("after one that was scaled to zero is compared with that, and gets its traffic when there are replicas", () => {
    const world = servingWorld({ replicas: 0 })
      .edit({ validation })
      .edit({ model: model("v2") });
    world.settle();
    expect(world.status.validation).toMatchObject({ revision: v2(world), baseline: v1(world) });
    world.edit({ replicas: 2 }).settle();
    expect(replicas(world, v2(world))).toBe(0);
    tell(world, { report: goodReport() });
    world.settle();
    expect(found(world)).toMatchObject({ Ready: "True Serving", Promoted: "True Promoted" });
    expect(world.status.revisions).toEqual({ stable: v2(world) });
  });
});

function comingUp(): World {
  const world = new World();
  world.reconcile();
  return world.startPods();
}

function ended(
  type: "Complete" | "Failed",
  reason: string,
  atMilliseconds = 0,
): NonNullable<ObservedValidation["end"]> {
  return { type, reason, message: "its words", atMilliseconds };
}

describe("without a whole result nothing passes", () => {
  test.each<[string, Omit<ObservedValidation, "job">, string]>([
    ["ran out of time", { end: ended("Failed", "DeadlineExceeded") }, "DeadlineExceeded: its words"],
    [
      "could not fetch",
      { problem: "fetch-data: no such bucket", end: ended("Failed", "BackoffLimitExceeded") },
      "fetch-data: no such bucket",
    ],
    [
      "tells of too little",
      { report: { ...goodReport(), checks: goodReport().checks.slice(1) } },
      "expected the result to tell of 2 thresholds, got 1",
    ],
  ])("one that %s", (_what, told, why) => {
    const world = asked();
    tell(world, told);
    expect(world.status.validation).toMatchObject({ outcome: "NotMeasured", message: why });
    world.settle();
    expect(found(world)).toMatchObject({ Stalled: "True ValidationNotMeasured", Ready: "True Serving" });
    expect(message(world, "Stalled")).toContain(`could not be judged, and gets no traffic (${why})`);
  });

  test.each([
    ["says that it has not", { ...goodReport(), passed: false }],
    ["has no rows", { ...goodReport(), rows: 0 }],
    [
      "has a threshold that was not passed",
      {
        ...goodReport(),
        checks: [{ ...goodReport().checks[0], verdict: "NotShown" }, goodReport().checks[1]],
      },
    ],
  ])("one that says it has passed and %s", (_what, report) => {
    const world = asked();
    tell(world, { report } as Omit<ObservedValidation, "job">);
    expect(world.status.validation?.outcome).toBe("Failed");
  });

  test("one whose pods are not seen yet is waited for, and not for ever", () => {
    const world = asked();
    const { nowMilliseconds } = world.observation();
    const end = ended("Complete", "CompletionsReached", nowMilliseconds);
    const decision = tell(world, { end });
    expect(world.status.validation).not.toHaveProperty("outcome");
    expect(decision.wakeAtMilliseconds).toBe(nowMilliseconds + 120_000);
    world.passTime(120_000);
    tell(world, { end });
    expect(world.status.validation).toMatchObject({ outcome: "NotMeasured" });
  });

  test("one that goes on says what it is held up by", () => {
    const world = asked();
    tell(world, { trouble: "0/3 nodes are available" });
    expect(message(world, "Validated")).toMatch(/^Job .* judges .* beside .*: 0\/3 nodes are available$/);
    expect(message(world, "RolloutInProgress")).toBe(message(world, "Validated"));
  });
});

test("that a validation is asked for changes no pod", () => {
  const world = servingWorld();
  const before = decide(world.observation()).apply;
  expect(decide(world.edit({ validation }).observation()).apply).toEqual(before);
});
