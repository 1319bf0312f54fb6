/**
 * What is known of alarms: one question a minute and namespace, news only where something is new, and no knowledge by silence.
 */
import { expect, test } from "@jest/globals";
import { VirtualClock } from "../../test/memory-cluster/virtual-clock.ts";
import type { SeriesAlarm, WatchedDeployment } from "../anomaly/watched-answer.ts";
import { AnomalyReadings, ASK_PERIOD_MILLISECONDS } from "./anomaly-readings.ts";

const ALARM: SeriesAlarm = { series: "requests", since: 300, value: 1, low: 2, high: 3 };

function deployment(name: string, changes: Partial<WatchedDeployment> = {}): WatchedDeployment {
  return { name, watched: 3, unjudged: [], unknown: [], alarms: [], ...changes };
}

/** A collector in each namespace that says the same; undefined fails. */
function asking() {
  const clock = new VirtualClock();
  const asked: string[] = [];
  const changed: string[] = [];
  const world: { said: readonly WatchedDeployment[] | undefined } = { said: [deployment("ranker")] };
  const readings = new AnomalyReadings({
    clock,
    onChange: (key) => changed.push(key),
    ask: async (namespace) => {
      asked.push(namespace);
      if (world.said === undefined) throw new Error("no answer");
      return new Map(world.said.map((one) => [one.name, one]));
    },
  });
  return { clock, asked, changed, world, readings };
}

/** Lets what was settled be seen. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}

async function minute(clock: VirtualClock): Promise<void> {
  await clock.advance(ASK_PERIOD_MILLISECONDS);
  await settled();
}

test("asks each namespace once a minute for all of it, as long as anybody wants to know", async () => {
  const { clock, asked, world, readings } = asking();
  world.said = [deployment("ranker"), deployment("other")];
  readings.follow("shop/ranker", true);
  readings.follow("shop/other", true);
  readings.follow("shop/ranker", true);
  readings.follow("search/ranker", true);
  await settled();
  expect(asked).toEqual(["shop", "search"]);
  expect(readings.of("shop/other")).toMatchObject({ kind: "Whole", value: { name: "other" } });
  await minute(clock);
  expect(asked).toHaveLength(4);
  readings.follow("search/ranker", false);
  readings.follow("shop/ranker", false);
  await minute(clock);
  expect(asked.slice(4)).toEqual(["shop"]);
  readings.follow("shop/other", false);
  for (let passed = 0; passed < 5; passed++) await minute(clock);
  expect(asked).toHaveLength(5);
  expect(readings.of("shop/other")).toBeUndefined();
});

test("tells of an alarm that begins or ends, and of nothing that moves while it goes on", async () => {
  const { clock, changed, world, readings } = asking();
  world.said = [deployment("ranker"), deployment("other")];
  readings.follow("shop/ranker", true);
  readings.follow("shop/other", true);
  await settled();
  expect(changed.splice(0)).toEqual(["shop/ranker", "shop/other"]);
  await minute(clock);
  expect(changed).toEqual([]);
  world.said = [deployment("ranker", { alarms: [ALARM] }), deployment("other")];
  await minute(clock);
  expect(changed.splice(0)).toEqual(["shop/ranker"]);
  world.said = [deployment("ranker", { alarms: [{ ...ALARM, value: 0.5, low: 2.5 }] }), deployment("other")];
  await minute(clock);
  expect(changed).toEqual([]);
  // The latest is what is known.
  expect(readings.of("shop/ranker")).toMatchObject({ value: { alarms: [{ value: 0.5 }] } });
  world.said = [deployment("ranker", { alarms: [{ ...ALARM, since: 600 }] }), deployment("other")];
  await minute(clock);
  expect(changed.splice(0)).toEqual(["shop/ranker"]);
  world.said = [deployment("ranker", { unknown: ["labels"] }), deployment("other")];
  await minute(clock);
  expect(changed.splice(0)).toEqual(["shop/ranker"]);
  readings.close();
});

test("a collector that is away for a moment leaves the last answer standing, and for longer there is none", async () => {
  const { clock, changed, world, readings } = asking();
  const start = clock.now();
  readings.follow("shop/ranker", true);
  await settled();
  changed.splice(0);
  world.said = undefined;
  await minute(clock);
  await minute(clock);
  expect(readings.of("shop/ranker")).toMatchObject({ kind: "Whole", atMilliseconds: start });
  expect(changed).toEqual([]);
  await minute(clock);
  expect(readings.of("shop/ranker")).toMatchObject({ kind: "Torn", reason: "no answer" });
  expect(changed.splice(0)).toEqual(["shop/ranker"]);
  await minute(clock);
  expect(changed).toEqual([]);
  world.said = [deployment("ranker")];
  await minute(clock);
  expect(readings.of("shop/ranker")).toMatchObject({ kind: "Whole" });
  expect(changed).toEqual(["shop/ranker"]);
  readings.close();
});

test("what never answered is no knowledge, nor is a deployment that is not in the answer", async () => {
  const { clock, world, readings } = asking();
  world.said = undefined;
  readings.follow("shop/ranker", true);
  expect(readings.of("shop/ranker")).toBeUndefined();
  await settled();
  expect(readings.of("shop/ranker")).toMatchObject({ kind: "Torn", reason: "no answer" });
  world.said = [deployment("other")];
  await minute(clock);
  expect(readings.of("shop/ranker")).toMatchObject({
    ...{ kind: "Torn", reason: "the collector does not watch it yet" },
  });
  readings.close();
  expect(readings.of("shop/ranker")).toBeUndefined();
});
