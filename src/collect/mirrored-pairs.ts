/**
 * Finds requests and their copies in what model servers tell of them, by id, and counts the pairs by plan of the traffic.
 *
 * In memory, and bounded in every direction: how long and how many reports wait for their other half, how many plans are
 * counted. What is lost when the collector ends is counted anew: a gate then waits for longer, and passes by nothing that it
 * has not seen. A report is taken from nobody who has not the key of the revision that it speaks of.
 */
import { errorMessage } from "../core/log.ts";
import { FIRST_TRY_EDGES_MILLISECONDS } from "../render/envoy/first-try-statistics.ts";
import { SHADOW_ROLE } from "../render/envoy/route.ts";
import type { ShadowCounts } from "../stats/shadow-counts.ts";
import { isScored, ShadowTally, sumOfShadowCounts } from "../stats/shadow-tally.ts";
import {
  isShadowSignature,
  readShadowBatch,
  type ShadowBatch,
  type ShadowReport,
} from "../tap/shadow-report.ts";
import type { KeyRing } from "../token/key-ring.ts";
import { nameTag } from "../token/tags.ts";
import { CollectError, malformed } from "./collect-error.ts";

/** What it needs. */
export interface MirroredPairsOptions {
  readonly nowMilliseconds: () => number;
  readonly ring: () => KeyRing;
  /** Whether a deployment, by the tag of its uid, is collected here. */
  readonly isCollected: (deployment: number) => boolean;
}

/** What became of reports. */
const MIRRORED_RESULTS = [
  /** Found its other half; counted once for both. */
  "paired",
  /** A request whose copy nobody told of in time. */
  "unpaired_original",
  /** The other way round. */
  "unpaired_copy",
  /** Told of already, as where stable tried twice. */
  "duplicate",
  /** Of a request that stable did not answer well, or without scores: there is nothing to compare with. */
  "unanswered",
  /** There was no room to wait. */
  "overflow",
] as const;

/** What became of a report. */
type MirroredResult = (typeof MIRRORED_RESULTS)[number];

/** A report waits for so long: longer than servers gather reports, and most requests take. */
export const PAIR_PATIENCE_MILLISECONDS = 60_000;
/** Clocks differ; what was sent longer ago is nothing that waits. */
const CLOCK_TOLERANCE_SECONDS = 300;
/** Reports that wait, each of at most 63 scores. */
const MAXIMUM_WAITING = 20_000;
/** Plans that are counted, of all deployments; the oldest goes. Each takes some 40 KiB, and its minutes. */
const MAXIMUM_TALLIES = 512;

interface Waiting {
  readonly untilMilliseconds: number;
  /** Absent once both have come: it stays to know the next one as a duplicate. */
  readonly report?: ShadowReport;
  /** Where its request is counted, once that has come. */
  readonly tally?: ShadowTally;
}

/** Pairs of all deployments. */
export class MirroredPairs {
  readonly #options: MirroredPairsOptions;
  /** The oldest first. */
  readonly #waiting = new Map<string, Waiting>();
  readonly #tallies = new Map<
    string,
    { readonly deployment: number; readonly epoch: number; readonly tally: ShadowTally }
  >();
  readonly #results = Object.fromEntries(MIRRORED_RESULTS.map((result) => [result, 0]));

  constructor(options: MirroredPairsOptions) {
    this.#options = options;
  }

  /** What became of all reports so far. */
  get results(): Readonly<Record<string, number>> {
    return this.#results;
  }

