/**
 * Which faults met which kinds of calls: a cell that is never hit is a claim that was never tested.
 */

/** Kind of a call: `apply Deployment/scale`. */
export function kindOfCall(verb: string, { kind }: { readonly kind: string }, subresource?: string): string {
  return `${verb} ${kind}${subresource === undefined ? "" : `/${subresource}`}`;
}

/** Hits by kind of call, then by fault. */
export type CoverageCells = ReadonlyMap<string, ReadonlyMap<string, number>>;

/** Counts by fault and kind of call. */
export class Coverage {
  readonly #cells = new Map<string, Map<string, number>>();

  /** All that was counted. */
  get cells(): CoverageCells {
    return this.#cells;
  }

  /** A fault met a call. */
  count(fault: string, call: string, hits = 1): void {
    const row = this.#cells.get(call) ?? new Map<string, number>();
    this.#cells.set(call, row);
    row.set(fault, (row.get(fault) ?? 0) + hits);
  }

  /** How often a fault met a kind of call. */
  hits(fault: string, call: string): number {
    return this.#cells.get(call)?.get(fault) ?? 0;
  }

  /** Takes over what another one has counted. */
  add(cells: CoverageCells): void {
    for (const [call, row] of cells) {
      for (const [fault, hits] of row) this.count(fault, call, hits);
    }
  }

  /** As lines of text: one for each kind of call. */
  lines(): readonly string[] {
    return [...this.#cells].sort(byName).map(([call, row]) => {
      const cells = [...row].sort(byName).map(([fault, hits]) => `${fault} ${hits}`);
      return `${call.padEnd(34)} ${cells.join(", ")}`;
    });
  }
}

function byName([left]: readonly [string, unknown], [right]: readonly [string, unknown]): number {
  return left < right ? -1 : 1;
}
