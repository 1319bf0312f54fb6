/**
 * What is asked of a collector for an experiment, and what of its answers is evidence: those of its arms under its plans.
 */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { systemClock } from "../core/clock.ts";
import type { ExperimentQuestion } from "../core/experiment/experiment-question.ts";
import { collectorLabels } from "../render/collector.ts";
import { askExperimentOverHttp } from "./ask-experiment.ts";
import { CollectorReadings } from "./collector-readings.ts";
import { answer, NOW, SLOT } from "./testdata/collector-answer.ts";

const QUESTION: ExperimentQuestion = {
  type: "Experiment",
  namespace: "shop",
  deployment: "ranker",
  experiment: "uid-1",
  fromMilliseconds: NOW - 3_600_000,
  arms: [2, 0],
  shares: [{ firstEpoch: 7, lastEpoch: 8, drawnBy: "User" }],
  metrics: [
    { name: "ctr", type: "ClickThroughRate", label: "click", better: "Higher", maturesSeconds: 1_800 },
  ],
};

let server: Server;
let asked: URLSearchParams[];
let say: (from: number, to?: number) => object;

beforeEach(async () => {
  asked = [];
  say = (from, to) => answer(from, to);
  server = createServer(({ url = "" }, response) => {
    const { searchParams } = new URL(url, "http://collector");
    asked.push(searchParams);
    const to = searchParams.get("to");
    const from = Number(searchParams.get("from"));
    response.end(JSON.stringify(say(from, ...(to === null ? [] : [Number(to)]))));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
});
afterEach(() => new Promise((resolve) => server.close(resolve)));

function ask(question = QUESTION) {
  const { port } = server.address() as AddressInfo;
  const secret = {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "s", labels: collectorLabels },
    data: { "access-tokens": Buffer.from("opens-it\n").toString("base64") },
  };
  const readings = new CollectorReadings({
    port: { get: async () => secret },
    clock: { ...systemClock, now: () => NOW },
    addressOf: () => `http://127.0.0.1:${port}`,
  });
  return askExperimentOverHttp(readings)(question, new AbortController().signal);
}

test("reads once what came of its arms, under its plans", async () => {
  const { cells, unusable, requests, newUsers, armChecks } = await ask();
  expect(
    asked.map((query) => [query.getAll("metric"), query.getAll("epochs"), query.getAll("part")]),
  ).toEqual([[["ctr"], ["7-8"], ["impressions", "arrived", "checks"]]]);
  expect([...unusable]).toEqual([]);
  const { metric, ofArms = [] } = cells.get("ctr") ?? {};
  expect(metric).toEqual({ values: "ZeroOne", better: "Higher" });
  // The candidate of a release is none of its arms.
  expect(ofArms.map(({ arm, epoch }) => [arm, epoch])).toEqual([
    [0, 7],
    [2, 7],
  ]);
  expect(newUsers.map(({ arm }) => arm)).toEqual([0, 2]);
  expect(armChecks.map(({ wrong }) => wrong)).toEqual([1, 1]);
  expect(requests).toEqual([]);
});

test("nothing of other plans is its evidence", async () => {
  const { cells, newUsers } = await ask({
    ...QUESTION,
    shares: [{ firstEpoch: 8, lastEpoch: 8, drawnBy: "User" }],
  });
  expect([cells.get("ctr")?.ofArms, newUsers]).toEqual([[], []]);
});

test("requests are counted where each is drawn by itself, from when on all arms are", async () => {
  const drawn = { ...QUESTION, shares: [{ firstEpoch: 7, lastEpoch: 8, drawnBy: "Request" as const }] };
  const { requests } = await ask(drawn);
  expect(requests.map(({ arm }) => arm)).toEqual([0, 2]);
  expect(asked).toHaveLength(2);
  // One arm of which nothing is counted yet would seem to get nobody.
  const silent = await ask({ ...drawn, arms: [2, 3, 0] });
  expect(silent.requests).toEqual([]);
});

test("a metric that the collector counts in another way is told", async () => {
  const { unusable } = await ask({
    ...QUESTION,
    metrics: [
      { name: "ctr", type: "ClickThroughRate", label: "click", better: "Higher", maturesSeconds: 60 },
    ],
  });
  expect([...unusable]).toEqual([["ctr", "the collector counts it as an earlier spec says, still"]]);
});

test.each([
  [
    "from which no router tells",
    { countedThrough: null },
    "no router has told the collector of any request yet",
  ],
  ["that was told of long ago", { countedThrough: SLOT - 60 }, "for 60 minutes"],
] as const)("there is no evidence by a collector %s", async (_what, changes, message) => {
  say = (from) =>
    answer(from, changes.countedThrough ?? undefined, {
      ...changes,
      arms: [],
      range: { first: from, last: changes.countedThrough ?? 0 },
    });
  await expect(ask()).rejects.toThrow(message);
});
