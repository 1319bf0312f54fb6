/**
 * Whatever happens between two looks, the sums that are kept in memory answer what the file says, to the last digit:
 * labels that come late, twice or without their impressions, pieces of the log that are lost, late or come again, routers
 * that fall silent, clocks that jump, commits that fail, settings that change, restarts, and what is forgotten.
 */
import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { ARM_CHECK } from "../token/prediction-token.ts";
import { slotOf } from "../token/slot.ts";
import type { Collector } from "./collector.ts";
import { EVIDENCE_PARTS, type EvidencePart } from "./evidence.ts";
import { BLOCK_SLOTS } from "./evidence-blocks.ts";
import { Ledger } from "./ledger.ts";
import { countedThrough, voidedSlots } from "./router-log.ts";
import { parseSettings } from "./settings.ts";
import { Store } from "./store.ts";
import {
  batchOf,
  LISTS_TEXT,
  NOW_SECONDS,
  openCollector,
  SETTINGS_TEXT,
  tokenOf,
} from "./testdata/collecting.ts";
import { evidenceBySlots } from "./testdata/evidence-by-slots.ts";

const MINUTE = 60_000;
/** Requests are of so many minutes before the start: some blocks. */
const SPAN_MINUTES = 5 * BLOCK_SLOTS;
const REQUESTS = 60;
const OTHER_SETTINGS_TEXT = SETTINGS_TEXT.replace('"30m"', '"90m"').replace('"cap":100', '"cap":20');
const SETTINGS = [LISTS_TEXT, OTHER_SETTINGS_TEXT].map((text) => parseSettings(text));

const HEADS = [0, 1].map((router) => ({
  router: `router-${router}`,
  incarnation: `router-${router}/1`,
  startedAt: (NOW_SECONDS - SPAN_MINUTES * 60) * 1_000,
}));

/** One of few, so that what is drawn again is the same one. Two of each arm of a slot are of one user. */
function tokenOfRequest(request: number): string {
  return tokenOf(request, {
    user: `user-${(request >> 1) % 3}`,
    arm: (request >> 1) % 2,
    epoch: 1 + ((request >> 3) % 3),
    armCheck: [ARM_CHECK.untold, ARM_CHECK.unchecked, ARM_CHECK.right, ARM_CHECK.wrong][request % 4] ?? 0,
    seconds: NOW_SECONDS - Math.floor(((request >> 2) * SPAN_MINUTES * 60) / (REQUESTS >> 2)),
  });
}

type Draw = (below: number) => number;

/** A collector with all that may happen to it. */
class World {
  readonly #store = new Store(":memory:");
  readonly #draw: Draw;
  #nowMilliseconds = NOW_SECONDS * 1_000;
  #settings = 0;
  #collector: Collector;
  #sweeps = new Set<() => void>();
  readonly #numbers = [0, 0];
  readonly #batches: string[] = [];
  readonly #logged: number[] = [];
  /** The commit of this one fails, once its work is done. */
  #fails = false;

