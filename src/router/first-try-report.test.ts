import { describe, expect, test } from "@jest/globals";
import {
  BEYOND_ALL,
  FIRST_TRY_BUCKETS,
  FIRST_TRY_EDGES_MILLISECONDS,
} from "../render/envoy/first-try-statistics.ts";
import { EnvoyReportError } from "./envoy-report.ts";
import { ASKED_TOGETHER, firstTryPath, parseFirstTryReport } from "./first-try-report.ts";

/** A histogram as Envoy tells it, in the buckets of the bootstrap, of values in its unit. */
function histogram(name: string, ...values: number[]) {
  const full = `petrel.first_try.${name}`;
  const setting = FIRST_TRY_BUCKETS.find(({ match }) => full.startsWith(Object(match).prefix));
  const edges = Array.isArray(setting?.["buckets"]) ? setting["buckets"] : [];
  const buckets = edges.map((edge: number) => ({
    upper_bound: edge,
    interval: 0,
    cumulative: values.filter((value) => value < edge).length,
  }));
  return { name: full, buckets };
}

const named = (end: string, arm: string, rest = "") =>
  `${end}.model_deployment.ranker.arm.${arm}.priority.0${rest}`;
const report = (...histograms: object[]) => parseFirstTryReport({ stats: [{ histograms }] });
/** By the upper edge in milliseconds. */
const timed = (latencies: readonly number[]) =>
  Object.fromEntries(
    latencies.flatMap((count, bucket) =>
      count === 0 ? [] : [[FIRST_TRY_EDGES_MILLISECONDS[bucket] ?? "beyond", count]],
    ),
  );

test("edges have two digits, so that Envoy's counts are exact, and reach from 0.1 ms to 10 minutes", () => {
  expect(FIRST_TRY_EDGES_MILLISECONDS.slice(0, 4)).toEqual([0.1, 0.12, 0.15, 0.2]);
  expect(FIRST_TRY_EDGES_MILLISECONDS.at(-1)).toBe(600_000);
  for (const edge of FIRST_TRY_EDGES_MILLISECONDS) expect(Number(edge.toPrecision(2))).toBe(edge);
});

test("asks for the first priority of these ModelDeployments alone", () => {
  const path = firstTryPath(["other-1", "ranker"]);
  const filter = new RegExp(new URL(path, "http://envoy").searchParams.get("filter") ?? "");
  const names = [
    named("answered", "Stable"),
    named("unanswered", "Stable", ".flags.UF,URX"),
    named("answered", "Stable").replace("priority.0", "priority.1"),
    named("answered", "Stable").replace("priority.0", "priority.-"),
    named("answered", "Stable").replace("ranker", "other-1"),
    named("answered", "Stable").replace("ranker", "ranker-2"),
    named("answered", "Stable").replace("ranker", "a-ranker"),
  ].map((name) => `petrel.first_try.${name}`);
  expect([...names, "server.uptime"].map((name) => filter.test(name))).toEqual([
    true,
    true,
    false,
    false,
    true,
    false,
    false,
    false,
  ]);
});

test("asks with a path of a bounded length, however long the names", () => {
  expect(firstTryPath(Array(ASKED_TOGETHER).fill("n".repeat(63))).length).toBeLessThan(8 * 1_024);
});

test("answers have a latency, in the unit that they are counted in", () => {
  const { counted } = report(
    histogram(named("answered", "Candidate"), 50, 99, 100, 3_999, 4_000, 7e8),
    histogram(named("answered", "Stable"), 4_500),
  );
  const { candidate, stable } = counted.get("ranker") ?? {};
  expect(candidate).toMatchObject({ tries: 6, errors: 0 });
  expect(timed(candidate?.latencies ?? [])).toEqual({ 0.1: 2, 0.12: 1, 4: 1, 5: 1, beyond: 1 });
  expect([stable?.tries, timed(stable?.latencies ?? [])]).toEqual([1, { 5: 1 }]);
});

