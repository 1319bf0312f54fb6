/**
 * How the evidence of a release is read from a collector: what is asked, with what, and what is no evidence. On loopback.
 */
import { createServer, type IncomingMessage } from "node:http";
import { beforeEach, expect, jest, test } from "@jest/globals";
import { systemClock } from "../core/clock.ts";
import type { CollectorQuestion } from "../core/rollout/gates/collector-counts.ts";
import { onLoopback } from "../process/testdata/on-loopback.ts";
import { collectorLabels } from "../render/collector.ts";
import { USER_GROUPS } from "../stats/evidence.ts";
import { askCollectorOverHttp } from "./ask-collector.ts";
import { answer, NOW, SLOT } from "./testdata/collector-answer.ts";

/** For a machine that does much else. */
jest.setTimeout(60_000);

const [MINUTE, HOUR] = [60_000, 3_600_000];
const QUESTION: CollectorQuestion = {
  type: "Collector",
  namespace: "shop",
  deployment: "ranker",
  fromMilliseconds: NOW - 2 * HOUR,
  shares: [{ weight: "50%", firstEpoch: 7, lastEpoch: 9, drawnBy: "Request" }],
  metrics: [
    { name: "ctr", type: "ClickThroughRate", label: "click", better: "Higher", maturesSeconds: 1_800 },
    { name: "sold", type: "ConversionRate", label: "order", better: "Higher", maturesSeconds: 36_000 },
  ],
};

/** What the collector says about a range; a text is sent as it is. */
type Say = (from: number, to: number | undefined, query: URLSearchParams) => object | string;
let say: Say;
let status: number;
let seen: IncomingMessage[] = [];
let secret: object;
let origin = "";
/** Namespaces whose collector never answers. */
let hanging: ReadonlySet<string>;
let answering: number;
let mostAnswering: number;
const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
  seen.push(request);
  const { searchParams, pathname } = new URL(request.url ?? "/", "http://collector");
  if (hanging.has(pathname.split("/")[1] ?? "")) return;
  const to = searchParams.get("to");
  const said = say(Number(searchParams.get("from")), to === null ? undefined : Number(to), searchParams);
  response.statusCode = status;
  mostAnswering = Math.max(mostAnswering, ++answering);
  setImmediate(() => {
    answering--;
    response.end(typeof said === "string" ? said : JSON.stringify(said));
  });
});

onLoopback(server, (given) => {
  origin = given;
});
beforeEach(() => {
  [status, seen, hanging, answering, mostAnswering] = [200, [], new Set(), 0, 0];
  say = (from, to) => answer(from, to);
  secret = secretWith("opens-it\nformer\n");
});

function secretWith(tokens: string, labels: object = collectorLabels, metadata: object = {}): object {
  return {
    metadata: { ...metadata, labels },
    data: { "access-tokens": Buffer.from(tokens).toString("base64") },
  };
}

const port = {
  get: async () => ({
    apiVersion: "v1",
    kind: "Secret",
    ...secret,
    metadata: { name: "s", ...Object(secret).metadata },
  }),
};
const clock = { ...systemClock, now: () => NOW };

function ask(question = QUESTION) {
  return askCollectorOverHttp({ port, clock, addressOf: () => origin })(
    question,
    new AbortController().signal,
  );
}

const askedFor = () =>
  seen.map(({ url = "" }) => {
    const { searchParams } = new URL(url, "http://collector");
    const [from, to] = ["from", "to"].map((name) => Number(searchParams.get(name) ?? SLOT) - SLOT);
    return [from, to];
  });

