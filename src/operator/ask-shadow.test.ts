/**
 * How a collector is asked about mirrored requests: with what, and what is no answer. On loopback.
 */
import { expect, jest, test } from "@jest/globals";
import { shadowCounts } from "../core/rollout/gates/testdata/shadow-world.ts";
import { shadowCountsText } from "../stats/shadow-counts.ts";
import { askShadowOverHttp } from "./ask-shadow.ts";
import { AskedCollector } from "./testdata/asked-collector.ts";

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
const collector = new AskedCollector(WHOLE);

function ask(answerMilliseconds = 10_000, signal = new AbortController().signal) {
  return askShadowOverHttp(collector.options(answerMilliseconds))(QUESTION, signal);
}

test("asks about the plans of the step, with the newest access token", async () => {
  expect(await ask()).toEqual(COUNTS);
  expect(collector.asked).toEqual([["/shadow?deployment=ranker&epochs=7-9", "Bearer opens-it"]]);
});

test("sends nothing to what is somebody else's", async () => {
  collector.labels = {};
  await expect(ask()).rejects.toThrow("expected the Secret petrel-collector");
  expect(collector.asked).toEqual([]);
});

test.each([
  ["an error", 429, WHOLE, "status 429, expected 200"],
  ["an earlier version, which has no such page", 404, "{}", "status 404"],
  ["a broken answer", 200, WHOLE.slice(0, -1), "expected a whole answer"],
  ["one about another deployment", 200, shadowCountsText("other", COUNTS), 'expected "ranker"'],
  ["too much", 200, `${WHOLE}${" ".repeat(2 * 2 ** 20)}`, "at most 2097152 bytes"],
])("%s is no answer", async (_what, code, text, message) => {
  [collector.status, collector.said] = [code, text];
  await expect(ask()).rejects.toThrow(message);
});

test("one that hangs is given up, and so is one that nobody waits for", async () => {
  collector.hangs = true;
  await expect(ask(50)).rejects.toThrow("the collector did not answer within 50 ms");
  const gone = new AbortController();
  const asked = ask(10_000, gone.signal);
  gone.abort(new Error("nobody waits"));
  await expect(asked).rejects.toThrow("nobody waits");
});
