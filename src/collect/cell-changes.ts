/**
 * What one transaction adds to the cells, gathered first, so that each cell is read and written once however many
 * labels fall into it.
 */
import { addEncoded, addVector, encodeVector, exact, type GroupVector, newVector } from "./group-vector.ts";
import type { CellKey, Store } from "./store.ts";

/** Sums that every cell has, whatever the metrics. */
export const SUM = {
  /** Impressions: answers that were delivered. */
  impressions: 0,
  /** Requests with at least one label. */
  labelledRequests: 1,
  /** Labels. */
  labels: 2,
  /** Answers of which is told whether their arm was computed again. */
  toldArms: 3,
  /** Answers whose arm was. */
  checkedArms: 4,
  /** Of these, those that were in another one. */
  wrongArms: 5,
  /** Users that were seen for the first time in the epoch. */
  newUsers: 6,
} as const;

/** Sums that are not by group of users: all of each stands in the first one, which takes less room. */
export const TOTALS: ReadonlySet<number> = new Set([
  SUM.toldArms,
  SUM.checkedArms,
  SUM.wrongArms,
  SUM.newUsers,
]);

/** Where a request is counted. */
export interface Place {
  readonly deployment: number;
  readonly slot: number;
  readonly epoch: number;
  readonly arm: number;
  readonly group: number;
}

interface Change extends CellKey {
  readonly added: GroupVector;
  /** Of that, over all groups, what is news, and not made anew from what was known. */
  news: number;
}

/** The labels of one deployment that found their impressions in this transaction. */
export interface Joined {
  readonly deployment: number;
  readonly labels: number;
}

/** What came to a sum of one arm, over all groups. */
export interface News {
  readonly deployment: number;
  readonly arm: number;
  readonly sum: number;
  readonly value: number;
}

/** What a transaction did to the cells of one arm in one slot of one epoch. */
export interface ArmChange extends Omit<CellKey, "sum"> {
  /** What was added to each sum, by its number. */
  readonly added: ReadonlyMap<number, GroupVector>;
  /** Impressions after it. */
  readonly impressions: GroupVector;
  /** Requests with labels after it, where these changed. */
  readonly labelledRequests: GroupVector | undefined;
}

/** What a transaction did to the cells. */
export interface Written {
  readonly joined: readonly Joined[];
  readonly news: readonly News[];
}

/** Changes of cells that are not stored yet. */
export class CellChanges {
  /** By arm and time, then by sum. */
  readonly #changes = new Map<string, Map<number, Change>>();

  /** Adds to the sum of one group; `isNews` is false for what is made anew from what is kept. */
  add(place: Place, sum: number, value: number, isNews = true): void {
    if (value === 0) return;
    const { deployment, slot, epoch, arm } = place;
    const name = `${slot}/${arm}/${epoch}/${deployment}`;
    let cell = this.#changes.get(name);
    if (cell === undefined) {
      cell = new Map();
      this.#changes.set(name, cell);
    }
    let change = cell.get(sum);
    if (change === undefined) {
      change = { deployment, slot, epoch, arm, sum, added: newVector(), news: 0 };
      cell.set(sum, change);
    }
    change.added[place.group] = (change.added[place.group] ?? 0) + exact(value);
    if (isNews) change.news += exact(value);
  }

  /** Adds to one of {@link TOTALS}. */
  addTotal(place: Place, total: number, value: number): void {
    this.add({ ...place, group: 0 }, total, value);
  }

  /** Writes all of it, and tells what came of it. `known` must hold what is stored; `changed` is told of each arm. */
  write(store: Store, known: KnownCells, changed: (change: ArmChange) => void): Written {
    const joined: Joined[] = [];
    const news: News[] = [];
    for (const [name, cell] of this.#changes) {
      const [key] = cell.values();
      if (key === undefined) continue;
      const { deployment, slot, epoch, arm } = key;
      // Each once: a vector that was read twice would be added to once.
      const vectors = new Map<number, GroupVector>();
      const vectorOf = (sum: number): GroupVector => {
        const vector = vectors.get(sum) ?? known.vector(store, name, { ...key, sum });
        vectors.set(sum, vector);
        return vector;
      };
      const [impressions, labels] = [vectorOf(SUM.impressions), vectorOf(SUM.labels)];
      const before = labelsWithImpressions(labels, impressions);
      for (const change of cell.values()) {
        const vector = vectorOf(change.sum);
        addVector(vector, change.added);
        store.putCell(change, encodeVector(vector));
        if (change.news !== 0) news.push({ deployment, arm, sum: change.sum, value: change.news });
      }
      const found = labelsWithImpressions(labels, impressions) - before;
      if (found !== 0) joined.push({ deployment, labels: found });
      const added = new Map([...cell].map(([sum, change]) => [sum, change.added]));
      const labelledRequests = vectors.get(SUM.labelledRequests);
      changed({ deployment, slot, epoch, arm, added, impressions, labelledRequests });
    }
    return { joined, news };
  }
}

/** Cells that are kept in memory, 1 KiB each. */
const MAXIMUM_KNOWN = 20_000;

/**
 * Cells as they are stored, those that were changed last. Labels fall into few cells, again and again: reading each
 * anew would cost more than the labels themselves. After a transaction that failed all of them must be forgotten.
 */
export class KnownCells {
  readonly #vectors = new Map<string, GroupVector>();

  /** The numbers of a cell; what is changed in them must be stored. */
  vector(store: Store, name: string, key: CellKey): GroupVector {
    const place = `${name}/${key.sum}`;
    const known = this.#vectors.get(place);
    if (known !== undefined) return known;
    const vector = newVector();
    const bytes = store.cell(key);
    if (bytes !== undefined) addEncoded(vector, bytes);
    // All at once: what is in use comes back with the next label.
    if (this.#vectors.size >= MAXIMUM_KNOWN) this.#vectors.clear();
    this.#vectors.set(place, vector);
    return vector;
  }

  /** Forgets all. */
  clear(): void {
    this.#vectors.clear();
  }
}

/** Labels in groups that have impressions. */
function labelsWithImpressions(labels: GroupVector, impressions: GroupVector): number {
  return labels.reduce((sum, count, group) => ((impressions[group] ?? 0) > 0 ? sum + count : sum), 0);
}
