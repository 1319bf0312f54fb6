/**
 * What follows from alarms in the world of a ModelDeployment, what nothing follows from, and that it is never more than is
 * allowed.
 */
import { describe, expect, test } from "@jest/globals";
import { messageOf } from "../../../test/fixtures/found-conditions.ts";
import { inHoldback } from "../../../test/fixtures/held-back-world.ts";
import { CANARY, condition, follow, inStepOne, shares } from "../../../test/fixtures/released-world.ts";
import { badModelServes, followed, undoEvents } from "../../../test/fixtures/undone-world.ts";
import { fallOfCtr, tell, watched } from "../../../test/fixtures/watched-world.ts";
import { model, servingWorld, World } from "../../../test/fixtures/world.ts";
import type { SeriesAlarm } from "../../anomaly/watched-answer.ts";
import type { AnomalyReactionSpec } from "../../api/anomalies.ts";

const [MINUTE, HOUR, DAY] = [60_000, 3_600_000, 86_400_000];
const now = (world: World) => world.observation().nowMilliseconds;
const reactionsOf = (world: World) => world.status.anomalies?.reactions ?? [];
const alarmsOf = (world: World) => world.status.anomalies?.alarms ?? [];
/** What was said of the one alarm that goes on. */
const said = (world: World) => alarmsOf(world)[0]?.reaction ?? "nothing at all";

/** An alarm begins now, and is looked at. */
function alarm(world: World, changes: Partial<SeriesAlarm> = {}): World {
  tell(world, { alarms: [{ ...fallOfCtr(now(world)), ...changes }] });
  world.reconcile();
  return world;
}

/** The alarm ends, and time passes; the collector is asked again and again. */
function calm(world: World, milliseconds: number): World {
  tell(world.passTime(milliseconds));
  world.reconcile();
  return world;
}

