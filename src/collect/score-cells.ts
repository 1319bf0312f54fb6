/**
 * The sums of metrics of scores, in cells of half hours: a curve of 500 bins takes as much room for half an hour as three
 * metrics of labels take for four minutes.
 *
 * They are not by group of users, for no two arms are compared by them. What of a half hour may be missing is missing from
 * all of it. Every method runs inside a transaction of the caller; {@link ScoreCells.finish} ends it.
 */
import { readTokenHead, type TokenHead } from "../token/prediction-token.ts";
import type { Place } from "./cell-changes.ts";
import type { CollectedScores } from "./collected-metrics.ts";
import { blockOf } from "./evidence-blocks.ts";
import type { LabelledRequest } from "./labelled-request.ts";
import {
  addAnswer,
  addPositive,
  loggedCodes,
  newScoreVector,
  positiveRows,
  tellsScores,
} from "./score-metric.ts";
import type { ScoreCellKey, ScoreTable } from "./score-table.ts";
import { addSparse, encodeSparse } from "./sparse-vector.ts";

/** Cells that are kept in memory, of at most 8 KiB each. */
const MAXIMUM_KNOWN = 1_000;
/** Cells that one step of housekeeping forgets. */
const STEP_CELLS = 100;

interface Change {
  readonly key: ScoreCellKey;
  readonly added: Float64Array;
}

/** Codes of rows that have got a label, or have it no more. */
type CodeChanges = readonly { readonly code: number; readonly sign: 1 | -1 }[];

function codeChanges(
  was: ReadonlyMap<number, number> | undefined,
  is: ReadonlyMap<number, number>,
): CodeChanges {
  const got = [...is].filter(([row]) => was?.has(row) !== true);
  const lost = [...(was ?? [])].filter(([row]) => !is.has(row));
  return [
    ...got.map(([, code]) => ({ code, sign: 1 as const })),
    ...lost.map(([, code]) => ({ code, sign: -1 as const })),
  ];
}

/** The cells of one file. */
export class ScoreCells {
  readonly #table: ScoreTable;
  /** As they are stored, those that were changed last. */
  readonly #known = new Map<string, Float64Array>();
  #changes = new Map<string, Change>();
  /** Nothing is left of half hours before this slot. */
  #forgottenBefore = Number.NEGATIVE_INFINITY;

  constructor(table: ScoreTable) {
    this.#table = table;
  }

  /** Counts an answer of the log; `token` is whole, or what the log has of it. */
  answered(all: readonly CollectedScores[], place: Place, head: TokenHead, token: Buffer): void {
    if (all.length === 0 || !tellsScores(token)) return;
    const codes = loggedCodes(token, head.rows);
    for (const one of all) {
      if (place.slot >= one.stored.firstSlot) addAnswer(this.#change(one, place, head), one.scores, codes);
    }
  }

  /** Replaces what the labels of a request were by what they are. */
  labelled(
    all: readonly CollectedScores[],
    place: Place,
    before: LabelledRequest | undefined,
    after: LabelledRequest,
  ): void {
    if (all.length === 0) return;
    const head = readTokenHead(after.token);
    // Most metrics of a deployment are of one label.
    const byLabel = new Map<string, CodeChanges>();
    for (const one of all) {
      if (place.slot < one.stored.firstSlot) continue;
      const { labelId, maturesSeconds } = one;
      const name = `${labelId}/${maturesSeconds}`;
      const rowsOf = (request: LabelledRequest) => positiveRows(request, head.rows, labelId, maturesSeconds);
      const changes = byLabel.get(name) ?? codeChanges(before && rowsOf(before), rowsOf(after));
      byLabel.set(name, changes);
      for (const { code, sign } of changes) {
        addPositive(this.#change(one, place, head), one.scores, code, sign);
      }
    }
  }

  /** Forgets some cells that are older than a slot; tells whether there may be more. */
  forgetSome(slot: number): boolean {
    const { first } = blockOf(slot);
    if (first <= this.#forgottenBefore) return false;
    for (const deployment of this.#table.deployments()) {
      const forgotten = this.#table.forgetSome(deployment, first, STEP_CELLS);
      if (forgotten > 0) this.#known.clear();
      if (forgotten === STEP_CELLS) return true;
    }
    this.#forgottenBefore = first;
    return false;
  }

  /** Writes what has changed. */
  finish(): void {
    for (const [name, { key, added }] of this.#changes) {
      const vector = this.#vector(name, key, added.length);
      for (let index = 0; index < added.length; index++)
        vector[index] = (vector[index] ?? 0) + (added[index] ?? 0);
      this.#table.putCell(key, encodeSparse(vector));
    }
    this.#changes.clear();
  }

  /** Takes back what the transaction that failed has changed in memory. */
  abandon(): void {
    this.#changes = new Map();
    this.#known.clear();
    this.#forgottenBefore = Number.NEGATIVE_INFINITY;
  }

  #change({ stored, scores }: CollectedScores, place: Place, { revision }: TokenHead): Float64Array {
    const { deployment, epoch, arm } = place;
    const slot = blockOf(place.slot).first;
    const name = `${stored.id}/${slot}/${arm}/${epoch}/${revision}`;
    const known = this.#changes.get(name);
    if (known !== undefined) return known.added;
    const added = newScoreVector(scores);
    this.#changes.set(name, { key: { deployment, slot, epoch, arm, revision, sum: stored.id }, added });
    return added;
  }

  #vector(name: string, key: ScoreCellKey, length: number): Float64Array {
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const vector = new Float64Array(length);
    const bytes = this.#table.cell(key);
    if (bytes !== undefined) addSparse(vector, bytes);
    if (this.#known.size >= MAXIMUM_KNOWN) this.#known.clear();
    this.#known.set(name, vector);
    return vector;
  }
}
