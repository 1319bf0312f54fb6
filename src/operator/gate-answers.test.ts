/**
 * Who asks for gates: exactly what is followed, again and again, and never more at a time than it may.
 */
import { expect, test } from "@jest/globals";
import { VirtualClock } from "../../test/memory-cluster/virtual-clock.ts";
import type { CollectorQuestion } from "../core/rollout/gates/collector-counts.ts";
import type { GateQuestion, UrlQuestion } from "../core/rollout/gates/gate-questions.ts";
import type { RoutersQuestion } from "../core/rollout/gates/service-counts.ts";
import { ASK_PERIOD_MILLISECONDS, type GateAnswer, GateAnswers } from "./gate-answers.ts";

const QUERY: UrlQuestion = { gate: "stock", type: "PrometheusQuery", url: "http://p", text: "up" };
const HOOK: UrlQuestion = { gate: "judge", type: "WebHook", url: "http://h", text: "{}" };

interface Asked {
  readonly question: GateQuestion;
  readonly signal: AbortSignal;
  readonly answer: (answer: GateAnswer) => void;
  readonly refuse: (error: Error) => void;
}

function asking() {
  const clock = new VirtualClock();
  const asked: Asked[] = [];
  const told: string[] = [];
  const answers = new GateAnswers({
    clock,
    onAnswer: (key) => told.push(key),
    ask: (question, signal) => {
      const { promise, resolve, reject } = Promise.withResolvers<GateAnswer>();
      asked.push({ question, signal, answer: resolve, refuse: reject });
      signal.addEventListener("abort", () => reject(signal.reason));
      return promise;
    },
  });
  return { clock, asked, told, answers };
}

