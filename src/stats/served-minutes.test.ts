/**
 * That what routers tell of requests comes out as it went in and adds up, that quantiles are those of the times, and that
 * nothing but whole counts is taken.
 */
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import {
  latencyBucket,
  latencyQuantile,
  readServedMinutes,
  type Served,
  type ServedMinute,
  servedMinutesBody,
  sumOfServed,
} from "./served-minutes.ts";

const MINUTE: ServedMinute = {
  ...{ deployment: "ranker", slot: 29_000_000, arm: "Stable" },
  ...{ requests: 7, errors: 2, milliseconds: 900 },
  latencies: new Map([
    [60, 4],
    [61, 1],
  ]),
};

const across = (body: unknown) => readServedMinutes(JSON.parse(JSON.stringify(body)));

test("minutes come out as they went in, and members that are not known are passed over", () => {
  expect(across(servedMinutesBody([MINUTE]))).toEqual([MINUTE]);
  expect(across([{ ...servedMinutesBody([MINUTE])[0], more: 1 }])).toEqual([MINUTE]);
  expect(across([])).toEqual([]);
});

test("sums have all of both", () => {
  const other: Served = { requests: 3, errors: 0, milliseconds: 100, latencies: new Map([[61, 3]]) };
  const sum = sumOfServed([MINUTE, other]);
  expect(sum).toMatchObject({ requests: 10, errors: 2, milliseconds: 1_000 });
  expect([...sum.latencies]).toEqual([
    [60, 4],
    [61, 4],
  ]);
  expect(MINUTE.latencies.get(61)).toBe(1);
  expect(sumOfServed([other])).toEqual(other);
});

test("buckets: twenty for each power of ten from 0.1 ms on, and the ends have what is beyond", () => {
  expect([0, -1, 0.1, Number.NaN].map(latencyBucket)).toEqual([0, 0, 0, 0]);
  expect(latencyBucket(1)).toBe(21);
  expect(latencyBucket(1.13)).toBe(22);
  expect(latencyBucket(100)).toBe(61);
  expect([600_000, 1e12].map(latencyBucket)).toEqual([136, 136]);
});

test("a quantile is off by no more than a bucket, which is 13 %", () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0.11, max: 400_000, noNaN: true }), { minLength: 1, maxLength: 200 }),
      fc.double({ min: 0.01, max: 1, noNaN: true }),
      (times, quantile) => {
        const latencies = new Map<number, number>();
        for (const time of times)
          latencies.set(latencyBucket(time), (latencies.get(latencyBucket(time)) ?? 0) + 1);
        const sorted = times.toSorted((one, other) => one - other);
        const exact = sorted[Math.ceil(quantile * times.length - 1e-9) - 1] ?? Number.NaN;
        const ratio = (latencyQuantile(quantile, latencies) ?? Number.NaN) / exact;
        expect(Math.abs(Math.log10(ratio))).toBeLessThanOrEqual(1 / 20 + 1e-9);
      },
    ),
  );
  expect(latencyQuantile(0.95, new Map())).toBeUndefined();
});

describe("refuses, and says where", () => {
  test.each<[string, object, string]>([
    ["no name", { deployment: 7 }, "served[0].deployment: expected a name, got 7"],
    [
      "an arm that is none",
      { arm: "Mirror" },
      "served[0].arm: expected one of Stable, Candidate, got Mirror",
    ],
    ["half a minute", { slot: 0.5 }, "served[0].slot: expected "],
    ["fewer requests than errors", { requests: 1 }, "served[0].errors: expected at most 1, got 2"],
    ["less than nothing", { errors: -1 }, "served[0].errors: expected a whole number from 0 on"],
    ["no time", { milliseconds: undefined }, "served[0].milliseconds: expected "],
    ["no latencies", { latencies: undefined }, "served[0].latencies: expected a list"],
    ["a bucket that is none", { latencies: [[137, 1]] }, "each of 137 buckets at most once"],
    [
      "a bucket twice",
      {
        latencies: [
          [1, 1],
          [1, 1],
        ],
      },
      "each of 137 buckets at most once",
    ],
    ["more latencies than requests", { latencies: [[1, 8]] }, "at most 7 in all, got 8"],
  ])("%s", (_what, changes, message) => {
    expect(() => across([{ ...servedMinutesBody([MINUTE])[0], ...changes }])).toThrow(message);
  });

  test("no list", () => {
    expect(() => across({})).toThrow("served: expected a list");
  });
});
