/**
 * Where the rows with a label stood: what all ranking metrics look at.
 *
 * Only rows with a label are kept: the others matter through the places they take. In the displayed order the place is
 * the position that the client reported, so that a list of which only the clicked row is known still counts.
 */
import { valueByRow } from "./label-values.ts";
import type { RowOrder } from "./metric.ts";
import type { SettledRequest, ShownRow } from "./settled-request.ts";

/** A row with the label. */
export interface RankedHit {
  /** Its place, from 1; infinite when it is behind all places that are known. */
  readonly rank: number;
  /** The label's value, above 0. */
  readonly gain: number;
}

/**
 * The rows with the label, by rank, the first first. Rows of one score stand as the model answered them; of two that
 * claim one place, one is taken to be behind the other. `undefined` when there are such rows and the rank of none of the
 * request's rows is known.
 */
export function rankedHits(
  request: SettledRequest,
  label: string,
  order: RowOrder,
  higherIsBetter: boolean,
): readonly RankedHit[] | undefined {
  const gains = new Map([...valueByRow(request, label)].filter(([, gain]) => gain > 0));
  if (gains.size === 0) return [];
  const ranks =
    order === "Displayed" ? displayedRanks(request.rows) : modelRanks(request.rows, higherIsBetter);
  if (ranks.size === 0) return undefined;
  const hits = [...gains]
    .map(([row, gain]) => ({ rank: ranks.get(row) ?? Number.POSITIVE_INFINITY, gain }))
    .sort((a, b) => (a.rank < b.rank ? -1 : a.rank > b.rank ? 1 : 0));
  let last = 0;
  return hits.map(({ rank, gain }) => {
    last = Math.max(rank, last + 1);
    return { rank: last, gain };
  });
}

function displayedRanks(rows: readonly ShownRow[]): ReadonlyMap<number, number> {
  return new Map(rows.flatMap(({ row, position }) => (position === undefined ? [] : [[row, position]])));
}

function modelRanks(rows: readonly ShownRow[], higherIsBetter: boolean): ReadonlyMap<number, number> {
  const given = rows.flatMap(({ row, rank }): [number, number][] =>
    rank === undefined ? [] : [[row, rank]],
  );
  if (given.length > 0) return new Map(given);
  const scored = rows.flatMap(({ row, score }) => (score === undefined ? [] : [{ row, score }]));
  scored.sort((a, b) => (higherIsBetter ? b.score - a.score : a.score - b.score) || a.row - b.row);
  return new Map(scored.map(({ row }, index) => [row, index + 1]));
}

/** Discounted gain of hits within the first k places: each gain divided by log2(1 + rank). */
export function discountedGain(hits: readonly RankedHit[], k: number): number {
  let sum = 0;
  for (const { rank, gain } of hits) if (rank <= k) sum += gain / Math.log2(1 + rank);
  return sum;
}

/** The same hits in the order that is best for the request. */
export function idealHits(hits: readonly RankedHit[]): readonly RankedHit[] {
  return hits
    .map(({ gain }) => gain)
    .sort((a, b) => b - a)
    .map((gain, index) => ({ rank: index + 1, gain }));
}
