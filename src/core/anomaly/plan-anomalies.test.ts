/**
 * What is told of alarms: the condition, the Events, and that neither silence nor a restart ends or begins one.
 */
import { describe, expect, test } from "@jest/globals";
import { messageOf } from "../../../test/fixtures/found-conditions.ts";
import { condition, follow } from "../../../test/fixtures/released-world.ts";
import { badModelServes } from "../../../test/fixtures/undone-world.ts";
import { fallOfCtr, tell, watched } from "../../../test/fixtures/watched-world.ts";
import { START_MILLISECONDS, servingWorld, type World } from "../../../test/fixtures/world.ts";
import type { SeriesAlarm } from "../../anomaly/watched-answer.ts";

const CTR = fallOfCtr(START_MILLISECONDS);
const REQUESTS: SeriesAlarm = {
  series: "requests",
  since: CTR.since,
  value: 9_000.123_456_7,
  low: 10,
  high: 20,
};
const CTR_TEXT = "metric:ctr was 0.01, expected 0.03 to 0.05, since 2026-01-01T00:00:00Z";

const watchedWorld = () => servingWorld({ quality: watched() });

/** One look, with the Events of anomalies that it told of. */
function look(world: World): readonly string[] {
  return world
    .reconcile()
    .events.filter(({ action }) => action.endsWith("Anomaly"))
    .map(({ type, reason, note }) => `${type} ${reason} ${note}`);
}

describe("the condition", () => {
  test("is absent where nothing is watched, whatever a collector says", () => {
    const world = tell(servingWorld(), { alarms: [CTR] });
    expect(look(world)).toEqual([]);
    expect(condition(world, "AnomalyDetected")).toBe("absent");
    expect(world.status.anomalies).toBeUndefined();
  });

  test.each<[string, (world: World) => World, string, string]>([
    ["nobody was asked", (world) => world, "Unknown AnomaliesUnknown", "the collector was not asked yet"],
    ["all is quiet", (world) => tell(world), "False NoAnomaly", "3 series are as expected"],
    [
      "some are learned still",
      (world) => tell(world, { unjudged: ["labels", "metric:ctr"] }),
      "False NoAnomaly",
      "1 series are as expected; still learned, or without values: labels, metric:ctr",
    ],
    [
      "all are learned still",
      (world) => tell(world, { unjudged: ["requests", "labels", "metric:ctr"] }),
      "Unknown SeriesLearning",
      "still learned",
    ],
    [
      "nobody looked at one",
      (world) => tell(world, { unknown: ["labels"] }),
      "Unknown AnomaliesUnknown",
      "nobody looked at labels for half an hour",
    ],
    ["there is an alarm", (world) => tell(world, { alarms: [CTR] }), "True AnomalyDetected", CTR_TEXT],
    [
      "there are two, and nobody looked at another",
      (world) => tell(world, { alarms: [REQUESTS, CTR], unknown: ["labels"] }),
      "True AnomalyDetected",
      `${CTR_TEXT}; requests was 9000.12, expected 10 to 20, since 2026-01-01T00:00:00Z; nobody looked at labels`,
    ],
    [
      "the collector cannot be asked",
      (world) => {
        world.anomalies = { kind: "Torn", atMilliseconds: START_MILLISECONDS, reason: "no answer" };
        return world;
      },
      "Unknown AnomaliesUnknown",
      "collector: no answer",
    ],
    [
      "the answer is too old",
      (world) => tell(world).passTime(180_000),
      "Unknown AnomaliesUnknown",
      "collector: the last reading is more than 3 minutes old",
    ],
    [
      "the clock was set back",
      (world) => tell(world).passTime(-10_000),
      "Unknown AnomaliesUnknown",
      "collector: read at a time that has not come yet",
    ],
  ])("when %s", (_what, given, expected, words) => {
    const world = given(watchedWorld());
    world.reconcile();
    expect(condition(world, "AnomalyDetected")).toBe(expected);
    expect(messageOf(world, "AnomalyDetected")).toContain(words);
    // It takes nothing from what serves.
    expect(condition(world, "Ready")).toBe("True Serving");
    expect(condition(world, "Promoted")).toBe("True Promoted");
    expect([condition(world, "Reconciling"), condition(world, "Stalled")]).toEqual(["absent", "absent"]);
  });

  test("stands, with its alarms, until an operator that begins to lead has asked", () => {
    const world = tell(watchedWorld(), { alarms: [CTR] });
    world.reconcile();
    const before = structuredClone(world.status);
    world.anomalies = undefined;
    expect(look(world.passTime(86_400_000))).toEqual([]);
    expect(world.status).toEqual(before);
    expect(look(tell(world))).toEqual([
      "Normal AnomalyEnded metric:ctr: the alarm about what began at 2026-01-01T00:00:00Z has ended",
    ]);
    expect(condition(world, "AnomalyDetected")).toBe("False NoAnomaly");
  });

  test("is unknown while nothing is decided, for an undo whose target is lost", () => {
    const world = follow(badModelServes({ quality: watched() }).undo("a"), 8);
    tell(world).deleteRevision(world.revisionName("v1")).reconcile();
    expect(condition(world, "Undone")).toBe("True UndoTargetLost");
    expect(condition(world, "AnomalyDetected")).toBe("Unknown AnomaliesUnknown");
  });

  test("is told of a suspended ModelDeployment as well", () => {
    const world = watchedWorld().edit({ suspend: true });
    expect(look(tell(world, { alarms: [CTR] }))).toEqual([`Warning AnomalyDetected ${CTR_TEXT}`]);
    expect(condition(world, "AnomalyDetected")).toBe("True AnomalyDetected");
  });
});

