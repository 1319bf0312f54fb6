/**
 * What the cells of some slots add up to, by epoch and arm, without the slots that are left out.
 *
 * Three things must hold for a number to be in here: no piece of the access log that may cover its slot is missing, its
 * group has impressions there, and no group has more requests with labels than requests. What is left out is left out
 * of all arms, whatever the epoch.
 */
import { SUM, TOTALS } from "./cell-changes.ts";
import { addEncoded, addVector, type GroupVector, newVector } from "./group-vector.ts";
import { isIn, type SlotRange } from "./router-log.ts";
import type { Cell, Store } from "./store.ts";

/** The sums of one arm in one epoch, by their numbers. */
export interface ArmSums {
  readonly epoch: number;
  readonly arm: number;
  /** The first slot with impressions. */
  readonly firstSlot: number;
  lastSlot: number;
  readonly vectors: Map<number, GroupVector>;
  /** Those of {@link TOTALS}. */
  readonly totals: Map<number, number>;
}

/** The sums of some slots. */
export interface SlotSums {
  /** By {@link armName}. */
  readonly arms: ReadonlyMap<string, ArmSums>;
  /** Slots that are left out because a group has more requests with labels than requests. */
  readonly impossible: ReadonlySet<number>;
}

/** What is to be added up. */
export interface SlotQuestion {
  readonly deployment: number;
  readonly range: SlotRange;
  /** Numbers of the sums; impressions and requests with labels must be among them. */
  readonly sums: ReadonlySet<number>;
  /** Slots of which a piece may be missing. */
  readonly doubtful: readonly SlotRange[];
  /** The last slot in which all impressions are known. */
  readonly counted: number;
}

/** The name of an arm of an epoch. */
export function armName(epoch: number, arm: number): string {
  return `${epoch}/${arm}`;
}

/** Adds up cells of the file. */
export function readSlotSums(
  store: Store,
  { deployment, range, sums, doubtful, counted }: SlotQuestion,
): SlotSums {
  const arms = new Map<string, ArmSums>();
  const impossible = new Set<number>();
  let [slot, cells]: [number, Cell[]] = [-1, []];
  const take = () => {
    if (cells.length === 0 || isIn(doubtful, slot)) return;
    // Also of epochs that are not asked for: what is in doubt is so for all.
    const bySlot = groupedByArm(cells);
    if (slot <= counted && bySlot.some(hasMoreLabelsThanImpressions)) impossible.add(slot);
    else for (const armCells of bySlot) addSlot(arms, armCells, slot);
  };
  for (const cell of store.cells(deployment, range.first, range.last, sums)) {
    if (cell.slot !== slot) {
      take();
      [slot, cells] = [cell.slot, []];
    }
    cells.push(cell);
  }
  take();
  return { arms, impossible };
}

/** The cells of one arm in one slot. */
interface ArmCells {
  readonly epoch: number;
  readonly arm: number;
  impressions: GroupVector | undefined;
  labelledRequests: GroupVector | undefined;
  readonly others: Cell[];
}

function groupedByArm(cells: readonly Cell[]): readonly ArmCells[] {
  const grouped: ArmCells[] = [];
  for (const cell of cells) {
    const { epoch, arm, sum, vector } = cell;
    let last = grouped.at(-1);
    // They come in this order.
    if (last?.epoch !== epoch || last.arm !== arm) {
      last = { epoch, arm, impressions: undefined, labelledRequests: undefined, others: [] };
      grouped.push(last);
    }
    if (sum === SUM.impressions) last.impressions = decoded(vector);
    else if (sum === SUM.labelledRequests) last.labelledRequests = decoded(vector);
    else last.others.push(cell);
  }
  return grouped;
}

function hasMoreLabelsThanImpressions({ impressions, labelledRequests }: ArmCells): boolean {
  return labelledRequests?.some((labelled, group) => labelled > (impressions?.[group] ?? 0)) ?? false;
}

/** Adds one slot of one arm. Labels of groups without impressions wait for these. */
function addSlot(arms: Map<string, ArmSums>, { epoch, arm, impressions, others }: ArmCells, slot: number) {
  if (impressions === undefined) return;
  const name = armName(epoch, arm);
  const sums: ArmSums = arms.get(name) ?? {
    ...{ epoch, arm, firstSlot: slot, lastSlot: slot },
    ...{ vectors: new Map(), totals: new Map() },
  };
  arms.set(name, sums);
  sums.lastSlot = slot;
  addVector(vectorIn(sums.vectors, SUM.impressions), impressions);
  for (const { sum, vector } of others) {
    if (TOTALS.has(sum)) sums.totals.set(sum, (sums.totals.get(sum) ?? 0) + (decoded(vector)[0] ?? 0));
    else addEncoded(vectorIn(sums.vectors, sum), vector, impressions);
  }
}

/** The vector of a sum; all zero when there was none. */
export function vectorIn(vectors: Map<number, GroupVector>, sum: number): GroupVector {
  let vector = vectors.get(sum);
  if (vector === undefined) {
    vector = newVector();
    vectors.set(sum, vector);
  }
  return vector;
}

function decoded(bytes: Uint8Array): GroupVector {
  const vector = newVector();
  addEncoded(vector, bytes);
  return vector;
}
