/**
 * Whatever the order, the repetition and the interleaving in which answers and labels come, and wherever the collector
 * starts anew, metrics of scores are those of a model that only knows sets.
 */
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import fc from "fast-check";
import type { MetricTypeName } from "../metrics/metric.ts";
import { createMetric } from "../metrics/register.ts";
import { settledRequest } from "../metrics/settled-request.ts";
import { inFolder } from "../process/testdata/in-folder.ts";
import { describeRows, scoreCode, scoreOfCode } from "../token/described-rows.ts";
import { parseSettings } from "./settings.ts";
import { batchOf, NOW_SECONDS, openCollector, SETTINGS_TEXT, tokenOf } from "./testdata/collecting.ts";

const MATURES_SECONDS = 1_800;
const TYPES = ["LogLoss", "BrierScore", "CalibrationError", "AreaUnderCurve", "Accuracy"] as const;
const SETTINGS = (() => {
  const file = JSON.parse(SETTINGS_TEXT);
  file.deployments[0].metrics = TYPES.map((type) => ({ name: type.toLowerCase(), type, label: "click" }));
  return parseSettings(JSON.stringify(file));
})();

interface Request {
  readonly user: string;
  readonly arm: number;
  readonly ageSeconds: number;
  readonly excluded: boolean;
  readonly scores: readonly number[];
}

interface Label {
  readonly request: number;
  readonly label: "click" | "order";
  readonly row: number | undefined;
  readonly delaySeconds: number;
  readonly value: number;
  readonly id: number | undefined;
}

const score = fc.oneof(
  fc.double({ min: 0, max: 1, noNaN: true }),
  fc.constantFrom(0, 1, 0.5, 0.02, Number.NaN, -1, 3),
);
const worlds = fc.integer({ min: 1, max: 8 }).chain((count) =>
  fc.record({
    requests: fc.array(
      fc.record({
        user: fc.constantFrom("ann", "bob"),
        arm: fc.nat(1),
        ageSeconds: fc.integer({ min: 5_700, max: 20_000 }),
        excluded: fc.constantFrom(false, false, true),
        scores: fc.oneof(
          fc.array(score, { maxLength: 4 }),
          fc.array(score, { minLength: 66, maxLength: 70 }),
        ),
      }),
      { minLength: count, maxLength: count },
    ),
    labels: fc.array(
      fc.record({
        request: fc.nat(count - 1),
        label: fc.constantFrom("click" as const, "click" as const, "order" as const),
        row: fc.constantFrom(undefined, 0, 0, 1, 2, 3, 65),
        delaySeconds: fc.constantFrom(0, 5, MATURES_SECONDS, MATURES_SECONDS + 1, 3_600),
        value: fc.constantFrom(1, 1, 0, 2.5, -1),
        id: fc.constantFrom(undefined, undefined, 1, 2),
      }),
      { maxLength: 25 },
    ),
  }),
);

function tokenFor({ user, arm, ageSeconds, scores }: Request, number: number): string {
  const described = describeRows(scores.length, (row) => scores[row] ?? Number.NaN);
  const fields = { user, arm, seconds: NOW_SECONDS - ageSeconds };
  return tokenOf(number, { ...fields, rows: scores.length, ...described });
}

/** One value for each event, so that no repetition contradicts the first, and only rows that are there. */
function sayable(labels: readonly Label[], requests: readonly Request[]): readonly Label[] {
  const seen = new Set<string>();
  return labels.filter(({ request, label, row, id }) => {
    const user = requests[request]?.user ?? "";
    const name = id === undefined ? `${request}/${label}/${row}` : `${user}/${label}/${id}`;
    if (seen.has(name) || (row ?? 0) >= (requests[request]?.scores.length ?? 0)) return false;
    seen.add(name);
    return true;
  });
}

