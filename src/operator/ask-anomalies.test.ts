/**
 * How a collector is asked for alarms: with what, and what is no answer. On loopback.
 */
import { expect, jest, test } from "@jest/globals";
import { askAnomaliesOverHttp } from "./ask-anomalies.ts";
import { AskedCollector } from "./testdata/asked-collector.ts";

/** For a machine that does much else. */
jest.setTimeout(60_000);

const RANKER = { name: "ranker", watched: 2, unjudged: [], unknown: [], alarms: [] };
const WHOLE = JSON.stringify({ partition: { index: 0, count: 1 }, deployments: [RANKER] });
const collector = new AskedCollector(WHOLE);

function ask(answerMilliseconds = 10_000, signal = new AbortController().signal) {
  return askAnomaliesOverHttp(collector.options(answerMilliseconds))("shop", signal);
}

test("asks for all of the namespace, with the newest access token", async () => {
  expect(await ask()).toEqual(new Map([["ranker", RANKER]]));
  expect(collector.asked).toEqual([["/anomalies", "Bearer opens-it"]]);
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

test("asks 16 namespaces at a time, and the next once one has answered", async () => {
  collector.hangs = true;
  const askAll = askAnomaliesOverHttp(collector.options());
  const gone = Array.from({ length: 17 }, () => new AbortController());
  const asked = gone.map(({ signal }, index) => askAll(`shop-${index}`, signal));
  const settled = Promise.allSettled(asked);
  const until = async (count: number) => {
    while (collector.seen.length < count) await new Promise((resolve) => setTimeout(resolve, 5));
  };
  await until(16);
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(collector.seen).toHaveLength(16);
  gone[0]?.abort();
  await until(17);
  for (const one of gone) one.abort();
  await settled;
});
