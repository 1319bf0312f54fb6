/**
 * What the cells of scores add up to, by arm and by the revision that made the scores, without the half hours that are left
 * out: those in which a piece of the access log may be missing, a group has more requests with labels than requests, or the
 * log has lost scores. A half hour is left out of all arms alike.
 */
import { SUM } from "./cell-changes.ts";
import type { CollectedScores } from "./collected-metrics.ts";
import { rangesWithin, type SlotRange } from "./router-log.ts";
import { isCut, newScoreVector, requestsIn } from "./score-metric.ts";
import type { ScoreCell } from "./score-table.ts";
import { readSlotSums } from "./slot-sums.ts";
import { addSparse } from "./sparse-vector.ts";
import type { Store } from "./store.ts";

/** One metric over the scores of one revision in one arm. */
export interface RevisionScores {
  readonly arm: number;
  /** Tag of the revision that made the scores. */
  readonly revision: number;
  /** The newest epoch in which it did. */
  epoch: number;
  /** Answers in that epoch. */
  requests: number;
  readonly vector: Float64Array;
}

/** From where a half hour is read. */
export interface ScoreSource {
  readonly store: Store;
  /** Tag of the deployment. */
  readonly deployment: number;
  /** Slots of which a piece may be missing. */
  readonly doubtful: readonly SlotRange[];
  /** The last slot in which all impressions are known. */
  readonly counted: number;
}

/** The cells of one metric's sums in a half hour; undefined where it is left out. */
function cellsOf(
  { store, deployment, doubtful, counted }: ScoreSource,
  block: SlotRange,
  sum: number,
): readonly ScoreCell[] | undefined {
  if (rangesWithin(doubtful, block).length > 0) return undefined;
  const cells = store.scores.cells(deployment, block.first, sum);
  if (cells.length === 0) return cells;
  const sums = new Set<number>([SUM.impressions, SUM.labelledRequests]);
  const { impossible } = readSlotSums(store, { deployment, range: block, sums, doubtful: [], counted });
  return impossible.size > 0 ? undefined : cells;
}

/** One metric, added up a half hour at a time. */
export class ScoreSums {
  readonly #scores: CollectedScores;
  readonly #byRevision = new Map<string, RevisionScores>();
  #leftOut = 0;

  constructor(scores: CollectedScores) {
    this.#scores = scores;
  }

  /** Half hours that were left out. */
  get leftOut(): number {
    return this.#leftOut;
  }

  /** By arm, then by revision. */
  get revisions(): readonly RevisionScores[] {
    return [...this.#byRevision.values()].toSorted((a, b) => a.arm - b.arm || a.revision - b.revision);
  }

  /** Adds a half hour, or leaves it out. */
  add(source: ScoreSource, block: SlotRange): void {
    const { stored, scores } = this.#scores;
    const cells = cellsOf(source, block, stored.id);
    const vectors = (cells ?? []).map((cell) => {
      const vector = newScoreVector(scores);
      addSparse(vector, cell.vector);
      return { cell, vector };
    });
    if (cells === undefined || vectors.some(({ vector }) => isCut(vector, scores))) {
      this.#leftOut++;
      return;
    }
    for (const { cell, vector } of vectors) this.#addCell(cell, vector);
  }

  /** For each arm the revision that it is of: the one that made most scores of the arm's newest epoch. */
  current(): readonly RevisionScores[] {
    const byArm = new Map<number, RevisionScores>();
    for (const one of this.#byRevision.values()) {
      const other = byArm.get(one.arm);
      if (
        other === undefined ||
        one.epoch > other.epoch ||
        (one.epoch === other.epoch && one.requests > other.requests)
      ) {
        byArm.set(one.arm, one);
      }
    }
    return [...byArm.values()];
  }

  #addCell({ arm, revision, epoch }: ScoreCell, vector: Float64Array): void {
    const { scores } = this.#scores;
    const name = `${arm}/${revision}`;
    const into = this.#byRevision.get(name) ?? {
      ...{ arm, revision, epoch, requests: 0 },
      vector: newScoreVector(scores),
    };
    this.#byRevision.set(name, into);
    if (epoch > into.epoch) [into.epoch, into.requests] = [epoch, 0];
    if (epoch === into.epoch) into.requests += requestsIn(vector, scores);
    for (let index = 0; index < vector.length; index++) {
      into.vector[index] = (into.vector[index] ?? 0) + (vector[index] ?? 0);
    }
  }
}
