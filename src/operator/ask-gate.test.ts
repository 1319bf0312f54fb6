/**
 * What is asked over HTTP for a gate, and that of the answers only those of the contracts count. On loopback.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { describe, expect, test } from "@jest/globals";
import type { UrlQuestion } from "../core/rollout/gates/gate-questions.ts";
import { onLoopback } from "../process/testdata/on-loopback.ts";
import { askOverHttp, hookAnswer, isAllowed, queryAnswer } from "./ask-gate.ts";

interface Seen {
  readonly url: string | undefined;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

let answer: (response: ServerResponse) => void = (response) => response.end();
const seen: Seen[] = [];
const server = createServer(async (request, response) => {
  let body = "";
  for await (const chunk of request) body += String(chunk);
  seen.push({ url: request.url, headers: request.headers, body });
  answer(response);
});
let origin = "";

onLoopback(server, (given) => {
  origin = given;
});

const never = new AbortController().signal;
const query = (path = ""): UrlQuestion => ({
  gate: "stock",
  type: "PrometheusQuery",
  url: `${origin}${path}`,
  text: 'sum(x{a="b & c"})',
});
const hook = (): UrlQuestion => ({
  gate: "judge",
  type: "WebHook",
  url: `${origin}/judge?x=1`,
  text: '{"step":1}',
});

test("a query is posted to the instant query of Prometheus below the URL", async () => {
  answer = (response) =>
    response.end('{"status":"success","data":{"resultType":"vector","result":[{"value":[1,"0.25"]}]}}');
  expect(await askOverHttp([origin])(query("/tenant/?team=a"), never)).toBe(0.25);
  const { url, headers, body } = seen.at(-1) ?? { body: "" };
  expect(url).toBe("/tenant/api/v1/query?team=a");
  expect(headers?.["content-type"]).toBe("application/x-www-form-urlencoded");
  expect(headers?.authorization).toBeUndefined();
  expect(new URLSearchParams(body).get("query")).toBe('sum(x{a="b & c"})');
});

test("a web hook gets its JSON", async () => {
  answer = (response) => response.end('{"outcome":"Wait","message":"still cold"}');
  expect(await askOverHttp([origin])(hook(), never)).toEqual({ outcome: "Wait", message: "still cold" });
  expect(seen.at(-1)).toMatchObject({ url: "/judge?x=1", body: '{"step":1}' });
});

describe("no answer is", () => {
  test.each<[what: string, respond: (response: ServerResponse) => void, message: RegExp]>([
    [
      "a redirection",
      (r) => r.writeHead(302, { location: `${origin}/other` }).end(),
      /status 302, expected 200/,
    ],
    ["an error", (r) => r.writeHead(500).end('{"outcome":"Pass"}'), /status 500, expected 200/],
    ["too long a body", (r) => r.end(" ".repeat(70_000)), /answers too much: expected .* 65536 bytes/],
    ["a connection that breaks", (r) => r.destroy(), /connection to .* failed/],
    ["something else", (r) => r.end("<html>"), /expected \{"outcome"/],
  ])("%s", async (_what, respond, message) => {
    answer = respond;
    const before = seen.length;
    await expect(askOverHttp([origin])(hook(), never)).rejects.toThrow(message);
    expect(seen).toHaveLength(before + 1);
  });

  test("one that is not wanted any more", async () => {
    answer = () => {};
    const ended = new AbortController();
    const asked = askOverHttp([origin])(hook(), ended.signal);
    ended.abort(new Error("over"));
    await expect(asked).rejects.toThrow();
  });
});

test("where the installation does not let it, nobody is asked", async () => {
  const before = seen.length;
  await expect(askOverHttp([])(hook(), never)).rejects.toThrow(
    `the installation does not let ${origin} be asked: see gates.allowedUrls`,
  );
  expect(seen).toHaveLength(before);
});

test.each([
  ["http://p:9090/api", "http://p:9090", true],
  ["http://p:9090", "http://p:9090/", true],
  ["http://p:9090/a/b", "http://p:9090/a", true],
  ["http://p:9090/a/", "http://p:9090/a", true],
  ["http://p:9090/ab", "http://p:9090/a", false],
  ["http://p:9090/a/../b", "http://p:9090/a", false],
  ["http://p:9090/a/%2e%2e/b", "http://p:9090/a", false],
  ["http://p:9091/", "http://p:9090", false],
  ["https://p:9090/", "http://p:9090", false],
  ["http://p.evil/", "http://p", false],
  ["http://p:80/", "http://p", true],
  ["http://P/", "http://p", true],
  ["nothing", "http://p", false],
  ["http://p", "nothing", false],
])("%s is asked where %s may be: %p", (url, allowed, expected) => {
  expect(isAllowed(url, [allowed])).toBe(expected);
});

describe("of Prometheus' answers", () => {
  const vector = (...values: unknown[]) =>
    JSON.stringify({
      status: "success",
      data: { resultType: "vector", result: values.map((value) => ({ metric: {}, value: [1, value] })) },
    });

  test.each<[text: string, value: number]>([
    ['{"status":"success","data":{"resultType":"scalar","result":[1,"3"]}}', 3],
    [vector("0.5"), 0.5],
    [vector("1e-7"), 1e-7],
    [vector("NaN"), Number.NaN],
    [vector("+Inf"), Number.POSITIVE_INFINITY],
    [vector("-Inf"), Number.NEGATIVE_INFINITY],
  ])("%s is %d", (text, value) => {
    expect(queryAnswer(text)).toBe(value);
  });

  test.each<[text: string, message: string]>([
    [vector(), "one series, got 0"],
    [vector("1", "2"), "one series, got 2"],
    [vector("many"), "a sample with a number"],
    [vector(" "), "a sample with a number"],
    [vector(1), "a sample with a number"],
    ['{"status":"success","data":{"resultType":"matrix","result":[]}}', "a scalar or a vector"],
    ['{"status":"error","error":"bad"}', "the answer of a query"],
    ["[]", "the answer of a query"],
    ["", "the answer of a query"],
  ])("%s is none", (text, message) => {
    expect(() => queryAnswer(text)).toThrow(message);
  });
});

describe("of a web hook's answers", () => {
  test("the message is short, and repaints no terminal", () => {
    const { message } = hookAnswer(
      JSON.stringify({ outcome: "Fail", message: `a\u001b[2Jb\n${"x".repeat(999)}` }),
    );
    expect(message.startsWith("a [2Jb x")).toBe(true);
    expect(message).toHaveLength(512);
    expect(hookAnswer('{"outcome":"Pass"}')).toEqual({ outcome: "Pass", message: "" });
  });

  test.each(["{}", '{"outcome":"pass"}', '{"outcome":"Pass","message":1}', "null", '"Pass"'])(
    "%s is none",
    (text) => {
      expect(() => hookAnswer(text)).toThrow("expected {");
    },
  );
});
