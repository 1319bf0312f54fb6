/**
 * What a line of the access log says of a request: which ends are errors, how long it took, and that nothing that a model
 * server or a client may say passes for an arm or a number.
 */
import { describe, expect, test } from "@jest/globals";
import { latencyBucket, type Served } from "../stats/served-minutes.ts";
import { readLoggedLine, servedMinutesOf } from "./logged-answer.ts";

const TOKEN = "A".repeat(96);
const SECOND = 1_767_225_661;
const SLOT = 29_453_761;

/** Flags, status, status of gRPC, ms under way, us of the answer, arm. */
const CLUSTER = "ranker_stable_0a1b_rest";
const lineOf = (fields: string, token = "-", cluster = CLUSTER) => `${SECOND} ${fields} ${cluster} ${token}`;

const served = (requests: number, errors: number, milliseconds: number, latency?: number): Served => ({
  ...{ requests, errors, milliseconds },
  latencies: new Map(latency === undefined ? [] : [[latencyBucket(latency), 1]]),
});

describe("one request", () => {
  test.each<[string, string, Served]>([
    ["an answer, timed from the end of the request on", "- 200 - 25 12400 Stable", served(1, 0, 25, 12.4)],
    ["a call of gRPC", "- 200 0 25 12400 Stable", served(1, 0, 25, 12.4)],
    ["a call that the client did wrong", "- 200 3 25 12400 Stable", served(1, 0, 25, 12.4)],
    ["a call that failed", "- 200 13 25 12400 Stable", served(1, 1, 25)],
    ["a refusal, which is fast", "- 503 - 2 900 Stable", served(1, 1, 2)],
    ["overload", "UO 429 - 0 - Stable", served(1, 1, 0)],
    ["a time-out, which took as long as it was waited", "UT 504 - 5001 - Stable", served(1, 1, 5_001, 5_001)],
    ["a call that timed out", "UT 200 4 5001 - Stable", served(1, 1, 5_001, 5_001)],
    ["one that the client gave up", "DC 0 - 800 - Stable", served(1, 0, 800, 800)],
    ["one that the client gave up half way through", "DC 0 - 800 20 Stable", served(1, 0, 800, 800)],
    ["no server", "UF 503 14 3 - Stable", served(1, 1, 3)],
  ])("%s", (_what, fields, expected) => {
    const minute = { deployment: "ranker", slot: SLOT, arm: "Stable" };
    expect(readLoggedLine(lineOf(fields)).served).toEqual({ ...minute, ...expected });
  });

  test.each([
    ["of no arm", lineOf("- 200 - 25 12400 -")],
    ["a copy", lineOf("- 200 - 25 12400 Mirror")],
    ["of an arm that a client made up", lineOf("- 200 - 25 12400 stable")],
    ["that Envoy refused before a route was chosen", lineOf("DPE 200 13 0 - Stable", "-", "-")],
    ["of no arm's cluster", lineOf("- 200 - 25 12400 Stable", "-", "petrel_collector")],
    ["without a time", lineOf("- 200 - - 12400 Stable")],
    ["without a status", lineOf("- x - 25 12400 Stable")],
    ["cut off", `${SECOND} - 200 - 25`],
    ["empty", ""],
  ])("a line %s says nothing of it", (_what, line) => {
    expect(readLoggedLine(line)).toEqual({});
  });
});

test("a token that is none, or has something behind it, is no answer, and its request counts", () => {
  for (const token of ["-", "short", `${TOKEN} more`]) {
    const line = readLoggedLine(lineOf("- 200 - 25 12400 Candidate", token));
    expect(line.answer).toBeUndefined();
    expect(line.served).toMatchObject({ arm: "Candidate", requests: 1 });
  }
});

test("requests of one minute and arm add up", () => {
  const lines = [
    "- 200 - 25 12400 Stable",
    "- 503 - 2 900 Stable",
    "- 200 - 7 5000 Candidate",
    "- 200 - 1 1 -",
  ];
  const minutes = servedMinutesOf(lines.map((fields) => readLoggedLine(lineOf(fields))));
  expect(minutes).toEqual([
    { deployment: "ranker", slot: SLOT, arm: "Stable", ...served(2, 1, 27, 12.4) },
    { deployment: "ranker", slot: SLOT, arm: "Candidate", ...served(1, 0, 7, 5) },
  ]);
});