describe("PauseRollout", () => {
  const PAUSE: AnomalyReactionSpec = { type: "PauseRollout", cooldown: "6h", maxPerWeek: 2 };
  const releasing = (reaction = PAUSE) => inStepOne({ quality: watched(reaction) });

  test("pauses the release, says why, and lets a person go on", () => {
    const world = alarm(releasing(), { series: "requests", value: 900 });
    const because = /^requests was 900, expected 0.03 to 0.05, since 2026-01-01T/;
    expect(world.rollout.spec).toMatchObject({ paused: true, pausedFor: expect.stringMatching(because) });
    expect(reactionsOf(world)).toEqual([
      {
        ...{ type: "PauseRollout", at: expect.any(String), rollout: world.rollout.name },
        because: expect.stringMatching(because),
      },
    ]);
    expect(said(world)).toBe(`${world.rollout.name} is paused; kubectl petrel resume lets it go on`);
    tell(world, { alarms: [{ ...fallOfCtr(now(world)), series: "requests" }] });
    follow(world.passTime(2 * MINUTE));
    expect(world.rollout.status).toMatchObject({
      phase: "Paused",
      message: expect.stringMatching(/in step 1 of 3; an anomaly had it paused: requests was 900/),
    });
    expect(condition(world, "RolloutInProgress")).toBe("True RolloutPaused");
    expect(shares(follow(world.passTime(3 * HOUR)))).toBe("v2 10% v1 90%");
    world.guide({ paused: false });
    expect(shares(follow(world))).toBe("v2 50% v1 50%");
    expect(world.rollout.spec.paused).toBe(false);
  });

  test("takes no step in the look that decides it", () => {
    const world = releasing().passTime(2 * HOUR);
    expect(shares(alarm(world))).toBe("v2 10% v1 90%");
    expect(world.rollout.status.phase).toBe("Paused");
  });

  test("is carried out by the operator that comes after one that was killed, and once alone", () => {
    const world = releasing();
    tell(world, { alarms: [fallOfCtr(now(world))] });
    const decided = world.reconcile().pause;
    expect(decided).toMatchObject({ kind: "ModelRollout", metadata: { name: world.rollout.name } });
    // As if it had been stored and not carried out.
    const { paused: _paused, pausedFor: _for, ...spec } = world.rollout.spec;
    world.rollouts = world.rollouts.map((rollout) =>
      rollout.name === world.rollout.name ? { ...rollout, spec } : rollout,
    );
    world.anomalies = undefined;
    world.reconcile();
    expect(world.rollout.spec.paused).toBe(true);
    expect(world.reconcile().pause).toBeUndefined();
    expect(reactionsOf(world)).toMatchObject([{ isDone: true }]);
    // As people do who edit the object and take both lines away.
    world.rollouts = world.rollouts.map((rollout) =>
      rollout.name === world.rollout.name ? { ...rollout, spec } : rollout,
    );
    expect(world.reconcile().pause).toBeUndefined();
    world.guide({ paused: false });
    expect(world.reconcile().pause).toBeUndefined();
    expect(reactionsOf(world)).toHaveLength(1);
  });

  test.each<[string, () => World, string]>([
    ["no release is under way", () => servingWorld({ quality: watched(PAUSE) }), "no release is under way"],
    ["it is over", () => follow(releasing().guide({ decision: "Abort" })), "no release is under way"],
    ["a person has it promoted", () => releasing().guide({ decision: "Promote" }), "a person has decided"],
    ["a person paused it", () => follow(releasing().guide({ paused: true })), "is paused already"],
    ["a person asks for an undo", () => follow(releasing()).undo("a"), "a person asks for an undo"],
    [
      "there is no room for both revisions",
      () =>
        inStepOne({ quality: watched(PAUSE), rollout: { strategy: { type: "Recreate" } } }).edit({
          model: model("broken-a"),
        }),
      "goes by Recreate",
    ],
    [
      "it has all the traffic",
      () => {
        const all = { strategy: { type: "BlueGreen" as const } };
        const world = servingWorld({ quality: watched(PAUSE), rollout: all }).edit({ model: model("v2") });
        while (world.status.traffic?.arms.every(({ name }) => name !== "Candidate")) {
          world.reconcile();
          world.setReady(world.revisionName());
        }
        return world;
      },
      "has all the traffic already",
    ],
    [
      "the old revision is the control of a holdback",
      () => inHoldback().edit({ quality: watched(PAUSE) }),
      "a holdback is on",
    ],
    ["all is suspended", () => releasing().edit({ suspend: true }), "spec.suspend is true"],
  ])("does nothing where %s, and says so", (_what, given, words) => {
    const world = alarm(given());
    expect(reactionsOf(world)).toEqual([]);
    expect(said(world)).toContain(`nothing follows: `);
    expect(said(world)).toContain(words);
    expect(messageOf(world, "AnomalyDetected")).toContain(words);
    expect(world.reconcile().pause).toBeUndefined();
  });

  test("does not react to an alarm that began before the release, nor to one that is known already", () => {
    const world = alarm(servingWorld({ replicas: 4, rollout: CANARY, quality: watched(PAUSE) }));
    const told = { alarms: [fallOfCtr(now(world))] };
    const before = said(world);
    follow(tell(world.edit({ model: model("v2") }), told));
    expect(shares(world)).toBe("v2 10% v1 90%");
    expect(reactionsOf(world)).toEqual([]);
    expect(said(world)).toBe(before);
  });

  test("keeps to cooldown and maxPerWeek, also over switching it off and on", () => {
    const world = alarm(releasing());
    const pausedBy = () => reactionsOf(world).length;
    world.guide({ paused: false });
    calm(world, 5 * HOUR);
    expect(said(alarm(world))).toContain("and cooldown is 6h");
    expect([pausedBy(), world.rollout.spec.paused]).toEqual([1, false]);
    calm(world, 2 * HOUR);
    alarm(world, { series: "labels" });
    expect([pausedBy(), world.rollout.spec.paused]).toEqual([2, true]);
    world.guide({ paused: false });
    const { anomalies: _gone, ...quality } = watched();
    world.edit({ quality }).reconcile();
    world.edit({ quality: watched(PAUSE) });
    calm(world, 2 * DAY);
    expect(said(alarm(world))).toContain("there were 2 reactions in the last 7 days, and maxPerWeek is 2");
    calm(world, 5 * DAY);
    expect(pausedBy()).toBe(0);
  });

  test("an alarm that ends and comes again as it was is the same one", () => {
    const world = releasing();
    const since = Math.floor(now(world) / 300_000) * 300;
    alarm(world, { since });
    world.guide({ paused: false });
    calm(world, 7 * HOUR);
    expect(said(alarm(world, { since }))).toBe("nothing follows: something has followed from it before");
    expect(world.rollout.spec.paused).toBe(false);
  });

  test("a clock that is set back allows no more", () => {
    const world = alarm(releasing());
    world.guide({ paused: false });
    calm(world, -2 * DAY);
    expect(said(alarm(world))).toContain("cooldown");
    expect(reactionsOf(world)).toHaveLength(1);
  });
});