  constructor(draw: Draw) {
    this.#draw = draw;
    const transaction = this.#store.transaction.bind(this.#store);
    this.#store.transaction = (work) =>
      transaction(() => {
        const result = work();
        if (!this.#fails) return result;
        this.#fails = false;
        throw new Error("the disk is full");
      });
    this.#collector = this.#open();
  }

  /** Two thirds of the requests are logged, up to now. */
  async begins(): Promise<void> {
    this.#numbers[0] = 1;
    this.#logged.push(...Array.from({ length: (REQUESTS / 3) * 2 }, (_, request) => request));
    const lines = this.#logged.map((request) => ({ token: tokenOfRequest(request) }));
    await this.#collector.impressions(batchOf(1, lines, HEADS[0]));
  }

  /** The access log of a router, of requests that are told for the first or second time. */
  async batch({ isLost = false, isExcluded = false } = {}): Promise<void> {
    const router = this.#draw(2);
    const number = (this.#numbers[router] ?? 0) + 1;
    this.#numbers[router] = number;
    const lines = Array.from({ length: 1 + this.#draw(12) }, () => {
      const request = this.#draw(REQUESTS);
      if (!isExcluded) this.#logged.push(request);
      return { token: tokenOfRequest(request), ...(isExcluded ? { excluded: true } : {}) };
    });
    const closedAt = this.#nowMilliseconds;
    const gapFrom = closedAt - this.#draw(SPAN_MINUTES) * MINUTE;
    const gapTo = Math.min(closedAt, gapFrom + this.#draw(BLOCK_SLOTS) * MINUTE);
    const text = batchOf(number, lines, {
      ...HEADS[router],
      closedAt,
      to: closedAt - (this.#draw(3) === 0 ? this.#draw(SPAN_MINUTES) * MINUTE : 1_000),
      ...(this.#draw(5) === 0 ? { gaps: [{ from: gapFrom, to: gapTo }] } : {}),
      final: this.#draw(20) === 0,
    });
    this.#batches.push(text);
    if (!isLost) await this.#collector.impressions(text);
  }

  /** A piece of the log that was lost comes late, or one comes again. */
  async again(): Promise<void> {
    const text = this.#batches[this.#draw(Math.max(1, this.#batches.length))];
    if (text !== undefined) await this.#collector.impressions(text);
  }

  /** Labels of requests that were logged mostly. */
  async labels(): Promise<void> {
    const objects = Array.from({ length: 1 + this.#draw(6) }, () => ({
      token: tokenOfRequest(this.#labelled()),
      events: [
        {
          label: this.#draw(2) === 0 ? "click" : "order",
          row: this.#draw(2),
          value: [0, 1, 0.1, 19.99, 250][this.#draw(5)],
          ...(this.#draw(3) === 0 ? { id: `order-${this.#draw(5)}` } : {}),
          ...(this.#draw(3) === 0 ? { pos: 1 + this.#draw(3) } : {}),
        },
      ],
      ...(this.#draw(3) === 0 ? { shown: [1, 0] } : {}),
    }));
    await this.#collector.feedback(JSON.stringify(objects), true);
  }

  /** Work whose commit fails. */
  async failing(): Promise<void> {
    this.#fails = true;
    const work = this.#draw(2) === 0 ? this.labels() : this.batch();
    await work.catch((error: unknown) => expect(String(error)).toContain("expected the disk to take it"));
    // Labels that are too old are not stored at all.
    this.#fails = false;
  }

  /** Time goes on, or a clock is set back. */
  passes(): void {
    this.#nowMilliseconds += ([1, 2, 20, 90, -7][this.#draw(5)] ?? 0) * MINUTE;
  }

  async ends(): Promise<void> {
    const end = { incarnation: `router-${this.#draw(2)}/1`, endedAt: this.#nowMilliseconds };
    await this.#collector.end(JSON.stringify(end)).catch((error: unknown) => {
      expect(String(error)).toContain("expected an incarnation that has reported here");
    });
  }

  async configures(): Promise<void> {
    this.#settings = 1 - this.#settings;
    await this.#collector.configure(this.#now.settings);
  }

  /** A step of housekeeping. */
  async sweeps(): Promise<void> {
    const sweeps = [...this.#sweeps];
    this.#sweeps.clear();
    for (const sweep of sweeps) sweep();
    await this.#collector.configure(this.#now.settings);
  }

  /** Another process opens what the one before has stored. */
  restarts(): void {
    this.#sweeps.clear();
    this.#collector = this.#open();
  }

  /** Asks anything, of the whole time and of a part of it. */
  async looks(): Promise<void> {
    const last = slotOf(this.#nowMilliseconds / 1_000);
    const from = last - SPAN_MINUTES - this.#draw(BLOCK_SLOTS);
    const some = <One>(all: readonly One[]) => all.filter(() => this.#draw(2) === 0);
    const parts: readonly EvidencePart[] = this.#draw(2) === 0 ? EVIDENCE_PARTS : some(EVIDENCE_PARTS);
    const epochs =
      [
        [],
        [{ first: 1, last: 2 }],
        [
          { first: 1, last: 1 },
          { first: 2, last: 3 },
        ],
      ][this.#draw(3)] ?? [];
    await this.#look({ from, to: undefined, metrics: [], parts, epochs });
    const at = from + this.#draw(SPAN_MINUTES);
    await this.#look({
      ...{ from: at, to: at + this.#draw(SPAN_MINUTES) },
      ...{ metrics: some(["ctr", "conversion", "revenue", "ndcg", "dcg"]), parts, epochs },
    });
  }

  close(): void {
    this.#store.close();
  }

  async #look(wish: {
    readonly from: number;
    readonly to: number | undefined;
    readonly metrics: readonly string[];
    readonly parts: readonly EvidencePart[];
    readonly epochs: readonly { readonly first: number; readonly last: number }[];
  }): Promise<void> {
    const { to, ...others } = wish;
    const { range, voided, arms } = await this.#collector.evidence("ranker", {
      ...others,
      ...(to === undefined ? {} : { to }),
    });
    const ledger = new Ledger(this.#store);
    ledger.configure(this.#now.settings);
    const [deployment] = ledger.collected.values();
    if (deployment === undefined) throw new Error("expected a deployment");
    const incarnations = [...ledger.incarnations.values()];
    const counted = countedThrough(incarnations, this.#nowMilliseconds) ?? -1;
    const metrics = deployment.metrics.filter(
      ({ definition }) => wish.metrics.length === 0 || wish.metrics.includes(definition.name),
    );
    const question = {
      deployment: { ...deployment, metrics },
      range: { first: wish.from, last: to ?? Math.max(counted, 0) },
      epochs: wish.epochs,
      parts: new Set(wish.parts.length === 0 ? EVIDENCE_PARTS : wish.parts),
    };
    expect(range).toEqual(question.range);
    const doubtful = voidedSlots(incarnations, this.#nowMilliseconds);
    expect({ voided, arms }).toEqual(evidenceBySlots(this.#store, question, doubtful, counted));
  }

  get #now() {
    return { settings: SETTINGS[this.#settings] ?? parseSettings(SETTINGS_TEXT) };
  }

  #labelled(): number {
    const any = this.#draw(REQUESTS);
    return this.#draw(10) === 0 ? any : (this.#logged[any % this.#logged.length] ?? any);
  }

  #open(): Collector {
    return openCollector(
      ":memory:",
      {
        store: this.#store,
        settings: this.#now.settings,
        clock: {
          now: () => this.#nowMilliseconds,
          monotonic: () => 0,
          schedule: (_, callback) => {
            this.#sweeps.add(callback);
            return () => this.#sweeps.delete(callback);
          },
        },
        retention: { requestSeconds: 5_400, maximumRequests: 40, evidenceSeconds: 7_200 },
      },
      () => this.#nowMilliseconds,
    );
  }
}

/** What happens, the more often it stands here the oftener. */
const HAPPENINGS: readonly ((world: World) => Promise<void> | void)[] = [
  ...Array.from({ length: 5 }, () => (world: World) => world.batch()),
  ...Array.from({ length: 6 }, () => (world: World) => world.labels()),
  (world) => world.batch({ isLost: true }),
  ...Array.from({ length: 2 }, () => (world: World) => world.batch({ isExcluded: true })),
  (world) => world.again(),
  (world) => world.failing(),
  (world) => world.passes(),
  (world) => world.ends(),
  (world) => world.configures(),
  (world) => world.sweeps(),
  (world) => world.restarts(),
  ...Array.from({ length: 4 }, () => (world: World) => world.looks()),
];

test("what is kept in memory answers what the file says", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.nat(HAPPENINGS.length - 1), { minLength: 5, maxLength: 60 }),
      fc.boolean(),
      fc.infiniteStream(fc.nat(1_000_000)),
      async (happenings, hasBegun, draws) => {
        const world = new World((below) => (draws.next().value ?? 0) % below);
        try {
          if (hasBegun) await world.begins();
          for (const happening of happenings) await HAPPENINGS[happening]?.(world);
          await world.looks();
        } finally {
          world.close();
        }
      },
    ),
    { numRuns: 40 },
  );
}, 240_000);
