/**
 * What is an answer about watched series, and what is refused as a whole: something may be undone by it.
 */
import { describe, expect, test } from "@jest/globals";
import { parseWatchedAnswer, type WatchedDeployment } from "./watched-answer.ts";

const ALARM = { series: "metric:ctr", since: 1_767_225_600, value: 0.01, low: 0.03, high: 0.05 };
const RANKER: WatchedDeployment = {
  name: "ranker",
  watched: 4,
  unjudged: ["labels"],
  unknown: ["metric:sold"],
  alarms: [ALARM],
};

function answerWith(changes: object, top: object = {}): string {
  return JSON.stringify({
    partition: { index: 0, count: 1 },
    deployments: [{ ...RANKER, ...changes }],
    ...top,
  });
}

const parse = (text: string) => parseWatchedAnswer(text, "the collector");

test("reads a whole answer, and passes over what it does not know", () => {
  expect(parse(answerWith({ more: 1 }, { later: true }))).toEqual(new Map([["ranker", RANKER]]));
  expect(parse(answerWith({}, { deployments: [] }))).toEqual(new Map());
});

describe("refuses, and says where", () => {
  test.each<[string, string, string]>([
    ["no JSON", "{", "the collector: expected a whole answer in JSON"],
    [
      "a part of the users",
      answerWith({}, { partition: { index: 0, count: 2 } }),
      "partition.count: expected 1, got 2",
    ],
    ["no partition", answerWith({}, { partition: undefined }), "partition.count"],
    [
      "no deployments",
      answerWith({}, { deployments: undefined }),
      "deployments: expected a list of at most 5000",
    ],
    ["one twice", answerWith({}, { deployments: [RANKER, RANKER] }), "each deployment once"],
    ["no name", answerWith({ name: undefined }), "deployments[0].name"],
    ["a name with a line", answerWith({ name: "a\nb" }), "deployments[0].name"],
    [
      "nothing watched",
      answerWith({ watched: 0 }),
      "deployments[0].watched: expected a whole number from 1 to 64",
    ],
    ["half a series", answerWith({ watched: 4.5 }), "deployments[0].watched"],
    ["more than is watched", answerWith({ watched: 2 }), "each of 2 series at most once"],
    [
      "no list of unknown ones",
      answerWith({ unknown: undefined }),
      "deployments[0].unknown: expected a list",
    ],
    ["no list of those that are learned", answerWith({ unjudged: "labels" }), "deployments[0].unjudged"],
    ["no list of alarms", answerWith({ alarms: undefined }), "deployments[0].alarms"],
    ["a series in two lists", answerWith({ unknown: ["metric:ctr"] }), "at most once"],
    ["two alarms of a series", answerWith({ alarms: [ALARM, ALARM] }), "at most once"],
    ["a name that is too long", answerWith({ unknown: ["x".repeat(81)] }), "unknown[0]: expected a name"],
    [
      "an alarm without a value",
      answerWith({ alarms: [{ ...ALARM, value: null }] }),
      "alarms[0].value: expected a number",
    ],
    ["an alarm without a band", answerWith({ alarms: [{ ...ALARM, low: undefined }] }), "alarms[0].low"],
    [
      "a band upside down",
      answerWith({ alarms: [{ ...ALARM, low: 0.06 }] }),
      "alarms[0].low: expected at most 0.05",
    ],
    ["a time in milliseconds", answerWith({ alarms: [{ ...ALARM, since: 1.7e12 }] }), "alarms[0].since"],
    ["an alarm of nothing", answerWith({ alarms: [7] }), "alarms[0].since"],
  ])("%s", (_what, text, message) => {
    expect(() => parse(text)).toThrow(message);
  });
});