test("reads all that came, the last minutes, and what has matured, with the newest access token", async () => {
  const counts = await ask();
  expect(askedFor()).toEqual([
    [-130, 0],
    [-11, -2],
    // From when on the candidate's answers are all counted.
    [-114, -2],
    // Labels that take half an hour; those of orders take longer than the release.
    [-130, -31],
  ]);
  expect(seen.map(({ headers }) => headers.authorization)).toEqual(Array(4).fill("Bearer opens-it"));
  const wanted = seen.map(({ url = "" }) => url.replace(/^.*?&metric/, "metric"));
  expect(seen[0]?.url).toContain("/evidence?deployment=ranker&from=");
  // Of each only what it is read for; the traffic is that under all plans.
  expect(wanted).toEqual([
    "metric=ctr&metric=sold&part=impressions&part=arrived&part=checks&epochs=7-9",
    "metric=ctr&part=impressions",
    "metric=ctr&part=impressions&epochs=7-9",
    "metric=ctr&part=impressions&part=matured&epochs=7-9",
  ]);
  const ctr = counts.metrics.get("ctr");
  expect(ctr).toMatchObject({
    metric: { values: "ZeroOne", better: "Higher" },
    maturesMilliseconds: 1_800_000,
  });
  const sizes = (cells: readonly { arm: string; answers: ArrayLike<number> }[] = []) =>
    cells.map(({ arm, answers }) => `${arm} ${answers[0]}`);
  expect(sizes(ctr?.arrived)).toEqual(["Stable 129", "Candidate 129"]);
  expect(sizes(ctr?.matured)).toEqual(["Stable 100", "Candidate 100"]);
  expect(counts.metrics.get("sold")?.matured).toEqual([]);
  expect(counts.requests).toEqual([
    { epoch: 7, lastEpoch: 7, arm: "Stable", requests: 113 * USER_GROUPS },
    { epoch: 7, lastEpoch: 7, arm: "Candidate", requests: 113 * USER_GROUPS },
  ]);
  expect(counts.armChecks).toEqual(
    Array(2).fill({ epoch: 7, lastEpoch: 7, told: 129, checked: 128, wrong: 1 }),
  );
  expect(counts.newUsers).toEqual([
    { epoch: 7, arm: "Stable", users: 129 },
    { epoch: 7, arm: "Candidate", users: 129 },
  ]);
  // The third arm is that of an experiment.
  expect(counts.requestsPerSecond).toBeCloseTo((2 * USER_GROUPS) / 60);
});

test("requests are not held to the plan while answers of the candidate may not be counted", async () => {
  const firstAt = (firstSlot: number) => {
    say = (from, to) => {
      const { arms, ...rest } = Object(answer(from, to));
      return { ...rest, arms: arms.map((arm: object) => ({ ...arm, firstSlot })) };
    };
    return ask();
  };
  expect((await firstAt(SLOT - 8)).requests[0]?.requests).toBe(USER_GROUPS);
  expect((await firstAt(SLOT - 7)).requests).toEqual([]);
  // By a clock that is behind it came before the release began.
  expect((await firstAt(SLOT - 125)).requests[0]?.requests).toBe(118 * USER_GROUPS);
});

test("the candidate of an earlier plan is that of an earlier release", async () => {
  const shares = QUESTION.shares.map((share) => ({ ...share, firstEpoch: 8 }));
  expect((await ask({ ...QUESTION, shares })).requests).toEqual([]);
});

test("minutes that are left out do not make the traffic less", async () => {
  say = (from, to) => answer(from, to, { voided: [{ first: from, last: from + 1 }] });
  expect((await ask()).requestsPerSecond).toBeCloseTo((2 * 10 * USER_GROUPS) / (8 * 60));
});

test("what was counted before is no evidence when all of the last minutes are left out", async () => {
  // A router has been silent since: of minutes that were counted before it, all still is known.
  const voided = (first: number) => (from: number, to: number | undefined) =>
    answer(from, to, {
      voided: (to ?? SLOT) < first ? [] : [{ first: Math.max(from, first), last: to ?? SLOT - 2 }],
    });
  say = voided(SLOT - 11);
  await expect(ask()).rejects.toThrow(
    "a part of the log of a router is missing: none of the last 10 minutes is counted",
  );
  say = voided(SLOT - 10);
  expect((await ask()).recentRequests).toHaveLength(2);
});

test("answers of the last minutes are told apart, and those of an experiment left out", async () => {
  expect((await ask()).recentRequests).toEqual([
    { epoch: 7, lastEpoch: 7, arm: "Stable", requests: 10 * USER_GROUPS },
    { epoch: 7, lastEpoch: 7, arm: "Candidate", requests: 10 * USER_GROUPS },
  ]);
});

