/**
 * What impressions and labels do to the evidence. The one place that joins the two.
 *
 * Impressions are counted into cells of (deployment, epoch, slot, arm, group) and not kept: a token says by itself where
 * its request belongs. Labels are kept with their request, and the request's contributions are replaced by what they
 * are now. So whatever comes first, comes twice or comes late, the cells are the same: an event is counted once, where
 * its impression was. What does not count (own traffic) is kept as a request too, and takes its labels out again.
 *
 * Every method runs inside a transaction of the caller, and {@link Ledger.finish} ends it.
 */
import { readTokenHead, TOKEN_HEAD_BYTES, type TokenHead } from "../token/prediction-token.ts";
import { absoluteSlot, slotOf } from "../token/slot.ts";
import { groupOf } from "../token/tags.ts";
import { CellChanges, type Joined, KnownCells, type Place, SUM, type Written } from "./cell-changes.ts";
import { asStored, type Collected, collectedFrom } from "./collected-metrics.ts";
import { EvidenceBlocks } from "./evidence-blocks.ts";
import { FirstSights } from "./first-sights.ts";
import { addEncoded, newVector } from "./group-vector.ts";
import type { ImpressionBatch } from "./impression-batch.ts";
import { addImpression } from "./impression-sums.ts";
import { KEPT_SERVED_SLOTS, keepServed } from "./kept-service.ts";
import {
  decodeRequest,
  encodeRequest,
  type LabelledRequest,
  REQUEST_KEY_BYTES,
  requestKey,
  secondsOfKey,
} from "./labelled-request.ts";
import { RequestOutcomes } from "./request-outcomes.ts";
import { hasBatch, type Incarnation, withBatch, withEnd } from "./router-log.ts";
import { ScoreCells } from "./score-cells.ts";
import type { Settings } from "./settings.ts";
import type { Store } from "./store.ts";
import { type EventOutcome, type RequestFeedback, type Told, withFeedback } from "./told-request.ts";

/** One request of the access log. */
export interface LoggedRequest {
  /** Its token, or the fixed part of it. */
  readonly token: Buffer;
  /** It does not count: own traffic, or an answer that nobody got. */
  readonly excluded: boolean;
}

/** What became of a batch. */
export interface BatchOutcome {
  readonly duplicate: boolean;
  readonly counted: number;
  readonly excluded: number;
  /** Of deployments that are not collected. */
  readonly foreign: number;
  /** Too old to be counted. */
  readonly old: number;
}

/** Bounds of what is kept. */
export interface Retention {
  /** Requests older than this are forgotten, and their labels expired. */
  readonly requestSeconds: number;
  /** Most requests that are kept; the oldest go first. */
  readonly maximumRequests: number;
  /** Cells older than this are forgotten. */
  readonly evidenceSeconds: number;
}

/** What housekeeping did. */
export interface Swept {
  /** Whether there is more to do at once. */
  readonly more: boolean;
  readonly orphans: readonly Joined[];
}

const REQUESTS = "requests";
const HORIZON = "horizon";
const OLDEST_SLOT = "oldest-slot";
/** Requests that one step of housekeeping looks at, so that no client waits long behind it. */
const STEP_REQUESTS = 1_000;
/** Minutes of cells that one step forgets of a deployment. */
const STEP_SLOTS = 20;

/** The evidence of one file. */
export class Ledger {
  /** Sums of its cells, for who reads them. */
  readonly blocks = new EvidenceBlocks();
  readonly #store: Store;
  #collected: Collected = new Map();
  #changes = new CellChanges();
  readonly #known = new KnownCells();
  #requests: number;
  #horizonSeconds: number;
  /** Requests of earlier slots are no longer counted. */
  #oldestSlot: number;
  readonly #incarnations: Map<string, Incarnation>;
  readonly #firstSights: FirstSights;
  readonly #scores: ScoreCells;

  constructor(store: Store) {
    this.#store = store;
    this.#firstSights = new FirstSights(store.sights);
    this.#scores = new ScoreCells(store.scores);
    this.#requests = store.number(REQUESTS);
    this.#horizonSeconds = store.number(HORIZON);
    this.#oldestSlot = store.number(OLDEST_SLOT);
    this.#incarnations = readIncarnations(store);
  }

