/**
 * Whatever the order, the repetition and the interleaving in which impressions and labels come, and whatever is posted
 * together, the cells are those of a model that only knows sets.
 */
import { expect, test } from "@jest/globals";
import fc from "fast-check";
import type { Metric, MetricSettings } from "../metrics/metric.ts";
import { createMetric } from "../metrics/register.ts";
import { settledRequest } from "../metrics/settled-request.ts";
import { readToken, tokenBytes } from "../token/prediction-token.ts";
import { GROUPS, groupOf } from "../token/tags.ts";
import type { EvidenceAnswer } from "./collector-answers.ts";
import { parseSettings } from "./settings.ts";
import { batchOf, LISTS_TEXT, NOW_SECONDS, tokenOf, withCollector } from "./testdata/collecting.ts";

const SETTINGS = parseSettings(LISTS_TEXT);
/** Metrics of clicks on lists, and of their values, as they are computed from requests of which all is known. */
const LISTS: readonly Metric[] = [
  ["dcg", { type: "DCG", cap: 5, order: "Displayed" }],
  ["ndcg", { type: "NDCG", k: 5, order: "Displayed" }],
  ["map", { type: "MAP", order: "Displayed" }],
  ["mrr", { type: "MRR", k: 3, order: "Displayed" }],
  ["hits", { type: "HitRate", k: 3, order: "Displayed" }],
  ["clicks", { type: "LabelRatio", cap: 20 }],
].map(([name, settings]) =>
  createMetric({ name, label: "click", ...(settings as object) } as MetricSettings, {
    probability: false,
    higherIsBetter: true,
  }),
);

interface Request {
  readonly request: number;
  readonly user: string;
  readonly arm: number;
  readonly epoch: number;
  readonly ageSeconds: number;
  /** Whether the log counts it, excludes it or, where its batch is lost, never tells of it. */
  readonly logged: "counted" | "excluded";
  /** Rows in the order in which they were displayed, if the client says so with some of its labels. */
  readonly shown: readonly number[];
}

interface Label {
  readonly request: number;
  readonly label: "click" | "order";
  readonly row: number;
  readonly delaySeconds: number;
  readonly cents: number;
  readonly hasId: boolean;
  /** Where the row was displayed; undefined where the client does not say. */
  readonly position: number | undefined;
  readonly tellsShown: boolean;
}

interface World {
  readonly requests: readonly Request[];
  readonly labels: readonly Label[];
}

const worlds: fc.Arbitrary<World> = fc.integer({ min: 1, max: 12 }).chain((count) =>
  fc.record({
    requests: fc.tuple(
      ...Array.from({ length: count }, (_, request) =>
        fc.record({
          request: fc.constant(request),
          user: fc.constantFrom("ann", "bob", "cid"),
          arm: fc.nat(1),
          epoch: fc.integer({ min: 1, max: 2 }),
          ageSeconds: fc.integer({ min: 3_700, max: 7_000 }),
          logged: fc.constantFrom("counted" as const, "counted" as const, "excluded" as const),
          shown: fc.shuffledSubarray([0, 1, 2, 3]),
        }),
      ),
    ),
    labels: fc.array(
      fc.record({
        request: fc.nat(count - 1),
        label: fc.constantFrom("click" as const, "order" as const),
        row: fc.nat(3),
        delaySeconds: fc.constantFrom(0, 5, 1_800, 1_801, 3_600),
        cents: fc.constantFrom(0, 1, 1_999, 9_990, 12_345),
        hasId: fc.boolean(),
        position: fc.constantFrom(undefined, undefined, 1, 2, 4, 11),
        tellsShown: fc.boolean(),
      }),
      { maxLength: 25 },
    ),
  }),
);

function tokenFor({ request, user, arm, epoch, ageSeconds }: Request): string {
  return tokenOf(request, { user, arm, epoch, seconds: NOW_SECONDS - ageSeconds });
}

