/**
 * Reads evidence beside everything else that the collector does on its only thread: one reading at a time, a half hour of
 * it from the file, then whatever else waits. A label must not wait for seconds because somebody looks at six weeks. Half
 * hours that were read before are known; who gives up early has done some of the work for who asks next.
 *
 * Slots of a half hour are answered in one go, with what is in doubt at that moment, so each is whole and right as of its
 * own reading. Both arms of a slot are of the same moment, so they stay equally young.
 */
import { setImmediate } from "node:timers/promises";
import type { Clock } from "../core/clock.ts";
import { CollectError } from "./collect-error.ts";
import { allSumsOf, type Evidence, type EvidenceQuestion, EvidenceSums } from "./evidence.ts";
import { BLOCK_SLOTS, blockOf, type EvidenceBlocks } from "./evidence-blocks.ts";
import { rangesWithin, type SlotRange } from "./router-log.ts";
import { readSlotSums, type SlotSums } from "./slot-sums.ts";
import type { Store } from "./store.ts";

/** Slots whose sums are known between two looks at what else waits: less than one block takes that must be read. */
const KNOWN_SLOTS_OF_TURN = 50 * BLOCK_SLOTS;
/** Readings that wait for their turn. */
const MAXIMUM_WAITING = 16;
/** For one reading. Who asks has gone by then, or is better told. */
const READING_MILLISECONDS = 30_000;

const NOTHING: SlotSums = { arms: new Map(), impossible: new Set() };

/** What it needs. */
export interface EvidenceReaderOptions {
  readonly store: Store;
  readonly clock: Clock;
  /** Sums of the file's cells that are known. */
  readonly blocks: EvidenceBlocks;
  /** Slots of which a piece may be missing, as far as it is known now. */
  readonly doubtful: () => readonly SlotRange[];
}

/** Reads the evidence of one file. */
export class EvidenceReader {
  readonly #options: EvidenceReaderOptions;
  #before: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  constructor(options: EvidenceReaderOptions) {
    this.#options = options;
  }

  /**
   * Reads what is asked for.
   *
   * @param counted the last slot in which all impressions are known.
   * @param signal ends the reading: nobody waits for it any more.
   * @throws {CollectError} when too many wait, or it takes too long.
   */
  async read(question: EvidenceQuestion, counted: number, signal: AbortSignal): Promise<Evidence> {
    if (this.#waiting >= MAXIMUM_WAITING) {
      throw new CollectError("Overloaded", `expected at most ${MAXIMUM_WAITING} readings to wait, got more`);
    }
    this.#waiting++;
    const reading = this.#before.then(() => this.#read(question, counted, signal));
    this.#before = reading.catch(() => {});
    try {
      return await reading;
    } finally {
      this.#waiting--;
    }
  }

  async #read(question: EvidenceQuestion, counted: number, signal: AbortSignal): Promise<Evidence> {
    const { clock } = this.#options;
    const { first, last } = question.range;
    const end = clock.monotonic() + READING_MILLISECONDS;
    const sums = new EvidenceSums(question);
    for (let slot = first; slot <= last; ) {
      // Sockets are read and commits are made in between.
      if (slot > first) await setImmediate();
      if (signal.aborted) throw new CollectError("Timeout", "expected whoever asks to wait for the answer");
      if (clock.monotonic() > end) {
        const message = `expected the reading to take at most ${READING_MILLISECONDS} ms: ask for less`;
        throw new CollectError("Overloaded", message);
      }
      slot = this.#turn(sums, question, slot, counted);
    }
    return sums.evidence();
  }

  /** Adds slots from one on, until some had to be read or many were known, and gives the one after them. */
  #turn(sums: EvidenceSums, { deployment, range }: EvidenceQuestion, from: number, counted: number): number {
    const { store, blocks, doubtful } = this.#options;
    const { tag } = deployment;
    const doubts = doubtful();
    let slot = from;
    while (slot <= range.last && slot < from + KNOWN_SLOTS_OF_TURN) {
      const block = blockOf(slot);
      const isWhole = block.first >= range.first && block.last <= Math.min(range.last, counted);
      const inBlock = rangesWithin(doubts, block);
      const known = isWhole ? blocks.find(tag, block, { sums: sums.wanted, doubtful: inBlock }) : undefined;
      if (known !== undefined) {
        sums.add(known, inBlock);
        slot = block.last + 1;
        continue;
      }
      const next = store.slotFrom(tag, slot) ?? range.last + 1;
      if (next > block.last) {
        // Slots without cells cost nothing.
        const last = Math.min(next - 1, range.last);
        sums.add(NOTHING, rangesWithin(doubts, { first: slot, last }));
        slot = last + 1;
        continue;
      }
      const stretch = isWhole ? block : { first: slot, last: Math.min(block.last, range.last) };
      const reading = {
        sums: isWhole ? allSumsOf(deployment) : sums.wanted,
        doubtful: rangesWithin(doubts, stretch),
      };
      const read = readSlotSums(store, { deployment: tag, range: stretch, counted, ...reading });
      if (isWhole) blocks.keep(tag, block, { ...reading, ...read });
      sums.add(read, reading.doubtful);
      return stretch.last + 1;
    }
    return slot;
  }
}