test.each([
  ["refused", "", { errors: 2, latencies: {} }],
  ["unanswered", ".flags.UC", { errors: 2, latencies: {} }],
  ["unanswered", ".flags.UF,URX", { errors: 2, latencies: {} }],
  ["unanswered", ".flags.UT", { errors: 2, latencies: { 1: 1, 250: 1 } }],
  ["unanswered", ".flags.-", { errors: 0, latencies: { 1: 1, 250: 1 } }],
])("what is %s%s", (end, flags, { errors, latencies }) => {
  const candidate = report(histogram(named(end, "Candidate", flags), 0, 201)).counted.get(
    "ranker",
  )?.candidate;
  expect([candidate?.tries, candidate?.errors, timed(candidate?.latencies ?? [])]).toEqual([
    2,
    errors,
    latencies,
  ]);
});

test("all ends of an arm add", () => {
  const { counted } = report(
    histogram(named("answered", "Candidate"), 4_500, 4_500),
    histogram(named("refused", "Candidate"), 1),
    histogram(named("unanswered", "Candidate", ".flags.UT"), 200),
  );
  expect(counted.get("ranker")?.candidate).toMatchObject({ tries: 4, errors: 2 });
  expect(counted.get("ranker")?.stable).toMatchObject({ tries: 0, errors: 0 });
});

test("what goes to stable for another reason than chance is counted, and is none of its first tries", () => {
  const { counted } = report(
    histogram(named("answered", "Stable"), 4_500),
    histogram(named("answered", "Uncompared"), 4_500, 4_500),
    histogram(named("unanswered", "Uncompared", ".flags.UF"), 1),
  );
  expect(counted.get("ranker")).toMatchObject({ stable: { tries: 1, errors: 0 }, uncompared: 3 });
});

test("an Envoy that has counted nothing tells nothing", () => {
  expect(parseFirstTryReport({ stats: [] })).toEqual({
    counted: new Map(),
    strange: new Map(),
  });
});

describe("what is not understood is an error, never a count", () => {
  const whole = histogram(named("answered", "Stable"), 5);
  const changed = (change: (bucket: { upper_bound: number }) => object[]) => ({
    stats: [{ histograms: [{ ...whole, buckets: whole.buckets.flatMap(change) }] }],
  });
  test.each<[what: string, answer: unknown]>([
    ["no object", "OK"],
    ["no list", {}],
    ["another statistic", { stats: [{ histograms: [{ ...whole, name: "http.ranker.rq_time" }] }] }],
  ])("%s", (_what, answer) => {
    expect(() => parseFirstTryReport(answer)).toThrow(EnvoyReportError);
  });

  test.each<[what: string, answer: { readonly stats: object[] }]>([
    ["another arm", { stats: [{ histograms: [{ ...whole, name: whole.name.replace("Stable", "Left") }] }] }],
    ["an edge that is missing", changed((bucket) => (bucket.upper_bound === 1_000 ? [] : [bucket]))],
    ["no count of all", changed((bucket) => (bucket.upper_bound === BEYOND_ALL ? [] : [bucket]))],
    [
      "a count that falls",
      changed((bucket) => [bucket.upper_bound === 200 ? { ...bucket, cumulative: 0 } : bucket]),
    ],
    [
      "half a count",
      changed((bucket) => [bucket.upper_bound === 200 ? { ...bucket, cumulative: 0.5 } : bucket]),
    ],
  ])("%s, and the others keep their counts", (_what, { stats }) => {
    const good = histogram(named("answered", "Candidate"), 5);
    const other = { ...good, name: good.name.replace("ranker", "other") };
    const { counted, strange } = parseFirstTryReport({ stats: [...stats, { histograms: [good, other] }] });
    expect(strange.get("ranker")).toBeInstanceOf(EnvoyReportError);
    expect([...counted.keys()]).toEqual(["other"]);
    expect(counted.get("other")?.candidate.tries).toBe(1);
  });
});