/** One value for each event, so that no repetition contradicts the first. */
function distinctLabels(labels: readonly Label[]): readonly Label[] {
  const seen = new Set<string>();
  return labels.filter((label) => {
    const name = `${label.request}/${label.label}/${label.row}/${label.hasId}`;
    if (seen.has(name)) return false;
    seen.add(name);
    return true;
  });
}

function feedbackOf(label: Label, { requests }: World): object {
  const request = requests[label.request];
  if (request === undefined) throw new Error("no such request");
  const at = new Date((NOW_SECONDS - request.ageSeconds + label.delaySeconds) * 1_000).toISOString();
  const id = label.hasId ? { id: `order-${label.request}-${label.row}` } : {};
  const pos = label.position === undefined ? {} : { pos: label.position };
  const event = { label: label.label, row: label.row, value: label.cents / 100, at, ...id, ...pos };
  const shown = label.tellsShown && request.shown.length > 0 ? { shown: request.shown } : {};
  return { token: tokenFor(request), events: [event], ...shown };
}

function inSteps(value: number): number {
  return Math.round(value * 2 ** 20) / 2 ** 20;
}

/** A request with all that was told of it. Of several places that were told of one row, the first counts. */
function settledOf({ shown }: Request, told: readonly Label[]) {
  const isTold = told.some(({ tellsShown }) => tellsShown);
  const places = told
    .flatMap(({ row, position }) => (position === undefined ? [] : [{ row, position }]))
    .toSorted((a, b) => a.position - b.position);
  return settledRequest(
    [...(isTold ? shown.map((row, index) => ({ row, position: index + 1 })) : []), ...places],
    // Of two rows that claim one place, the one with the lower number stands there.
    told
      .map(({ label, row, cents }) => ({ label, row, value: cents / 100 }))
      .toSorted((a, b) => a.row - b.row),
  );
}

/** The cells as they must be: sets and sums, nothing else. */
function modelOf({ requests, labels }: World): Record<string, number> {
  const cells: Record<string, number> = {};
  const add = (request: Request, name: string, value: number) => {
    const { userTag } = readToken(tokenBytes(tokenFor(request)) ?? Buffer.alloc(54));
    const key = `${request.epoch}/${request.arm}/${name}/${groupOf(userTag)}`;
    // Of all groups together.
    const at = name.endsWith("/unordered") ? `${request.epoch}/${request.arm}/${name}/0` : key;
    if (value !== 0) cells[at] = (cells[at] ?? 0) + value;
  };
  const counted = requests.filter(({ logged }) => logged === "counted");
  for (const request of counted) {
    add(request, "n", 1);
    for (const [level, longest] of [
      ["arrived", Number.POSITIVE_INFINITY],
      ["matured", 0],
    ] as const) {
      const of = (name: string, maturity: number) =>
        labels.filter(
          ({ request: of_, label, delaySeconds }) =>
            of_ === request.request && label === name && delaySeconds <= Math.max(longest, maturity),
        );
      const [clicks, orders] = [of("click", 1_800), of("order", 259_200)];
      add(request, `ctr/${level}`, clicks.some(({ cents }) => cents > 0) ? 1 : 0);
      add(request, `conversion/${level}`, orders.some(({ cents }) => cents > 0) ? 1 : 0);
      const revenue = orders.reduce((sum, { cents }) => sum + cents / 100, 0);
      add(request, `revenue/${level}`, inSteps(Math.min(revenue, 100)));
      const limit = Math.max(longest, 1_800);
      const told = labels.filter((label) => label.request === request.request && label.delaySeconds <= limit);
      const settled = settledOf(request, told);
      for (const metric of LISTS) {
        const outcome = metric.outcome?.(settled);
        add(request, `${metric.name}/${level}`, outcome === "Unordered" ? 0 : inSteps(outcome ?? Number.NaN));
        if (level === "arrived" && outcome === "Unordered") add(request, `${metric.name}/unordered`, 1);
      }
    }
  }
  return cells;
}