  /** Reports that wait for their other half, and those that are remembered. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /**
   * Takes a body of reports.
   *
   * @throws {CollectError} for one that is not signed by its revision, or is no batch.
   */
  take(body: string, signature: string): { readonly taken: number } {
    const batch = readBatch(body);
    const deployment = nameTag(batch.deployment);
    const { revision, keyId } = batch;
    const key = this.#options.ring().verifyingKey({ deployment, revision: nameTag(revision), keyId });
    if (key === undefined || !isShadowSignature(signature, body, key))
      throw new CollectError(
        "Unauthorized",
        "expected reports that are signed with the key of their revision",
      );
    const now = this.#options.nowMilliseconds();
    if (Math.abs(batch.seconds - now / 1_000) > CLOCK_TOLERANCE_SECONDS)
      throw malformed(`expected reports that were sent within ${CLOCK_TOLERANCE_SECONDS} s of now`);
    if (!this.#options.isCollected(deployment))
      throw new CollectError("NotFound", "expected a deployment whose labels are collected here");
    this.#expire(now);
    for (const report of batch.reports) this.#add(deployment, report, now);
    return { taken: batch.reports.length };
  }

  /** What was counted under some plans of a deployment, by the tag of its uid. */
  counts(deployment: number, first: number, last: number): ShadowCounts {
    this.#expire(this.#options.nowMilliseconds());
    const tallies = [...this.#tallies.values()].filter(
      (one) => one.deployment === deployment && first <= one.epoch && one.epoch <= last,
    );
    return sumOfShadowCounts(
      tallies.length === 0 ? [newTally(first).counts()] : tallies.map(({ tally }) => tally.counts()),
    );
  }

  #add(deployment: number, report: ShadowReport, now: number): void {
    const { id, role, epoch } = report;
    const isOriginal = role === SHADOW_ROLE.original;
    // What stable tries again has another answer to come.
    if (isOriginal && !isScored(report)) {
      this.#count("unanswered");
      return;
    }
    const key = `${deployment}/${epoch}/${id}`;
    const before = this.#waiting.get(key);
    const other = before?.report;
    if (before !== undefined && (other === undefined || other.role === role)) {
      this.#count("duplicate");
      return;
    }
    const tally = isOriginal ? this.#tally(deployment, epoch) : before?.tally;
    if (isOriginal) tally?.addOriginal(report.group);
    if (before === undefined || other === undefined) {
      this.#makeRoom();
      const untilMilliseconds = now + PAIR_PATIENCE_MILLISECONDS;
      this.#waiting.set(key, { report, untilMilliseconds, ...(tally === undefined ? {} : { tally }) });
      return;
    }
    this.#waiting.set(key, { untilMilliseconds: before.untilMilliseconds });
    const [original, copy] = isOriginal ? [report, other] : [other, report];
    tally?.addPair(original.group, original, copy, now / 1_000);
    this.#count("paired");
  }

  #makeRoom(): void {
    if (this.#waiting.size < MAXIMUM_WAITING) return;
    const [oldest] = this.#waiting;
    if (oldest !== undefined) this.#letGo(...oldest, "overflow");
  }

  #expire(now: number): void {
    for (const [key, waiting] of this.#waiting) {
      const { untilMilliseconds } = waiting;
      // A clock that was set back must not keep them for ever.
      if (now < untilMilliseconds && untilMilliseconds - now <= PAIR_PATIENCE_MILLISECONDS) return;
      const isOriginal = waiting.report?.role === SHADOW_ROLE.original;
      this.#letGo(key, waiting, isOriginal ? "unpaired_original" : "unpaired_copy");
    }
  }

  /** Lets go what waits no longer. A request stays counted as one that the candidate did not answer, whatever the reason. */
  #letGo(key: string, { report }: Waiting, result: MirroredResult): void {
    this.#waiting.delete(key);
    if (report !== undefined) this.#count(result);
  }

  #tally(deployment: number, epoch: number): ShadowTally {
    const name = `${deployment}/${epoch}`;
    const known = this.#tallies.get(name);
    if (known !== undefined) return known.tally;
    const [oldest] = this.#tallies.keys();
    if (this.#tallies.size >= MAXIMUM_TALLIES && oldest !== undefined) this.#tallies.delete(oldest);
    const tally = newTally(epoch);
    this.#tallies.set(name, { deployment, epoch, tally });
    return tally;
  }

  #count(result: MirroredResult): void {
    this.#results[result] = (this.#results[result] ?? 0) + 1;
  }
}

function newTally(epoch: number): ShadowTally {
  return new ShadowTally(epoch, FIRST_TRY_EDGES_MILLISECONDS);
}

function readBatch(body: string): ShadowBatch {
  try {
    return readShadowBatch(body);
  } catch (error) {
    throw malformed(errorMessage(error));
  }
}
