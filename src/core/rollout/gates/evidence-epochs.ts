/**
 * Cells of collectors, in any order and any number, as the epochs that statistics compare.
 *
 * Sums of numbers depend in their last digits on the order in which they are added, and a verdict must not: so the parts
 * of a sum are added by size, and epochs come in the order of their numbers.
 */
import { type EpochEvidence, type EvidenceCell, emptyCell, USER_GROUPS } from "../../../stats/evidence.ts";
import type { ArmCell } from "./gate-evidence.ts";

/** The epochs, each with both arms; an arm without a cell has no answers. */
export function epochsOf(cells: readonly ArmCell[]): readonly EpochEvidence[] {
  const arms = new Map<number, { readonly Candidate: EvidenceCell[]; readonly Stable: EvidenceCell[] }>();
  for (const cell of cells) {
    const epoch = arms.get(cell.epoch) ?? { Candidate: [], Stable: [] };
    arms.set(cell.epoch, epoch);
    epoch[cell.arm].push(cell);
  }
  return [...arms]
    .toSorted(([left], [right]) => left - right)
    .map(([, { Candidate, Stable }]) => ({ candidate: summed(Candidate), stable: summed(Stable) }));
}

function summed(cells: readonly EvidenceCell[]): EvidenceCell {
  const [first = emptyCell(), ...others] = cells;
  if (others.length === 0) return first;
  // One that has not a number for every group stays what it is: a fault, which statistics name.
  const misfit = cells.find(
    ({ answers, sums }) => answers.length !== USER_GROUPS || sums.length !== USER_GROUPS,
  );
  if (misfit !== undefined) return misfit;
  return {
    answers: Array.from({ length: USER_GROUPS }, (_, group) =>
      sumBySize(cells, ({ answers }) => answers[group]),
    ),
    sums: Array.from({ length: USER_GROUPS }, (_, group) => sumBySize(cells, ({ sums }) => sums[group])),
  };
}

function sumBySize(
  cells: readonly EvidenceCell[],
  numberOf: (cell: EvidenceCell) => number | undefined,
): number {
  const parts = cells.map((cell) => numberOf(cell) ?? Number.NaN);
  return parts.toSorted((left, right) => left - right).reduce((sum, part) => sum + part, 0);
}