function cellsOf({ arms }: EvidenceAnswer): Record<string, number> {
  const cells: Record<string, number> = {};
  for (const { epoch, arm, n, metrics } of arms) {
    for (let group = 0; group < GROUPS; group++) {
      const set = (name: string, value = 0) => {
        if (value !== 0) cells[`${epoch}/${arm}/${name}/${group}`] = value;
      };
      set("n", n[group]);
      for (const [name, { arrived, matured, unordered }] of Object.entries(metrics)) {
        set(`${name}/arrived`, arrived?.[group]);
        set(`${name}/matured`, matured?.[group]);
        // Of all groups together.
        if (group === 0) set(`${name}/unordered`, unordered);
      }
    }
  }
  return cells;
}

type Step = { readonly batch: string } | { readonly feedback: readonly object[] };

test("any order, repetition and interleaving gives the same cells", async () => {
  await fc.assert(
    fc.asyncProperty(
      worlds,
      fc.integer({ min: 1, max: 4 }),
      fc.infiniteStream(fc.nat(1_000)),
      async (drawn, size, draws) => {
        const world = { ...drawn, labels: distinctLabels(drawn.labels) };
        const draw = (below: number) => (draws.next().value ?? 0) % below;
        const batches: Step[] = [];
        for (let from = 0; from < world.requests.length; from += size) {
          const lines = world.requests
            .slice(from, from + size)
            .map((request) => ({ token: tokenFor(request), excluded: request.logged === "excluded" }));
          batches.push({ batch: batchOf(batches.length + 1, lines) });
        }
        const feedback: Step[] = [];
        for (let from = 0; from < world.labels.length; from += size) {
          feedback.push({
            feedback: world.labels.slice(from, from + size).map((label) => feedbackOf(label, world)),
          });
        }
        const once = [...batches, ...feedback];
        const steps = [...once, ...once.filter(() => draw(2) === 0)];
        for (let index = steps.length - 1; index > 0; index--) {
          const other = draw(index + 1);
          const [a, b] = [steps[index], steps[other]];
          if (a !== undefined && b !== undefined) [steps[index], steps[other]] = [b, a];
        }
        await withCollector(
          async (collector) => {
            // Some wait for those before them, some are committed together.
            let waiting: Promise<unknown>[] = [];
            for (const step of steps) {
              waiting.push(
                "batch" in step
                  ? collector.impressions(step.batch)
                  : collector.feedback(JSON.stringify(step.feedback), true),
              );
              if (draw(2) === 0) {
                await Promise.all(waiting);
                waiting = [];
              }
            }
            await Promise.all(waiting);
            const evidence = await collector.evidence("ranker");
            expect(evidence.voided).toEqual([]);
            expect(cellsOf(evidence)).toEqual(modelOf(world));
          },
          { settings: SETTINGS },
        );
      },
    ),
    { numRuns: 40 },
  );
}, 240_000);

test("labels that come one by one add what they add together, to the last digit", async () => {
  const request: Request = {
    ...{ request: 0, user: "ann", arm: 0, epoch: 1, ageSeconds: 3_700, shown: [1, 0] },
    logged: "counted",
  };
  const labels = [0, 1, 2].map((row): Label => {
    const label = row === 2 ? "click" : "order";
    const more = { hasId: false, position: row + 1, tellsShown: row === 1 };
    return { request: 0, label, row, delaySeconds: 0, cents: 1, ...more };
  });
  const world: World = { requests: [request], labels };
  await withCollector(
    async (collector) => {
      await collector.impressions(batchOf(1, [{ token: tokenFor(request), excluded: false }]));
      for (const label of labels) {
        await collector.feedback(JSON.stringify([feedbackOf(label, world)]), true);
      }
      expect(cellsOf(await collector.evidence("ranker"))).toEqual(modelOf(world));
    },
    { settings: SETTINGS },
  );
});