describe("Undo", () => {
  const UNDO: AnomalyReactionSpec = { type: "Undo" };
  /** `v2` was promoted over `v1` so long ago. */
  const promoted = (milliseconds = 30 * MINUTE, reaction: AnomalyReactionSpec | undefined = UNDO) =>
    badModelServes({ quality: watched(reaction) }).passTime(milliseconds);

  test("takes the traffic back to what served before, and says because of what", () => {
    const world = promoted();
    const stable = world.revisionName("v1");
    tell(world, { alarms: [fallOfCtr(now(world))] });
    const { events } = followed(world, 8);
    expect(undoEvents(events)).toEqual(["Warning Undoing"]);
    expect(shares(world)).toBe("v1 100%");
    expect(condition(world, "Undone")).toBe("True Undone");
    expect(messageOf(world, "Undone")).toMatch(
      /^an anomaly had the traffic taken back to \S+ \(request anomaly-\d+, metric:ctr was 0.01, expected 0.03 to 0.05, since 2026/,
    );
    expect(condition(world, "Stalled")).toBe("True Undone");
    expect(world.status.undo).toMatchObject({ request: "", standing: { revision: stable } });
    expect(reactionsOf(world)).toMatchObject([
      { type: "Undo", request: world.status.undo?.standing?.request },
    ]);
    expect(said(world)).toBe(`the traffic is taken back to ${stable}`);
  });

  test.each(["latency", "errors"])("does so for %s of stable that rise", (series) => {
    const world = follow(alarm(promoted(), { series, value: 0.2 }), 8);
    expect(shares(world)).toBe("v1 100%");
    expect(reactionsOf(world)).toMatchObject([
      { type: "Undo", because: expect.stringContaining(`${series} was 0.2, expected 0.03 to 0.05`) },
    ]);
  });

  test("for a metric of which less is better it is a rise that counts, and no fall", () => {
    const quality = watched(UNDO);
    const refunds = { name: "refunds", type: "LabelRatio", label: "click", cap: 5, better: "Lower" } as const;
    const world = () =>
      badModelServes({ quality: { ...quality, metrics: [...quality.metrics, refunds] } }).passTime(
        30 * MINUTE,
      );
    const series = "metric:refunds";
    expect(said(alarm(world(), { series }))).toContain("only for a metric that gets worse");
    expect(shares(follow(alarm(world(), { series, value: 0.09 }), 8))).toBe("v1 100%");
    expect(said(alarm(world(), { series: "metric:gone", value: 0.09 }))).toContain("nothing follows");
  });

  test("stands as one of a person does: the same spec does not end it, a retry and another model do", () => {
    const world = follow(alarm(promoted()), 8);
    expect(shares(follow(world.edit({ replicas: 3 }), 8))).toBe("v1 100%");
    expect(shares(follow(world.edit({ model: model("v3") }), 8))).toBe("v3 100%");
    const other = follow(alarm(promoted()), 8);
    expect(shares(follow(other.retry("1"), 8))).toBe("v2 100%");
  });

  test("a request of a person that was answered before stays answered", () => {
    const world = promoted();
    follow(world.undo("a"), 8);
    follow(world.retry("1"), 8);
    expect(shares(world)).toBe("v2 100%");
    follow(alarm(world.passTime(10 * MINUTE)), 8);
    expect(shares(world)).toBe("v1 100%");
    expect(world.status.undo).toMatchObject({
      request: "a",
      standing: { request: expect.stringMatching(/^anomaly-/) },
    });
  });

  test.each<[string, () => World, Partial<SeriesAlarm>, string]>([
    ["the requests fall", promoted, { series: "requests" }, "only for a metric that gets worse"],
    ["the labels fall", promoted, { series: "labels" }, "only for a metric that gets worse"],
    ["the load rises", promoted, { series: "load", value: 0.09 }, "only for a metric that gets worse"],
    ["the latency falls", promoted, { series: "latency" }, "and for latency or errors that rise"],
    ["the errors fall", promoted, { series: "errors" }, "and for latency or errors that rise"],
    ["the metric rises", promoted, { value: 0.09 }, "only for a metric that gets worse"],
    ["it is long after the promotion", () => promoted(3 * HOUR), {}, "it did not begin within 2h after that"],
    ["it is months after it", () => promoted(90 * DAY), {}, "it did not begin within 2h after that"],
    ["it began before", promoted, { since: Date.UTC(2025, 11, 31) / 1_000 }, "it did not begin within 2h"],
    [
      "nothing was promoted",
      () => servingWorld({ quality: watched(UNDO) }),
      {},
      "no release is known by which",
    ],
    ["its release was deleted", () => promoted().deleteRollout(), {}, "no release is known by which"],
    [
      "what served before is gone",
      () => {
        const world = promoted();
        return world.deleteRevision(world.revisionName("v1"));
      },
      {},
      "no other revision that is kept has served",
    ],
    ["a person asks for it", () => promoted().undo("a"), {}, "a person asks for an undo"],
    ["an undo stands", () => follow(promoted().undo("a"), 8), {}, "an undo stands already"],
    [
      "the old revision is the control of a holdback",
      () => inHoldback().edit({ quality: watched(UNDO) }),
      {},
      "a holdback is on, and the series are of the few whom the old revision answers",
    ],
    ["all is suspended", () => promoted().edit({ suspend: true }), {}, "spec.suspend is true"],
  ])("does nothing where %s, and says so", (_what, given, changes, words) => {
    const world = alarm(given(), changes);
    expect(said(world)).toContain("nothing follows: ");
    expect(said(world)).toContain(words);
    expect(reactionsOf(world)).toEqual([]);
    expect(world.status.undo?.standing?.because).toBeUndefined();
  });

  test("says no more than the status takes, however many revisions there are to choose from", () => {
    const world = new World({ quality: watched(UNDO) }, "a".repeat(50));
    world.settle();
    for (const next of ["v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v9"])
      follow(world.edit({ model: model(next) }), 8);
    alarm(world);
    expect(said(world)).toContain("these have served and are kept");
    expect(said(world)).toHaveLength(512);
  });

  test("nothing is said where the spec asks for nothing", () => {
    const world = alarm(badModelServes({ quality: watched() }));
    expect(said(world)).toBe("nothing at all");
    expect(shares(follow(world, 8))).toBe("v2 100%");
  });

  test("what has begun in the window of the promotion is after it; promotedWithin says until when", () => {
    const within = (promotedWithin: string, milliseconds: number) =>
      alarm(promoted(milliseconds, { type: "Undo", promotedWithin })).status.undo?.standing !== undefined;
    expect(within("10m", 0)).toBe(true);
    expect(within("10m", 9 * MINUTE)).toBe(true);
    expect(within("10m", 20 * MINUTE)).toBe(false);
    expect(within("168h", 6 * DAY)).toBe(true);
  });

  test("once a week and no more, unless the spec says: a second bad model is for people", () => {
    const world = follow(alarm(promoted()), 8);
    follow(tell(world.edit({ model: model("v3") }).passTime(DAY)), 8);
    expect(shares(world)).toBe("v3 100%");
    alarm(world.passTime(10 * MINUTE));
    expect(said(world)).toContain("there were 1 reactions in the last 7 days");
    expect(shares(follow(world, 8))).toBe("v3 100%");
    expect(reactionsOf(world)).toHaveLength(1);
  });
});