test.each<[what: string, changes: object, reason: string]>([
  ["it is not counted", { metrics: {} }, "the collector does not count it yet"],
  [
    "its label takes another time",
    {
      metrics: {
        ctr: {
          type: "ClickThroughRate",
          label: "click",
          zeroOrOne: true,
          rebuilding: false,
          firstSlot: 0,
          maturesSeconds: 60,
        },
      },
    },
    "the collector counts it as an earlier spec says, still",
  ],
  [
    "its sums are being made",
    {
      metrics: {
        ctr: {
          type: "ClickThroughRate",
          label: "click",
          zeroOrOne: true,
          rebuilding: true,
          firstSlot: 0,
          maturesSeconds: 1_800,
        },
      },
    },
    "the collector is working its sums out",
  ],
  [
    "its sums begin within the release",
    {
      metrics: {
        ctr: {
          type: "ClickThroughRate",
          label: "click",
          zeroOrOne: true,
          rebuilding: false,
          firstSlot: SLOT - 60,
          maturesSeconds: 1_800,
        },
      },
    },
    "the collector has its sums only for a part of the release",
  ],
])("a metric is not to be judged by when %s", async (_what, changes, reason) => {
  say = (from, to) => answer(from, to, changes);
  const [ctr] = QUESTION.metrics;
  const { metrics, unusable } = await ask({ ...QUESTION, metrics: ctr === undefined ? [] : [ctr] });
  expect([metrics.size, unusable.get("ctr")]).toEqual([0, reason]);
});

test("a metric that only describes revisions is not judged by, whoever lets a gate name it", async () => {
  say = (from, to) => answer(from, to);
  const [ctr] = QUESTION.metrics;
  const ndcg = ctr === undefined ? [] : [{ ...ctr, type: "NDCG" as const }];
  const { metrics, unusable } = await ask({ ...QUESTION, metrics: ndcg });
  expect([metrics.size, unusable.get("ctr")]).toEqual([0, "revisions cannot be compared by NDCG"]);
});

test.each<[what: string, say: Say, message: string]>([
  [
    "no router has told of anything",
    (from, to) => answer(from, to ?? 0, { countedThrough: null, arms: [] }),
    "no router has told the collector of any request yet",
  ],
  [
    "what is known is of long ago",
    (from) => answer(from, SLOT - 11, { countedThrough: SLOT - 11 }),
    "of any request for 11 minutes",
  ],
  ["it answers about another time", (from, to) => answer(from + 1, to), "about the time that was asked for"],
  [
    "it answers about another deployment",
    (from, to) => answer(from, to, { deployment: "x" }),
    'expected "ranker", got x',
  ],
  [
    "it is cut off",
    (from, to) => JSON.stringify(answer(from, to)).slice(0, -1),
    "expected a whole answer in JSON",
  ],
  ["it is too much", () => " ".repeat(4 * 2 ** 20 + 1), "expected an answer of at most 4194304 bytes"],
])("there is no evidence where %s", async (_what, said, message) => {
  say = said;
  await expect(ask()).rejects.toThrow(message);
});

test("a refusal is no evidence, and its words are not shown", async () => {
  status = 401;
  say = () => "Bearer opens-it is not known";
  await expect(ask()).rejects.toThrow(/^the collector answered with status 401, expected 200$/);
});

test("a release that lasts longer than evidence is kept is judged by what is kept", async () => {
  await ask({ ...QUESTION, fromMilliseconds: NOW - 100_000 * MINUTE });
  expect(askedFor()[0]).toEqual([-65_000, 0]);
});

test.each<[what: string, secret: object]>([
  ["is somebody else's", secretWith("theirs\n", {})],
  ["is on its way out", secretWith("ours\n", collectorLabels, { deletionTimestamp: "2026-06-01T11:59:00Z" })],
  ["holds nothing", secretWith("")],
  ["holds what is no header", secretWith("a\tb\n")],
])("nothing is sent when the Secret %s", async (_what, standing) => {
  secret = standing;
  await expect(ask()).rejects.toThrow("expected the Secret petrel-collector with what opens the collector");
  expect(seen).toEqual([]);
});

test("where users are drawn it does not matter how often they come: that is not read", async () => {
  const shares = QUESTION.shares.map((share) => ({ ...share, drawnBy: "User" as const }));
  const { requests, newUsers } = await ask({ ...QUESTION, shares });
  expect(seen).toHaveLength(3);
  expect([requests.length, newUsers.length]).toEqual([0, 2]);
  seen = [];
  await ask({ ...QUESTION, shares, metrics: [] });
  expect(seen[0]?.url).toMatch(/&from=\d+&part=impressions&part=checks&epochs=7-9$/);
});

