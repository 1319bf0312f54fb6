/**
 * One answer of a model with what became of it: the rows that were shown, as far as known, and their labels. What every
 * quality metric counts.
 *
 * A value that cannot be meant (not a number, a position before the first) is refused here, once for all metrics, and
 * counted. It must never be turned into another value, and never vanish without a count.
 */

/** Most rows of one request that are looked at. */
export const MAXIMUM_ROWS = 1_000;
/** Most labels of one request that are looked at. */
export const MAXIMUM_LABELS = 1_000;
/** Largest value of a label, on either side of 0: sums of squares of such values still add. */
export const MAXIMUM_VALUE = 1e12;

/** A row of the model's answer that a person was shown. */
export interface ShownRow {
  /** Number of the row in the model's answer, from 0. */
  readonly row: number;
  /** Where it was displayed, from 1; undefined when the client did not say. */
  readonly position?: number;
  /** The model's score; undefined when the token does not describe the row. */
  readonly score?: number;
  /** Place in the model's own order, from 1, where it is known without the scores. */
  readonly rank?: number;
  /** What the row stands for in the shop's catalogue. */
  readonly item?: string;
}

/** What a person did, or what turned out to be true. */
export interface RequestLabel {
  /** Name, as in `quality.labels`. */
  readonly label: string;
  /** The row that it is about; undefined when it is about the request as a whole. */
  readonly row?: number;
  /** Where that row was displayed, from 1, when the client said so with the label alone. */
  readonly position?: number;
  /** 1 for what happened, 0 for what is known not to have happened, an amount of money, a grade. At most 10^12. */
  readonly value: number;
}

/** A request whose values can all be counted. Made by {@link settledRequest} alone. */
export interface SettledRequest {
  /** At most {@link MAXIMUM_ROWS}, each row once. */
  readonly rows: readonly ShownRow[];
  /** At most {@link MAXIMUM_LABELS}. */
  readonly labels: readonly RequestLabel[];
  /** Rows left out: beyond the bound, named twice, or with a number that cannot be meant. */
  readonly refusedRows: number;
  /** Labels left out: beyond the bound, or with a number that cannot be meant. */
  readonly refusedLabels: number;
}

/**
 * Reads a request. A row that only a label names is taken as shown, without a score. A request may be settled again
 * when more labels have come: what it added to a metric before is then subtracted.
 */
export function settledRequest(rows: readonly ShownRow[], labels: readonly RequestLabel[]): SettledRequest {
  const shown = new Map<number, ShownRow>();
  const isNew = (row: number) => !shown.has(row) && shown.size < MAXIMUM_ROWS;
  for (const row of rows) {
    if (isCountable(row) && isNew(row.row)) shown.set(row.row, row);
  }
  const refusedRows = rows.length - shown.size;
  const kept: RequestLabel[] = [];
  for (const label of labels) {
    if (kept.length === MAXIMUM_LABELS || !isMeant(label)) continue;
    const { row, position } = label;
    if (row !== undefined) {
      const known = shown.get(row);
      if (known === undefined && !isNew(row)) continue;
      if (position !== undefined && known?.position === undefined) {
        shown.set(row, { ...known, row, position });
      } else if (known === undefined) {
        shown.set(row, { row });
      }
    }
    kept.push(label);
  }
  return { rows: [...shown.values()], labels: kept, refusedRows, refusedLabels: labels.length - kept.length };
}

function isCountable({ row, position, score, rank }: ShownRow): boolean {
  return (
    isWhole(row, 0) &&
    (position === undefined || isWhole(position, 1)) &&
    (rank === undefined || isWhole(rank, 1)) &&
    (score === undefined || Number.isFinite(score))
  );
}

function isMeant({ row, position, value }: RequestLabel): boolean {
  return (
    (row === undefined || isWhole(row, 0)) &&
    (position === undefined || isWhole(position, 1)) &&
    Math.abs(value) <= MAXIMUM_VALUE
  );
}

function isWhole(value: number, minimum: number): boolean {
  return Number.isSafeInteger(value) && value >= minimum;
}