describe("an alarm", () => {
  test("is told of once when it begins and once when it ends, each by itself", () => {
    const world = watchedWorld();
    expect(look(tell(world))).toEqual([]);
    expect(look(tell(world, { alarms: [CTR] }))).toEqual([`Warning AnomalyDetected ${CTR_TEXT}`]);
    expect(look(tell(world, { alarms: [CTR] }))).toEqual([]);
    expect(look(tell(world, { alarms: [REQUESTS, CTR] }))).toEqual([
      "Warning AnomalyDetected requests was 9000.12, expected 10 to 20, since 2026-01-01T00:00:00Z",
    ]);
    expect(look(tell(world, { alarms: [REQUESTS] }))).toEqual([
      "Normal AnomalyEnded metric:ctr: the alarm about what began at 2026-01-01T00:00:00Z has ended",
    ]);
    expect(condition(world, "AnomalyDetected")).toBe("True AnomalyDetected");
    expect(look(tell(world))).toHaveLength(1);
    expect(world.status.anomalies).toBeUndefined();
  });

  test("says the same while it goes on, whatever its value does: a status is written on transitions", () => {
    const world = tell(watchedWorld(), { alarms: [CTR] });
    world.reconcile();
    const before = structuredClone(world.status);
    expect(look(tell(world, { alarms: [{ ...CTR, value: 0.02, low: 0.04 }] }))).toEqual([]);
    expect(world.status).toEqual(before);
  });

  test("of another time is another alarm", () => {
    const world = tell(watchedWorld(), { alarms: [CTR] });
    world.reconcile();
    const events = look(tell(world, { alarms: [{ ...CTR, since: CTR.since + 300 }] }));
    expect(events.map((event) => event.split(" ")[1])).toEqual(["AnomalyDetected", "AnomalyEnded"]);
  });

  test.each<[string, (world: World) => unknown]>([
    ["the collector cannot be asked", (world) => (world.anomalies = { kind: "Missing", reason: "gone" })],
    ["nobody looks at its series", (world) => tell(world, { unknown: ["metric:ctr"] })],
  ])("does not end when %s, and is not told of anew afterwards", (_what, given) => {
    const world = tell(watchedWorld(), { alarms: [CTR] });
    world.reconcile();
    const { anomalies } = world.status;
    given(world);
    expect(look(world)).toEqual([]);
    expect(world.status.anomalies).toEqual(anomalies);
    expect(condition(world, "AnomalyDetected")).toBe("Unknown AnomaliesUnknown");
    expect(messageOf(world, "AnomalyDetected")).toContain(`last known: ${CTR_TEXT}`);
    expect(look(tell(world, { alarms: [CTR] }))).toEqual([]);
    expect(condition(world, "AnomalyDetected")).toBe("True AnomalyDetected");
  });

  test("ends when its series is watched no more", () => {
    const world = tell(watchedWorld(), { alarms: [CTR] });
    world.reconcile();
    const { anomalies: _gone, ...quality } = watched();
    expect(look(world.edit({ quality }))).toHaveLength(1);
    expect(world.status.anomalies).toBeUndefined();
    expect(condition(world, "AnomalyDetected")).toBe("absent");
  });
});