test("of hundreds of epochs no more is kept than the shares have, and nothing of others", async () => {
  const EPOCHS = 400;
  const withEpochs =
    (epochs: readonly (readonly [first: number, last: number])[]): Say =>
    (from, to) => {
      const { arms, ...rest } = Object(answer(from, to));
      const all = epochs.flatMap(([epoch, lastEpoch]) =>
        arms.map((arm: object) => ({ ...arm, epoch, lastEpoch, newUsersByEpoch: [[epoch, 1]] })),
      );
      return { ...rest, arms: all };
    };
  const shares = [
    { weight: "5%", firstEpoch: 7, lastEpoch: 200, drawnBy: "Request" as const },
    { weight: "10%", firstEpoch: 210, lastEpoch: EPOCHS, drawnBy: "Request" as const },
  ];
  say = withEpochs([
    [7, 200],
    [210, EPOCHS],
  ]);
  const counts = await ask({ ...QUESTION, shares });
  expect(seen[0]?.url).toContain("&epochs=7-200&epochs=210-400");
  const [ctr, sold] = [counts.metrics.get("ctr"), counts.metrics.get("sold")];
  const cells = ctr?.arrived.map(({ epoch, arm }) => `${epoch} ${arm}`);
  expect(cells).toEqual(["7 Stable", "7 Candidate", "210 Stable", "210 Candidate"]);
  expect(sold?.arrived[0]?.answers).toBe(ctr?.arrived[0]?.answers);
  // A collector of an earlier version answers about each epoch, and about those of others.
  say = withEpochs(Array.from({ length: EPOCHS }, (_, epoch) => [epoch, epoch] as const));
  const single = await ask({ ...QUESTION, metrics: QUESTION.metrics.slice(0, 1), shares: shares.slice(1) });
  const epochs = single.metrics.get("ctr")?.arrived.map(({ epoch }) => epoch) ?? [];
  expect([Math.min(...epochs), Math.max(...epochs), epochs.length]).toEqual([210, 399, 380]);
  // Epochs that no single share has are of nobody.
  say = withEpochs([[200, 215]]);
  expect((await ask({ ...QUESTION, shares })).metrics.get("ctr")?.arrived).toEqual([]);
}, 60_000);

/** Asks collectors of any namespace, each with its own path. */
function askMany(limits: { answer?: number; reading?: number; waiting?: number } = {}) {
  const addressOf = (namespace: string) => `${origin}/${namespace}/`;
  const askAny = askCollectorOverHttp({ port, clock, addressOf, limits });
  const signal = new AbortController().signal;
  return (namespace: string) => askAny({ ...QUESTION, namespace }, signal);
}

test.each<[what: string, namespaceOf: (index: number) => string, atMost: number]>([
  ["no more than four are read at one time", (index) => `shop-${index}`, 4],
  ["of one namespace no more than one is", () => "shop", 1],
])("%s", async (_what, namespaceOf, atMost) => {
  const askAny = askMany();
  await Promise.all(Array.from({ length: 12 }, (_, index) => askAny(namespaceOf(index))));
  expect(seen).toHaveLength(48);
  expect(mostAnswering).toBeLessThanOrEqual(atMost);
});

test("collectors of four namespaces that hang hold up a fifth for one answer at most; those behind are told", async () => {
  hanging = new Set(["a", "b", "c", "d"]);
  const askAny = askMany({ answer: 1_000, waiting: 60_000, reading: 120_000 });
  const ends: string[] = [];
  const note = (error: unknown) => void ends.push(String(error));
  const stuck = [...hanging].flatMap((name) => [1, 2, 3].map(() => askAny(name).catch(note)));
  const before = await askAny("e").then(() => [...ends]);
  expect(before.length).toBeLessThanOrEqual(8);
  expect(before).toEqual(before.map(() => "GateAnswerError: the collector did not answer within 1000 ms"));
  await Promise.all(stuck);
  expect(ends).toHaveLength(12);
}, 60_000);

test("who waits for a collector for too long is told so, and its place goes to nobody", async () => {
  hanging = new Set(["a"]);
  const askAny = askMany({ answer: 2_000, waiting: 100 });
  const [first, ...others] = await Promise.allSettled(Array.from({ length: 256 }, () => askAny("a")));
  expect(String(Object(first).reason)).toContain("the collector did not answer within 2000 ms");
  const late = "GateAnswerError: expected the collector to be done with other releases within 100 ms";
  expect(new Set(others.map((outcome) => String(Object(outcome).reason)))).toEqual(new Set([late]));
  hanging = new Set();
  await expect(askAny("a")).resolves.toMatchObject({ unusable: new Map() });
}, 60_000);
