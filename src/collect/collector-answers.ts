/**
 * What a collector is asked for, and what it answers.
 */
import type { EpochRange, Evidence, EvidencePart } from "./evidence.ts";
import type { BatchOutcome } from "./ledger.ts";
import type { Partition } from "./partitions.ts";

/** The answer to a read of evidence. */
export interface EvidenceAnswer extends Evidence {
  readonly deployment: string;
  readonly partition: Partition;
  /** The last slot of which all impressions are known; null when no router has reported. */
  readonly countedThrough: number | null;
  /** Incarnations of routers that report here. */
  readonly routers: readonly {
    readonly incarnation: string;
    readonly router: string;
    readonly silent: boolean;
  }[];
}

/** What is wanted of the evidence; without any of these all of it, up to the last slot that is known whole. */
export interface EvidenceWish {
  readonly from?: number;
  readonly to?: number;
  /** Names of metrics. */
  readonly metrics?: readonly string[];
  /** Of these epochs alone, those of one range added up. */
  readonly epochs?: readonly EpochRange[];
  readonly parts?: readonly EvidencePart[];
  /** Nobody waits for it any more. */
  readonly signal?: AbortSignal;
}

/** The answer to a batch. */
export interface BatchAnswer extends BatchOutcome {
  readonly acknowledged: number;
  /** Incarnations that say nothing and are not known to have ended: whoever has seen the end of one is to say so. */
  readonly silent: readonly string[];
}