  /** Requests that are kept. */
  get requests(): number {
    return this.#requests;
  }

  /** Tokens from before this second are expired: what was known of them is forgotten. */
  get horizonSeconds(): number {
    return this.#horizonSeconds;
  }

  /** What is collected. */
  get collected(): Collected {
    return this.#collected;
  }

  /** Takes what is collected from now on. */
  configure(settings: Settings): void {
    this.#collected = collectedFrom(settings, this.#store, this.#horizonSeconds, this.#requests > 0);
  }

  /** All incarnations of routers that are remembered, by name. */
  get incarnations(): ReadonlyMap<string, Incarnation> {
    return this.#incarnations;
  }

  /** Keeps the labels of one request, and tells of each what became of it. */
  addFeedback(feedback: RequestFeedback): readonly EventOutcome[] {
    const token = readTokenHead(feedback.token);
    const [key, place] = [requestKey(token), placeOf(token)];
    if (token.seconds < this.#horizonSeconds) return feedback.events.map(() => "expired");
    // Most requests are new. Nothing has to be read of those; an id of an event could not be taken back.
    if (feedback.events.every(({ idHash }) => idHash === undefined)) {
      const { after, outcomes, isNews } = this.#told(key, undefined, feedback);
      if (!isNews) return outcomes;
      if (this.#store.addRequest(key, encodeRequest(after))) {
        this.#requests++;
        this.#count(key, place, undefined, after);
        return outcomes;
      }
    }
    const before = this.#read(key);
    const { after, outcomes, isNews } = this.#told(key, before, feedback);
    if (isNews) this.#replace(key, place, before, after);
    return outcomes;
  }

  /** Counts a batch of the access log, unless it was counted before. */
  addBatch({ incarnation: name, head, requests, served }: ImpressionBatch, now: number): BatchOutcome {
    const known = this.#incarnations.get(name);
    const counts = { counted: 0, excluded: 0, foreign: 0, old: 0 };
    if (hasBatch(known, head.number)) {
      if (known !== undefined) this.#keepIncarnation(name, { ...known, heardAt: now });
      return { duplicate: true, ...counts };
    }
    for (const request of requests) {
      const token = readTokenHead(request.token);
      const place = placeOf(token);
      const deployment = this.#collected.get(token.deployment);
      if (deployment === undefined) {
        counts.foreign++;
      } else if (request.excluded) {
        counts.excluded++;
        this.#exclude(token, request.token);
      } else if (place.slot < this.#oldestSlot) {
        counts.old++;
      } else {
        counts.counted++;
        const isNewUser = this.#firstSights.isFirst(place, token.userTag);
        addImpression(this.#changes, place, token.armCheck, isNewUser);
        this.#scores.answered(deployment.scores, place, token, request.token);
      }
    }
    keepServed(this.#store.served, this.#collected, served, slotOf(now / 1_000));
    this.#keepIncarnation(name, withBatch(known, head, now));
    return { duplicate: false, ...counts };
  }

  /** Notes when an incarnation ended; false when it is not known. */
  endIncarnation(name: string, endedAt: number): boolean {
    const known = this.#incarnations.get(name);
    if (known === undefined) return false;
    this.#keepIncarnation(name, withEnd(known, endedAt));
    return true;
  }

  /** Forgets what is too old or too much, a step at a time, and goes on with sums that are not whole. */
  sweep(retention: Retention, nowSeconds: number): Swept {
    this.#oldestSlot = Math.max(this.#oldestSlot, slotOf(nowSeconds - retention.evidenceSeconds));
    const { more, orphans } = this.#forgetRequests(retention, nowSeconds);
    const isBuilding = this.#rebuild();
    const hasCells = this.#forgetCells();
    this.#forgetIncarnations();
    const hasSights = this.#firstSights.sweep((deployment) => this.#collected.has(deployment));
    const hasScores = this.#scores.forgetSome(this.#oldestSlot);
    const hasServed = this.#store.served.forgetSome(slotOf(nowSeconds) - KEPT_SERVED_SLOTS);
    return { more: more || isBuilding || hasCells || hasSights || hasScores || hasServed, orphans };
  }

  /** Writes what the transaction has changed, and tells what came of it. */
  finish(): Written {
    const changes = this.#changes;
    this.#changes = new CellChanges();
    this.#store.setNumber(REQUESTS, this.#requests);
    this.#store.setNumber(HORIZON, this.#horizonSeconds);
    this.#store.setNumber(OLDEST_SLOT, this.#oldestSlot);
    this.#firstSights.finish();
    this.#scores.finish();
    return changes.write(this.#store, this.#known, (change) => this.blocks.change(change));
  }

  /** Takes back what the transaction that failed has changed in memory. */
  abandon(): void {
    this.#changes = new CellChanges();
    this.#known.clear();
    this.blocks.clear();
    this.#firstSights.abandon();
    this.#scores.abandon();
    this.#requests = this.#store.number(REQUESTS);
    this.#horizonSeconds = this.#store.number(HORIZON);
    this.#oldestSlot = this.#store.number(OLDEST_SLOT);
    this.#collected = asStored(this.#collected, this.#store);
    this.#incarnations.clear();
    for (const [name, incarnation] of readIncarnations(this.#store))
      this.#incarnations.set(name, incarnation);
  }

  #read(key: Uint8Array): LabelledRequest | undefined {
    const body = this.#store.request(key);
    return body === undefined ? undefined : decodeRequest(body);
  }

  #told(key: Uint8Array, before: LabelledRequest | undefined, feedback: RequestFeedback): Told {
    return withFeedback(before, feedback, (idHash) => this.#store.addEventId(idHash, key));
  }

  #exclude(head: TokenHead, token: Buffer): void {
    const key = requestKey(head);
    if (head.seconds < this.#horizonSeconds) return;
    const before = this.#read(key);
    if (before?.excluded === true) return;
    const nothing = {
      token: token.subarray(0, TOKEN_HEAD_BYTES),
      final: false,
      shown: [],
      shownDelaySeconds: 0,
      events: [],
    };
    this.#replace(key, placeOf(head), before, { ...nothing, ...before, excluded: true });
  }

  #replace(key: Uint8Array, place: Place, before: LabelledRequest | undefined, after: LabelledRequest): void {
    if (before === undefined) this.#requests++;
    this.#store.putRequest(key, encodeRequest(after));
    this.#count(key, place, before, after);
  }

  /** Replaces in all sums what a request was by what it is. */
  #count(key: Uint8Array, place: Place, before: LabelledRequest | undefined, after: LabelledRequest): void {
    const [labelsBefore, labelsAfter] = [countedLabels(before), countedLabels(after)];
    this.#changes.add(place, SUM.labels, labelsAfter - labelsBefore);
    this.#changes.add(place, SUM.labelledRequests, Math.sign(labelsAfter) - Math.sign(labelsBefore));
    const [was, is] = [new RequestOutcomes(before), new RequestOutcomes(after)];
    const deployment = this.#collected.get(place.deployment);
    this.#scores.labelled(deployment?.scores ?? [], place, before, after);
    for (const sum of deployment?.sums ?? []) {
      const { id, rebuildFrom } = sum.stored;
      // The requests from there on will be counted when the sum comes to them.
      if (rebuildFrom !== undefined && Buffer.compare(key, rebuildFrom) >= 0) continue;
      this.#changes.add(place, id, is.of(sum) - was.of(sum));
    }
  }

  #forgetRequests({ requestSeconds, maximumRequests }: Retention, nowSeconds: number): Swept {
    this.#horizonSeconds = Math.max(this.#horizonSeconds, Math.floor(nowSeconds - requestSeconds), 0);
    const requests = this.#store.requestsFrom(new Uint8Array(REQUEST_KEY_BYTES), STEP_REQUESTS);
    const orphans: Joined[] = [];
    for (const { key, body } of requests) {
      const seconds = secondsOfKey(key);
      if (seconds >= this.#horizonSeconds) {
        if (this.#requests <= maximumRequests) return { more: false, orphans };
        // A token of that second could be taken for new once its request is forgotten.
        this.#horizonSeconds = seconds + 1;
      }
      const request = decodeRequest(body);
      const place = placeOf(readTokenHead(request.token));
      const labels = countedLabels(request);
      if (labels > 0 && !this.#hasImpressions(place)) orphans.push({ deployment: place.deployment, labels });
      for (const { idHash } of request.events) {
        if (idHash !== undefined) this.#store.deleteEventId(idHash);
      }
      this.#store.deleteRequest(key);
      this.#requests--;
    }
    return { more: requests.length === STEP_REQUESTS, orphans };
  }

  #hasImpressions(place: Place): boolean {
    const bytes = this.#store.cell({ ...place, sum: SUM.impressions });
    const vector = newVector();
    if (bytes !== undefined) addEncoded(vector, bytes);
    return (vector[place.group] ?? 0) > 0;
  }

  /** Brings the sums that are furthest behind a step on. */
  #rebuild(): boolean {
    for (const [tag, { sums }] of this.#collected) {
      const from = sums.flatMap(({ stored }) => stored.rebuildFrom ?? []).toSorted(Buffer.compare)[0];
      if (from === undefined) continue;
      const behind = sums.filter(
        ({ stored }) => stored.rebuildFrom !== undefined && Buffer.compare(stored.rebuildFrom, from) === 0,
      );
      const requests = this.#store.requestsFrom(from, STEP_REQUESTS);
      for (const { body } of requests) {
        const request = decodeRequest(body);
        const place = placeOf(readTokenHead(request.token));
        if (place.deployment !== tag) continue;
        const outcomes = new RequestOutcomes(request);
        for (const sum of behind) this.#changes.add(place, sum.stored.id, outcomes.of(sum), false);
      }
      const last = requests.length < STEP_REQUESTS ? undefined : requests.at(-1)?.key;
      // The key after it: one byte more.
      const next = last === undefined ? null : Buffer.concat([last, Uint8Array.of(0)]);
      for (const { stored } of behind) this.#store.setRebuildFrom(stored.id, next);
      this.#collected = asStored(this.#collected, this.#store);
      return true;
    }
    return false;
  }

  #forgetCells(): boolean {
    let more = false;
    for (const deployment of this.#store.deploymentsWithCells()) {
      for (let step = 0; step < STEP_SLOTS; step++) {
        const slot = this.#store.oldestSlot(deployment);
        if (slot === undefined || slot >= this.#oldestSlot) break;
        this.#store.deleteSlot(deployment, slot);
        this.#known.clear();
        this.blocks.forget(deployment, slot);
        if (step === STEP_SLOTS - 1) more = true;
      }
    }
    return more;
  }

  #forgetIncarnations(): void {
    for (const [name, { runs, startedAt, endedAt, heardAt }] of this.#incarnations) {
      const last = runs.reduce((latest, { to }) => Math.max(latest, to), endedAt ?? startedAt);
      if (slotOf(Math.max(last, heardAt) / 1_000) < this.#oldestSlot) {
        this.#incarnations.delete(name);
        this.#store.deleteIncarnation(name);
      }
    }
  }

  #keepIncarnation(name: string, incarnation: Incarnation): void {
    this.#incarnations.set(name, incarnation);
    this.#store.putIncarnation(name, JSON.stringify(incarnation));
  }
}

/** Where a request is counted: all of it stands in its token. */
export function placeOf(token: TokenHead): Place {
  const { deployment, epoch, arm, slot, seconds } = token;
  return { deployment, epoch, arm, slot: absoluteSlot(slot, seconds), group: groupOf(token.userTag) };
}

function countedLabels(request: LabelledRequest | undefined): number {
  return request === undefined || request.excluded ? 0 : request.events.length;
}

function readIncarnations(store: Store): Map<string, Incarnation> {
  return new Map([...store.incarnations()].map(([name, state]) => [name, JSON.parse(state)]));
}
