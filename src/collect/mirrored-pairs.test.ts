import { beforeEach, describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { SHADOW_SUMS, type ShadowCounts } from "../stats/shadow-counts.ts";
import { totalOf } from "../stats/total.ts";
import { type ShadowReport, shadowBatchText, shadowSignature } from "../tap/shadow-report.ts";
import { nameTag } from "../token/tags.ts";
import { MirroredPairs, PAIR_PATIENCE_MILLISECONDS } from "./mirrored-pairs.ts";
import { NOW_SECONDS, RING, withCollector } from "./testdata/collecting.ts";

const DEPLOYMENT = nameTag("uid-1");
let now = NOW_SECONDS * 1_000;
let pairs: MirroredPairs;

beforeEach(() => {
  now = NOW_SECONDS * 1_000;
  pairs = newPairs();
});

function newPairs(): MirroredPairs {
  return new MirroredPairs({
    nowMilliseconds: () => now,
    ring: () => RING,
    isCollected: (deployment) => deployment === DEPLOYMENT,
  });
}

function report(request: number, more: Partial<ShadowReport> = {}): ShadowReport {
  return {
    id: request.toString(16).padStart(16, "0"),
    role: "Original",
    epoch: 7,
    group: request % 128,
    status: 200,
    latencyMilliseconds: 2,
    rows: 2,
    scores: [0.75, 0.25],
    ...more,
  };
}
const copyOf = (request: number, more: Partial<ShadowReport> = {}) =>
  report(request, { role: "Copy", ...more });

function signed(reports: readonly ShadowReport[], more: object = {}): readonly [string, string] {
  const seconds = Math.floor(now / 1_000);
  const head = { deployment: "uid-1", revision: "ranker-a", keyId: 1, seconds };
  const body = shadowBatchText({ ...head, reports, ...more });
  const key = RING.signingKey("uid-1", "ranker-a")?.key;
  if (key === undefined) throw new Error("the ring has no such key");
  return [body, shadowSignature(body, key)];
}

function take(...reports: readonly ShadowReport[]): void {
  for (let first = 0; first < reports.length; first += 256)
    pairs.take(...signed(reports.slice(first, first + 256)));
}

function totals(counts: ShadowCounts = pairs.counts(DEPLOYMENT, 7, 7)): Record<string, number> {
  return Object.fromEntries(SHADOW_SUMS.map((name) => [name, totalOf(counts.sums[name])]));
}

describe("a request and its copy are a pair", () => {
  test.each([
    ["whichever comes first", [copyOf(1), report(1)]],
    ["and what is told again counts once", [report(1), report(1), copyOf(1), copyOf(1), report(1)]],
    [
      "with the good answer of a request that stable tried twice",
      [report(1, { status: 503 }), report(1), copyOf(1)],
    ],
  ])("%s", (_what, reports) => {
    take(...reports);
    expect(totals()).toMatchObject({ originals: 1, pairs: 1, answered: 1, lists: 1, sameOrder: 1 });
    expect(pairs.results["paired"]).toBe(1);
  });

  test("of one plan alone", () => {
    take(report(1), copyOf(1, { epoch: 8 }), report(2, { epoch: 8 }), copyOf(2, { epoch: 8 }));
    expect(totals()).toMatchObject({ pairs: 0 });
    expect(totals(pairs.counts(DEPLOYMENT, 8, 8))).toMatchObject({ pairs: 1 });
    expect(totals(pairs.counts(DEPLOYMENT, 6, 9))).toMatchObject({ pairs: 1 });
    expect(totals(pairs.counts(nameTag("uid-2"), 6, 9))).toMatchObject({ pairs: 0 });
  });

  test("by the user's group, as the original tells it", () => {
    take(report(1, { group: 5 }), copyOf(1, { group: 5 }));
    expect(pairs.counts(DEPLOYMENT, 7, 7).sums.pairs[5]).toBe(1);
  });

  test("that counts against a candidate that fails", () => {
    take(report(1), copyOf(1, { status: 500, rows: 0, scores: [] }));
    expect(totals()).toMatchObject({ pairs: 1, answered: 0, lists: 1, sameBest: 0 });
  });
});

describe("what finds no other half", () => {
  test("is a request that the candidate did not answer, from the beginning: not only once its time has passed", () => {
    take(report(1), copyOf(2));
    expect(totals()).toMatchObject({ originals: 1, pairs: 0 });
    now += PAIR_PATIENCE_MILLISECONDS;
    expect(totals()).toMatchObject({ originals: 1, pairs: 0 });
    expect(pairs.results).toMatchObject({ unpaired_original: 1, unpaired_copy: 1 });
    take(copyOf(1));
    expect(totals()).toMatchObject({ originals: 1, pairs: 0 });
  });

  test("does not wait for longer when the clock is set back", () => {
    take(report(1));
    now -= 3_600_000;
    expect(totals()).toMatchObject({ originals: 1 });
    expect(pairs.waiting).toBe(0);
  });

  test("takes a room that has a bound: a request that goes for that was not answered, as far as anybody knows", () => {
    const many = Array.from({ length: 25_000 }, (_, request) => report(request));
    take(...many);
    expect(pairs.waiting).toBe(20_000);
    expect(pairs.results["overflow"]).toBe(5_000);
    expect(totals()).toMatchObject({ originals: 25_000, pairs: 0 });
  });

  test("is not forgotten where there are so many requests that the room is full before their time has passed", () => {
    // For a minute 500 a second are mirrored, of which the candidate answers every second one.
    for (let second = 0; second < 60; second++) {
      const requests = Array.from({ length: 500 }, (_, request) => second * 500 + request);
      take(...requests.map((request) => report(request)));
      take(...requests.filter((request) => request % 2 === 0).map((request) => copyOf(request)));
      now += 1_000;
    }
    now += PAIR_PATIENCE_MILLISECONDS;
    expect(totals()).toMatchObject({ originals: 30_000, pairs: 15_000, answered: 15_000 });
  });

  test("of what stable gives no score for, there is nothing to compare", () => {
    take(report(1, { scores: [], rows: 0 }), copyOf(1, { scores: [], rows: 0 }));
    take(report(2, { scores: [0.5, Number.NaN] }), copyOf(2));
    now += PAIR_PATIENCE_MILLISECONDS;
    expect(totals()).toMatchObject({ originals: 0, pairs: 0 });
    expect(pairs.results).toMatchObject({ unanswered: 2, unpaired_copy: 2 });
  });

  test("counts where its request was counted, though that plan has gone meanwhile", () => {
    take(report(1));
    for (let epoch = 8; epoch < 8 + 512; epoch++) take(report(1, { epoch }));
    take(copyOf(1), report(2), copyOf(2));
    expect(totals()).toMatchObject({ originals: 1, pairs: 1 });
  });

  test("plans have a bound, too: the oldest goes", () => {
    for (let epoch = 1; epoch <= 600; epoch++) take(report(1, { epoch }), copyOf(1, { epoch }));
    expect(totals(pairs.counts(DEPLOYMENT, 1, 600))).toMatchObject({ pairs: 512 });
    expect(totals(pairs.counts(DEPLOYMENT, 600, 600))).toMatchObject({ pairs: 1 });
  });
});

test("every report is counted by what became of it, in whatever order they come", () => {
  const reports = fc.array(
    fc.record({
      request: fc.integer({ min: 0, max: 5 }),
      role: fc.constantFrom("Original" as const, "Copy" as const),
      status: fc.constantFrom(200, 500),
      passes: fc.constantFrom(0, 0, 1_000, PAIR_PATIENCE_MILLISECONDS),
    }),
  );
  fc.assert(
    fc.property(reports, (all) => {
      now = NOW_SECONDS * 1_000;
      pairs = newPairs();
      for (const { request, role, status, passes } of all) {
        take(report(request, { role, status }));
        now += passes;
      }
      now += PAIR_PATIENCE_MILLISECONDS;
      const { originals, pairs: paired, answered } = totals();
      const counted = Object.entries(pairs.results).reduce(
        (sum, [result, count]) => sum + (result === "paired" ? 2 * count : count),
        0,
      );
      expect(counted).toBe(all.length);
      expect(paired).toBe(pairs.results["paired"]);
      expect(originals).toBe((paired ?? 0) + (pairs.results["unpaired_original"] ?? 0));
      expect(answered).toBeLessThanOrEqual(paired ?? 0);
      expect(pairs.waiting).toBe(0);
    }),
  );
});

describe("is refused", () => {
  test.each<[string, () => readonly [string, string], RegExp]>([
    ["without a signature", () => [signed([report(1)])[0], ""], /signed with the key of their revision/],
    [
      "with that of another body",
      () => [signed([report(1)])[0], signed([report(2)])[1]],
      /signed with the key/,
    ],
    ["for another revision", () => signed([report(1)], { revision: "other-a" }), /signed with the key/],
    [
      "what was sent long ago",
      () => signed([report(1)], { seconds: NOW_SECONDS - 301 }),
      /within 300 s of now/,
    ],
    ["what is no batch", () => ["{}", ""], /expected "reports" to be a list/],
  ])("%s", (_what, made, message) => {
    expect(() => pairs.take(...made())).toThrow(message);
    expect(pairs.waiting).toBe(0);
  });
});

test("a collector answers about a deployment that it collects, and no other", () =>
  withCollector(async (collector) => {
    collector.mirrored.take(...signed([report(1), copyOf(1)]));
    expect(collector.shadowEvidence("ranker", [{ first: 7, last: 7 }])).toMatchObject({
      deployment: "ranker",
      lastPairSeconds: NOW_SECONDS,
      service: { windows: [{ epoch: 7, candidate: { tries: 1 }, stable: { tries: 1 } }] },
    });
    expect(() => collector.shadowEvidence("other", [{ first: 7, last: 7 }])).toThrow(
      /deployment whose labels/,
    );
    expect(() => collector.shadowEvidence("ranker", [])).toThrow(/"epochs" once/);
    expect(await collector.metrics.registry.metrics()).toContain(
      'petrel_collect_mirrored_total{result="paired"} 1',
    );
  }));
