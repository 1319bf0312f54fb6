/**
 * What the watches tell the operator: an alarm with its value, band and time, and never quiet where nobody looked.
 */
import { expect, test } from "@jest/globals";
import { SeriesWatch } from "../anomaly/series-watch.ts";
import { parseWatchedAnswer } from "../anomaly/watched-answer.ts";
import { anomalyReport } from "./anomaly-report.ts";
import type { SeriesState } from "./anomaly-watches.ts";

const DAY = 24;
const PARTITION = { index: 0, count: 1 };

/** A watch of a series that stood at 1000 for some days, then had these values. */
function watchOf(values: readonly number[], days = 20): SeriesWatch {
  const watch = new SeriesWatch({
    ...{ series: "requests", slotsPerDay: DAY, season: "week", daysPerFalseAlarm: 30 },
  });
  const usual = Array.from({ length: days * DAY }, (_, slot) => 1_000 + 20 * Math.sin(slot * 7.3));
  [...usual, ...values].forEach((value, slot) => {
    watch.look(slot, value);
  });
  return watch;
}

function stateOf(series: string, watch: SeriesWatch | undefined, behind = 0): SeriesState {
  return { deployment: "ranker", series, watch, behind, due: 0 };
}

const report = (states: readonly SeriesState[], isRead = true) =>
  anomalyReport(PARTITION, { isRead, states: () => states.values() as Generator<SeriesState> });

test("tells an alarm, what is learned still, what is quiet, and what nobody looked at", () => {
  const answer = report([
    stateOf("requests", watchOf([100, 100])),
    stateOf("labels", watchOf([])),
    stateOf("metric:ctr", watchOf([], 1)),
    stateOf("metric:sold", undefined),
    stateOf("metric:late", watchOf([100, 100]), 7),
    stateOf("metric:last", watchOf([]), 6),
    { ...stateOf("requests", watchOf([])), deployment: "other" },
  ]);
  const [ranker, other] = answer.deployments;
  expect(ranker).toMatchObject({
    ...{ name: "ranker", watched: 6, unjudged: ["metric:ctr"], unknown: ["metric:sold", "metric:late"] },
    alarms: [{ series: "requests", since: 20 * DAY * 300, value: 100 }],
  });
  const [alarm] = ranker?.alarms ?? [];
  expect(alarm?.low).toBeGreaterThan(500);
  expect(alarm?.high).toBeGreaterThan(1_000);
  expect(other).toEqual({ name: "other", watched: 1, unjudged: [], unknown: [], alarms: [] });
  // The operator can read it.
  expect([...parseWatchedAnswer(JSON.stringify(answer), "it").values()]).toEqual(answer.deployments);
});

test("a series without a value for a day is not judged", () => {
  const watch = watchOf([]);
  watch.look(22 * DAY, undefined);
  expect(report([stateOf("labels", watch)]).deployments[0]).toMatchObject({
    unjudged: ["labels"],
    alarms: [],
  });
});

test("says nothing before all are read from the file", () => {
  expect(() => report([], false)).toThrow("ask again");
});
