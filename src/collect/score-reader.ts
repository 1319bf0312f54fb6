/**
 * Reads metrics of scores over a range of time, a half hour at a time, so that whatever else the collector does on its only
 * thread goes on in between. Only half hours whose labels have matured are read: before that, a row without the label may
 * still get it.
 */
import { setImmediate } from "node:timers/promises";
import { SLOT_SECONDS, slotOf } from "../token/slot.ts";
import { CollectError } from "./collect-error.ts";
import type { CollectedDeployment, CollectedScores } from "./collected-metrics.ts";
import { MAXIMUM_RANGE } from "./evidence.ts";
import { BLOCK_SLOTS, blockOf } from "./evidence-blocks.ts";
import type { SlotRange } from "./router-log.ts";
import { requestsIn } from "./score-metric.ts";
import { ScoreSums } from "./score-sums.ts";
import type { Store } from "./store.ts";

/** Read where no range is asked for: a day. */
const USUAL_SLOTS = 86_400 / SLOT_SECONDS;
/** Half hours of one turn. */
const TURN_BLOCKS = 4;

/** One metric of scores. */
export interface ScoreAnswer {
  readonly type: string;
  readonly label: string;
  readonly maturesSeconds: number;
  /** Slots that were read, whole half hours whose labels have matured; null where there are none. */
  readonly range: SlotRange | null;
  /** Half hours of these that are left out. */
  readonly leftOut: number;
  readonly revisions: readonly RevisionAnswer[];
}

/** What it is of one revision in one arm. */
export interface RevisionAnswer {
  readonly arm: number;
  /** The first 32 bits of the SHA-256 of the revision's name, in hexadecimal digits. */
  readonly revision: string;
  readonly requests: number;
  /** Null where nothing was counted that it could be made of. */
  readonly value: number | null;
  /** In the order of docs/metrics.md; those of partitions add. */
  readonly sums: readonly number[];
}

/** What metrics of scores are read from. */
export interface ScoreEdges {
  readonly store: Store;
  /** The last slot in which all impressions are known; undefined while no router has reported. */
  readonly counted: () => number | undefined;
  /** Slots of which a piece may be missing. */
  readonly doubtful: () => readonly SlotRange[];
  readonly nowSeconds: () => number;
}

/** What is read: from which slot, and to which; the last day that has matured without them. */
export interface ScoreWish {
  readonly from?: number | undefined;
  readonly to?: number | undefined;
  readonly signal: AbortSignal;
}

/** What was read. */
export interface ReadScores {
  readonly countedThrough: number | null;
  /** By name of the metric. */
  readonly metrics: Readonly<Record<string, ScoreAnswer>>;
}

/** The last half hour of a metric whose labels have matured. */
export function lastMatured(
  { maturesSeconds }: Pick<CollectedScores, "maturesSeconds">,
  counted: number,
  nowSeconds: number,
): SlotRange {
  const slot = Math.min(counted, slotOf(nowSeconds - maturesSeconds) - 1);
  // The half hour that ends with it, or before it.
  return blockOf(slot - BLOCK_SLOTS + 1);
}

/** Reads them, for one who asks at a time. */
export class ScoreReader {
  readonly #edges: ScoreEdges;
  #isReading = false;

  constructor(edges: ScoreEdges) {
    this.#edges = edges;
  }

  /**
   * Reads all metrics of scores of a deployment.
   *
   * @throws {CollectError} when it reads for another, or when nobody waits any more.
   */
  async read(deployment: CollectedDeployment, wish: ScoreWish): Promise<ReadScores> {
    if (this.#isReading) throw new CollectError("Overloaded", "expected one reading of scores at a time");
    this.#isReading = true;
    try {
      const counted = this.#edges.counted();
      const nowSeconds = this.#edges.nowSeconds();
      const metrics: Record<string, ScoreAnswer> = {};
      for (const one of deployment.scores) {
        const range = { ...wish, counted: counted ?? -1, nowSeconds };
        metrics[one.scores.definition.name] = await readMetric(deployment, one, range, this.#edges);
      }
      return { countedThrough: counted ?? null, metrics };
    } finally {
      this.#isReading = false;
    }
  }
}

async function readMetric(
  { tag }: CollectedDeployment,
  one: CollectedScores,
  {
    from,
    to,
    counted,
    nowSeconds,
    signal,
  }: ScoreWish & { readonly counted: number; readonly nowSeconds: number },
  { store, doubtful }: ScoreEdges,
): Promise<ScoreAnswer> {
  const { stored, scores, maturesSeconds } = one;
  const matured = lastMatured(one, counted, nowSeconds).last;
  const end = Math.min(matured, to ?? matured);
  const asked = Math.max(from ?? end - USUAL_SLOTS + 1, end - MAXIMUM_RANGE + 1, stored.firstSlot, 0);
  const first = blockOf(asked + BLOCK_SLOTS - 1).first;
  const sums = new ScoreSums(one);
  let last = first - 1;
  for (let slot = first; slot + BLOCK_SLOTS - 1 <= end; slot += BLOCK_SLOTS) {
    if ((slot - first) % (TURN_BLOCKS * BLOCK_SLOTS) === 0) await setImmediate();
    if (signal.aborted) throw new CollectError("Timeout", "expected whoever asks to wait for the answer");
    const block = blockOf(slot);
    sums.add({ store, deployment: tag, doubtful: doubtful(), counted }, block);
    last = block.last;
  }
  return {
    ...{ type: scores.definition.type, label: scores.definition.label, maturesSeconds },
    range: last < first ? null : { first, last },
    leftOut: sums.leftOut,
    revisions: sums.revisions.map(({ arm, revision, vector }) => ({
      arm,
      revision: revision.toString(16).padStart(8, "0"),
      requests: requestsIn(vector, scores),
      value: scores.metric.value(vector) ?? null,
      sums: [...vector.subarray(0, scores.metric.sums.length)],
    })),
  };
}
