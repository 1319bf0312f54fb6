import { describe, expect, test } from "@jest/globals";
import { HmacKey } from "../token/hmac-sha256.ts";
import {
  isShadowSignature,
  readShadowBatch,
  type ShadowBatch,
  ShadowReportError,
  shadowBatchText,
  shadowSignature,
} from "./shadow-report.ts";

const key = new HmacKey(Buffer.alloc(32, 1));
const batch: ShadowBatch = {
  deployment: "uid-1",
  revision: "ranker-a",
  keyId: 1,
  seconds: 1_795_000_000,
  reports: [
    {
      id: "065ca075aff346d2",
      role: "Original",
      epoch: 7,
      group: 12,
      status: 200,
      latencyMilliseconds: 3.25,
      rows: 3,
      scores: [0.25, Number.NaN, -1],
    },
    {
      id: "065ca075aff346d3",
      role: "Copy",
      epoch: 7,
      group: 0,
      status: 503,
      latencyMilliseconds: 0,
      rows: 0,
      scores: [],
    },
  ],
};

test("what is told comes over whole", () => {
  expect(readShadowBatch(shadowBatchText(batch))).toEqual(batch);
});

test("a signature is that of one body and one key", () => {
  const body = shadowBatchText(batch);
  const signature = shadowSignature(body, key);
  expect(signature).toMatch(/^[0-9a-f]{32}$/);
  expect(isShadowSignature(signature, body, key)).toBe(true);
  expect(isShadowSignature(signature, `${body} `, key)).toBe(false);
  expect(isShadowSignature(signature, body, new HmacKey(Buffer.alloc(32, 2)))).toBe(false);
  for (const other of ["", "00", signature.slice(2), `${signature}00`, "no hexadecimal digits"])
    expect(isShadowSignature(other, body, key)).toBe(false);
});

describe("what is not a batch is refused whole", () => {
  const [report] = batch.reports;
  const withReport = (more: object) => ({ ...batch, reports: [{ ...report, latency: 1, ...more }] });
  test.each<[string, unknown, RegExp]>([
    ["no object", [], /the body to be an object/],
    ["no deployment", { ...batch, deployment: "" }, /"deployment" to be a name/],
    ["a key out of range", { ...batch, keyId: 256 }, /"keyId" to be a whole number from 0 to 255/],
    ["no list", { ...batch, reports: {} }, /"reports" to be a list/],
    ["too many reports", { ...batch, reports: Array(257).fill(report) }, /a list of at most 256/],
    ["an id of capitals", withReport({ id: "065CA075AFF346D2" }), /reports\[0\]\.id/],
    ["an unknown role", withReport({ role: "Mirror" }), /reports\[0\]\.role to be Original or Copy/],
    ["a group that is none", withReport({ group: 128 }), /reports\[0\]\.group/],
    ["a broken epoch", withReport({ epoch: 7.5 }), /reports\[0\]\.epoch/],
    ["a time before it began", withReport({ latency: -1 }), /reports\[0\]\.latency/],
    [
      "too many scores",
      withReport({ scores: Array(64).fill(1) }),
      /reports\[0\]\.scores to be a list of at most 63/,
    ],
    ["a score in words", withReport({ scores: ["high"] }), /reports\[0\]\.scores\[0\]/],
  ])("%s", (_what, body, message) => {
    expect(() => readShadowBatch(JSON.stringify(body))).toThrow(message);
    expect(() => readShadowBatch(JSON.stringify(body))).toThrow(ShadowReportError);
  });
});
