/**
 * The sums of whole half hours, kept in memory, so that a look at a release of days does not read all of its minutes
 * again. A block is read from the file when it is first asked for, and what is committed later is added to it: a label
 * that comes after three days changes one number of one block.
 *
 * Nothing but what the file would give may ever be in a block. All numbers are multiples of one step, so the order in
 * which they are added does not matter. Where a change does more than add to sums that are shown, as the first impression
 * of a group does, the block is forgotten, and read again by who asks next. What was in doubt when a block was read is kept
 * with it; it is not used for another doubt.
 *
 * Bounded: who was not asked for the longest goes first.
 */
import { GROUPS } from "../token/tags.ts";
import { type ArmChange, SUM, TOTALS } from "./cell-changes.ts";
import { addVector } from "./group-vector.ts";
import { isIn, type SlotRange } from "./router-log.ts";
import { type ArmSums, armName, type SlotSums, vectorIn } from "./slot-sums.ts";

/** Slots of one block: a release of nine days has 432 of them. */
export const BLOCK_SLOTS = 30;
/** Sums of all blocks, 1 KiB each: of one block 7 for each arm of an epoch, with three metrics. */
const MAXIMUM_VECTORS = 49_152;

/** The block in which a slot is. */
export function blockOf(slot: number): SlotRange {
  const first = slot - (slot % BLOCK_SLOTS);
  return { first, last: first + BLOCK_SLOTS - 1 };
}

/** How a block was read. */
export interface BlockReading {
  /** Numbers of the sums. */
  readonly sums: ReadonlySet<number>;
  /** Its slots of which a piece may be missing. */
  readonly doubtful: readonly SlotRange[];
}

interface Block extends BlockReading, SlotSums {}

/** Blocks of one file. Whoever changes cells of the file must say so here. */
export class EvidenceBlocks {
  /** The one that was asked for last is the last. */
  readonly #blocks = new Map<string, Block>();
  readonly #maximumVectors: number;
  #vectors = 0;

  constructor(maximumVectors = MAXIMUM_VECTORS) {
    this.#maximumVectors = maximumVectors;
  }

  /** A block that has these sums, and more perhaps, with that in doubt; undefined when it must be read. */
  find(deployment: number, { first }: SlotRange, { sums, doubtful }: BlockReading): SlotSums | undefined {
    const name = nameOf(deployment, first);
    const block = this.#blocks.get(name);
    if (
      block === undefined ||
      [...sums].some((sum) => !block.sums.has(sum)) ||
      !areSame(block.doubtful, doubtful)
    ) {
      return undefined;
    }
    this.#blocks.delete(name);
    this.#blocks.set(name, block);
    return block;
  }

  /** Keeps a block as it was read, all impressions of which are known. */
  keep(deployment: number, { first }: SlotRange, block: Block): void {
    const name = nameOf(deployment, first);
    this.#forget(name);
    this.#blocks.set(name, block);
    this.#vectors += sizeOf(block);
    this.#keepWithinBound();
  }

  /** Adds what a transaction changed in the cells of one arm of a slot. */
  change(change: ArmChange): void {
    const { deployment, slot, epoch, arm } = change;
    const name = nameOf(deployment, blockOf(slot).first);
    const block = this.#blocks.get(name);
    if (block === undefined || isIn(block.doubtful, slot)) return;
    if (block.impossible.has(slot)) {
      if (mayBecomePossible(change)) this.#forget(name);
      return;
    }
    const into = block.arms.get(armName(epoch, arm));
    if (into === undefined || !isPlain(change)) {
      this.#forget(name);
      return;
    }
    this.#vectors -= sizeOf(block);
    addChange(into, change, block.sums);
    this.#vectors += sizeOf(block);
    // Labels add sums that were not there with the impressions alone.
    this.#keepWithinBound();
  }

  /** Forgets the block of a slot. */
  forget(deployment: number, slot: number): void {
    this.#forget(nameOf(deployment, blockOf(slot).first));
  }

  /** Forgets all. */
  clear(): void {
    this.#blocks.clear();
    this.#vectors = 0;
  }

  #keepWithinBound(): void {
    for (const [oldest] of this.#blocks) {
      if (this.#vectors <= this.#maximumVectors) break;
      this.#forget(oldest);
    }
  }

  #forget(name: string): void {
    const block = this.#blocks.get(name);
    if (block === undefined) return;
    this.#vectors -= sizeOf(block);
    this.#blocks.delete(name);
  }
}

function nameOf(deployment: number, first: number): string {
  return `${deployment}/${first}`;
}

/** In vectors; a block without any takes room, too. */
function sizeOf({ arms }: Block): number {
  return [...arms.values()].reduce((sum, { vectors }) => sum + vectors.size, 1);
}

function areSame(some: readonly SlotRange[], others: readonly SlotRange[]): boolean {
  return (
    some.length === others.length &&
    some.every(({ first, last }, at) => first === others[at]?.first && last === others[at].last)
  );
}

/** Whether a slot in which a group has more requests with labels than requests may be whole after a change. */
function mayBecomePossible({ added }: ArmChange): boolean {
  const labelled = added.get(SUM.labelledRequests);
  return added.has(SUM.impressions) || (labelled?.some((count) => count < 0) ?? false);
}

/** Whether a change adds to groups that were shown before it, and have enough requests after it. */
function isPlain({ added, impressions, labelledRequests }: ArmChange): boolean {
  const addedImpressions = added.get(SUM.impressions);
  for (const [sum, vector] of added) {
    if (TOTALS.has(sum)) continue;
    for (let group = 0; group < GROUPS; group++) {
      if (vector[group] === 0) continue;
      const now = impressions[group] ?? 0;
      if (now - (addedImpressions?.[group] ?? 0) <= 0) return false;
      if ((labelledRequests?.[group] ?? 0) > now) return false;
    }
  }
  return true;
}

function addChange({ vectors, totals }: ArmSums, { added }: ArmChange, sums: ReadonlySet<number>): void {
  for (const [sum, vector] of added) {
    // It was not read with the rest; nobody who asks for it gets this block.
    if (!sums.has(sum)) continue;
    if (TOTALS.has(sum)) totals.set(sum, (totals.get(sum) ?? 0) + (vector[0] ?? 0));
    else if (sum !== SUM.labelledRequests) addVector(vectorIn(vectors, sum), vector);
  }
}
