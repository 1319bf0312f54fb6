/**
 * Counts which faults met what: a write point of a planner (`coverage-table.ts`), or another kind of call.
 */

/** Hits by row, then by fault. */
export type CoverageCells = ReadonlyMap<string, ReadonlyMap<string, number>>;

/** Counts by row and fault. */
export class Coverage {
  readonly #cells = new Map<string, Map<string, number>>();

  /** All that was counted. */
  get cells(): CoverageCells {
    return this.#cells;
  }

  /** A fault met what the row stands for. */
  count(fault: string, row: string, hits = 1): void {
    const cells = this.#cells.get(row) ?? new Map<string, number>();
    this.#cells.set(row, cells);
    cells.set(fault, (cells.get(fault) ?? 0) + hits);
  }

  /** How often a fault met what the row stands for. */
  hits(fault: string, row: string): number {
    return this.#cells.get(row)?.get(fault) ?? 0;
  }

  /** Takes over what another one has counted. */
  add(cells: CoverageCells): void {
    for (const [row, hitsOf] of cells) {
      for (const [fault, hits] of hitsOf) this.count(fault, row, hits);
    }
  }
}