/** The sums as they must be, by arm and metric. */
function modelOf(requests: readonly Request[], labels: readonly Label[]): Record<string, readonly number[]> {
  const sums: Record<string, Float64Array> = {};
  for (const [number, { arm, excluded, scores }] of requests.entries()) {
    if (excluded || scores.length === 0) continue;
    const rows = scores.slice(0, 64).map((one, row) => {
      const code = scoreOfCode(scoreCode(one));
      return { row, score: Number.isNaN(code) ? -1 : code };
    });
    const counted = labels
      .filter(({ request, label, delaySeconds }) => {
        return request === number && label === "click" && delaySeconds <= MATURES_SECONDS;
      })
      .map(({ row, value }) => ({ label: "click", value, row: row ?? (scores.length === 1 ? 0 : -1) }))
      .filter(({ row }) => row >= 0 && row < 64);
    for (const type of TYPES) {
      const metric = createMetric(
        { name: "m", type: type satisfies MetricTypeName, label: "click" },
        {
          probability: true,
          higherIsBetter: true,
        },
      );
      const name = `${arm}/${type.toLowerCase()}`;
      const into = sums[name] ?? new Float64Array(metric.sums.length);
      sums[name] = into;
      metric.add(settledRequest(rows, counted), into);
    }
  }
  return Object.fromEntries(Object.entries(sums).map(([name, vector]) => [name, [...vector]]));
}

function feedbackOf(label: Label, requests: readonly Request[]): object {
  const request = requests[label.request];
  if (request === undefined) throw new Error("no such request");
  const at = new Date((NOW_SECONDS - request.ageSeconds + label.delaySeconds) * 1_000).toISOString();
  const { label: name, row, value, id } = label;
  const event = {
    ...{ label: name, value, at },
    ...(row === undefined ? {} : { row }),
    ...(id === undefined ? {} : { id: String(id) }),
  };
  return { token: tokenFor(request, label.request), events: [event] };
}

type Step = { readonly batch: string } | { readonly feedback: object };

test("any order, repetition, interleaving and restart gives the same sums", async () => {
  await fc.assert(
    fc.asyncProperty(
      worlds,
      fc.integer({ min: 1, max: 4 }),
      fc.infiniteStream(fc.nat(1_000)),
      async ({ requests, labels: drawn }, size, draws) => {
        const labels = sayable(drawn, requests);
        const draw = (below: number) => (draws.next().value ?? 0) % below;
        const once: Step[] = labels.map((label) => ({ feedback: feedbackOf(label, requests) }));
        for (let from = 0, number = 1; from < requests.length; from += size, number++) {
          const lines = requests.slice(from, from + size).map((request, index) => ({
            token: tokenFor(request, from + index),
            excluded: request.excluded,
          }));
          once.push({ batch: batchOf(number, lines, { startedAt: (NOW_SECONDS - 90_000) * 1_000 }) });
        }
        const steps = [...once, ...once.filter(() => draw(2) === 0)];
        for (let index = steps.length - 1; index > 0; index--) {
          const other = draw(index + 1);
          const [a, b] = [steps[index], steps[other]];
          if (a !== undefined && b !== undefined) [steps[index], steps[other]] = [b, a];
        }
        await inFolder(async (folder) => {
          const path = join(folder, "evidence.db");
          let collector = openCollector(path, { settings: SETTINGS });
          try {
            for (const step of steps) {
              if ("batch" in step) await collector.impressions(step.batch);
              else await collector.feedback(JSON.stringify(step.feedback), true);
              if (draw(6) !== 0) continue;
              await collector.close();
              collector = openCollector(path, { settings: SETTINGS });
            }
            const { metrics } = await collector.scores("ranker");
            const found = Object.entries(metrics).flatMap(([name, { leftOut, revisions }]) => {
              expect(leftOut).toBe(0);
              return revisions.map(({ arm, sums }) => [`${arm}/${name}`, sums] as const);
            });
            const expected = modelOf(requests, labels);
            expect(found.map(([name]) => name).toSorted()).toEqual(Object.keys(expected).toSorted());
            for (const [name, sums] of found) {
              // Sums are kept in steps of 2^-20, for each request.
              sums.forEach((sum, index) => {
                expect(Math.abs(sum - (expected[name]?.[index] ?? Number.NaN))).toBeLessThan(1e-4);
              });
            }
          } finally {
            await collector.close();
          }
        });
      },
    ),
    { numRuns: 30 },
  );
}, 240_000);