/** Lets what was settled be seen. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}

test("asks at once, keeps the answer with the time before it, tells of it, and asks again a minute after", async () => {
  const { clock, asked, told, answers } = asking();
  const start = clock.now();
  answers.follow("a/b", [QUERY, HOOK]);
  await settled();
  expect(asked.map(({ question }) => question)).toEqual([QUERY, HOOK]);
  expect(answers.evidence("a/b")).toEqual({ queries: new Map(), hooks: new Map() });
  await clock.advance(5_000);
  asked[0]?.answer(0.5);
  asked[1]?.answer({ outcome: "Wait", message: "soon" });
  await settled();
  expect(told).toEqual(["a/b", "a/b"]);
  expect(answers.evidence("a/b")).toEqual({
    queries: new Map([["stock", { kind: "Whole", atMilliseconds: start, value: 0.5 }]]),
    hooks: new Map([
      ["judge", { kind: "Whole", atMilliseconds: start, value: { outcome: "Wait", message: "soon" } }],
    ]),
  });
  answers.follow("a/b", [QUERY, HOOK]);
  await clock.advance(ASK_PERIOD_MILLISECONDS - 1);
  expect(asked).toHaveLength(2);
  await clock.advance(1);
  await settled();
  expect(asked).toHaveLength(4);
  answers.close();
});

test("what cannot be answered is torn, in short, and asked again", async () => {
  const { clock, asked, answers } = asking();
  answers.follow("a/b", [QUERY]);
  await settled();
  asked[0]?.refuse(new Error("x".repeat(1_000)));
  await settled();
  const reading = answers.evidence("a/b")?.queries.get("stock");
  expect(reading).toMatchObject({ kind: "Torn", atMilliseconds: clock.now() });
  expect(reading?.kind === "Torn" ? reading.reason.length : 0).toBe(256);
  await clock.advance(ASK_PERIOD_MILLISECONDS);
  await settled();
  expect(asked).toHaveLength(2);
  answers.close();
});

test("another question is asked anew, and the answer to the former is forgotten", async () => {
  const { clock, asked, told, answers } = asking();
  answers.follow("a/b", [HOOK]);
  await settled();
  asked[0]?.answer({ outcome: "Pass", message: "" });
  await settled();
  answers.follow("a/b", [{ ...HOOK, text: '{"step":2}' }]);
  await settled();
  expect(answers.evidence("a/b")?.hooks.size).toBe(0);
  expect(asked.map(({ question }) => "text" in question && question.text)).toEqual(["{}", '{"step":2}']);
  // One that is under way is given up, and tells nobody.
  answers.follow("a/b", []);
  await settled();
  expect(asked[1]?.signal.aborted).toBe(true);
  expect(answers.evidence("a/b")).toBeUndefined();
  expect(told).toHaveLength(1);
  await clock.advance(10 * ASK_PERIOD_MILLISECONDS);
  expect(asked).toHaveLength(2);
});

test("does not ask more than 256 at one time; who waits is asked when another is answered", async () => {
  const { asked, answers } = asking();
  const many = Array.from({ length: 300 }, (_, index) => ({ ...QUERY, gate: `g${index}` }));
  answers.follow("a/b", many);
  await settled();
  expect(asked).toHaveLength(256);
  asked[0]?.answer(1);
  asked[1]?.refuse(new Error("no"));
  await settled();
  expect(asked).toHaveLength(258);
  answers.close();
  for (let turn = 0; turn < 50; turn++) await settled();
  // Nobody who waited is asked any more.
  expect(asked).toHaveLength(258);
});

const COLLECTOR: CollectorQuestion = {
  type: "Collector",
  namespace: "shop",
  deployment: "ranker",
  fromMilliseconds: 0,
  shares: [{ weight: "5%", firstEpoch: 7, lastEpoch: 7, drawnBy: "Request" }],
  metrics: [],
};

test("releases whose collector hangs take no place from questions to others", async () => {
  const { asked, answers } = asking();
  for (let index = 0; index < 300; index++) answers.follow(`shop/${index}`, [COLLECTOR]);
  await settled();
  expect(asked).toHaveLength(300);
  answers.follow("a/b", [QUERY, HOOK]);
  await settled();
  expect(asked.slice(300).map(({ question }) => question)).toEqual([QUERY, HOOK]);
  answers.close();
});

test("what routers counted stays while plans and routers come and go, and is another question for another step", async () => {
  const routers: RoutersQuestion = {
    type: "Routers",
    deployment: "ranker",
    addresses: ["10.0.0.1"],
    fromMilliseconds: 5,
    epochs: { first: 7, last: 7 },
  };
  const { clock, asked, answers } = asking();
  answers.follow("a/b", [routers, QUERY]);
  await settled();
  const tries = { edgesMilliseconds: [5], windows: [] };
  asked[0]?.answer(tries);
  asked[1]?.answer(0.5);
  await settled();
  expect(answers.evidence("a/b")).toMatchObject({ firstTries: { kind: "Whole", value: tries } });
  const grown = { ...routers, addresses: ["10.0.0.2"], epochs: { first: 7, last: 9 } };
  answers.follow("a/b", [grown, QUERY]);
  await settled();
  expect(asked).toHaveLength(2);
  expect(answers.evidence("a/b")?.firstTries).toMatchObject({ kind: "Whole" });
  await clock.advance(ASK_PERIOD_MILLISECONDS);
  await settled();
  expect(asked[2]?.question).toEqual(grown);
  asked[2]?.refuse(new Error("no answer"));
  await settled();
  expect(answers.evidence("a/b")?.firstTries).toMatchObject({ kind: "Torn", reason: "no answer" });
  answers.follow("a/b", [{ ...grown, fromMilliseconds: 6 }]);
  expect(answers.evidence("a/b")?.firstTries).toBeUndefined();
  answers.close();
});

test("another plan of the traffic is asked about at the next time, and what was answered stays", async () => {
  const { clock, asked, answers } = asking();
  answers.follow("a/b", [COLLECTOR]);
  await settled();
  const counts = {
    metrics: new Map(),
    unusable: new Map(),
    requests: [],
    recentRequests: [],
    armChecks: [],
    newUsers: [],
    requestsPerSecond: 1,
  };
  asked[0]?.answer(counts);
  await settled();
  const grown = { ...COLLECTOR, shares: COLLECTOR.shares.map((share) => ({ ...share, lastEpoch: 8 })) };
  answers.follow("a/b", [grown]);
  await settled();
  expect(asked).toHaveLength(1);
  expect(answers.evidence("a/b")?.counts).toMatchObject({ kind: "Whole", value: counts });
  await clock.advance(ASK_PERIOD_MILLISECONDS);
  await settled();
  expect(asked[1]?.question).toEqual(grown);
  // Another release is another question.
  answers.follow("a/b", [{ ...COLLECTOR, fromMilliseconds: 1 }]);
  expect(answers.evidence("a/b")?.counts).toBeUndefined();
  answers.close();
});
