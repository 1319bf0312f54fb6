/**
 * How a collector is asked about mirrored requests: with what, and what is no answer. On loopback.
 */
import { createServer, type IncomingMessage } from "node:http";
import { beforeEach, expect, jest, test } from "@jest/globals";
import { shadowCounts } from "../core/rollout/gates/testdata/shadow-world.ts";
import { onLoopback } from "../process/testdata/on-loopback.ts";
import { collectorLabels } from "../render/collector.ts";
import { shadowCountsText } from "../stats/shadow-counts.ts";
import { askShadowOverHttp } from "./ask-shadow.ts";

/** For a machine that does much else. */
jest.setTimeout(60_000);

const COUNTS = shadowCounts({ pairs: 20, sameBest: 19, correlation: 0.5 });
const WHOLE = shadowCountsText("ranker", COUNTS);
const QUESTION = {
  type: "Shadow",
  namespace: "shop",
  deployment: "ranker",
  epochs: { first: 7, last: 9 },
} as const;
let said = WHOLE;
let status = 200;
let hangs = false;
let seen: IncomingMessage[] = [];
let origin = "";
let labels: Readonly<Record<string, string>> = collectorLabels;
const server = createServer((request, response) => {
  seen.push(request);
  if (hangs) return;
  response.statusCode = status;
  response.end(said);
});
onLoopback(server, (given) => {
  origin = given;
});
beforeEach(() => {
  [said, status, hangs, seen, labels] = [WHOLE, 200, false, [], collectorLabels];
});

const port = {
  get: async () => ({
    ...{ apiVersion: "v1", kind: "Secret", metadata: { name: "s", labels } },
    data: { "access-tokens": Buffer.from("opens-it\nformer\n").toString("base64") },
  }),
};

function ask(answerMilliseconds = 10_000, signal = new AbortController().signal) {
  return askShadowOverHttp({ port, addressOf: () => origin, answerMilliseconds })(QUESTION, signal);
}

test("asks about the plans of the step, with the newest access token", async () => {
  expect(await ask()).toEqual(COUNTS);
  expect(seen.map(({ url, headers }) => [url, headers.authorization])).toEqual([
    ["/shadow?deployment=ranker&epochs=7-9", "Bearer opens-it"],
  ]);
});

test("sends nothing to what is somebody else's", async () => {
  labels = {};
  await expect(ask()).rejects.toThrow("expected the Secret petrel-collector");
  expect(seen).toEqual([]);
});

test.each([
  ["an error", 429, WHOLE, "status 429, expected 200"],
  ["an earlier version, which has no such page", 404, "{}", "status 404"],
  ["a broken answer", 200, WHOLE.slice(0, -1), "expected a whole answer"],
  ["one about another deployment", 200, shadowCountsText("other", COUNTS), 'expected "ranker"'],
  ["too much", 200, `${WHOLE}${" ".repeat(2 * 2 ** 20)}`, "at most 2097152 bytes"],
])("%s is no answer", async (_what, code, text, message) => {
  [status, said] = [code, text];
  await expect(ask()).rejects.toThrow(message);
});

test("one that hangs is given up, and so is one that nobody waits for", async () => {
  hangs = true;
  await expect(ask(50)).rejects.toThrow("the collector did not answer within 50 ms");
  const gone = new AbortController();
  const asked = ask(10_000, gone.signal);
  gone.abort(new Error("nobody waits"));
  await expect(asked).rejects.toThrow("nobody waits");
});
