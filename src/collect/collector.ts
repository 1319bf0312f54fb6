/**
 * The collector without its network: takes the texts of posts, and answers once what they say is stored.
 *
 * The clock comes in from outside. One collector has one file; everything that writes goes through its queue.
 */
import type { Clock } from "../core/clock.ts";
import { errorMessage, type Logger } from "../core/log.ts";
import { shadowCountsBody } from "../stats/shadow-counts.ts";
import type { KeyRing } from "../token/key-ring.ts";
import { readTokenHead } from "../token/prediction-token.ts";
import { registerAnomalyMetrics } from "./anomaly-metrics.ts";
import { anomalyReport } from "./anomaly-report.ts";
import { AnomalyWatches } from "./anomaly-watches.ts";
import { SUM, type Written } from "./cell-changes.ts";
import { CollectError } from "./collect-error.ts";
import { CollectMetrics } from "./collect-metrics.ts";
import { type CollectedDeployment, metricsOfLess, sumsText, withMetrics } from "./collected-metrics.ts";
import type { BatchAnswer, EvidenceAnswer, EvidenceWish, ScoresAnswer } from "./collector-answers.ts";
import { CommitQueue, QueueFullError } from "./commit-queue.ts";
import { type EpochRange, EVIDENCE_PARTS, MAXIMUM_RANGE } from "./evidence.ts";
import { EvidenceReader } from "./evidence-reader.ts";
import {
  type FeedbackAnswer,
  isVerified,
  type StoredLabel,
  type VerifiedFeedback,
  verifyFeedback,
} from "./feedback.ts";
import { isMisfit, type Misfit, readFeedback, type SaidFeedback } from "./feedback-body.ts";
import { Housekeeping } from "./housekeeping.ts";
import { readBatch, readEnd } from "./impression-batch.ts";
import { Ledger, placeOf, type Retention } from "./ledger.ts";
import { MirroredPairs } from "./mirrored-pairs.ts";
import { type HandOn, type Partition, partitionOf } from "./partitions.ts";
import { countedThrough, isSilent, type SlotRange, voidedSlots } from "./router-log.ts";
import { registerScoreMetrics } from "./score-metrics.ts";
import { ScoreReader } from "./score-reader.ts";
import { ScoreTelling, type ToldSums } from "./score-telling.ts";
import type { Settings } from "./settings.ts";
import type { Store } from "./store.ts";

/** What a collector is made of. */
export interface CollectorOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  readonly settings: Settings;
  readonly ring: KeyRing;
  readonly partition: Partition;
  readonly handOn: HandOn;
  readonly retention: Retention;
  /** Most events that wait to be stored. */
  readonly maximumWaiting: number;
  /** Is told of labels that are new, once they are stored; must not throw. */
  readonly onLabels?: (labels: readonly StoredLabel[]) => void;
}

/** A running collector. */
export class Collector {
  readonly metrics: CollectMetrics;
  /** Requests and their copies. */
  readonly mirrored: MirroredPairs;
  readonly #options: CollectorOptions;
  readonly #ledger: Ledger;
  readonly #queue: CommitQueue;
  readonly #reader: EvidenceReader;
  readonly #watches: AnomalyWatches;
  readonly #scores: ScoreTelling;
  readonly #scoreReader: ScoreReader;
  readonly #tellScores: (sums: readonly ToldSums[]) => void;
  readonly #closing = new AbortController();
  #ring: KeyRing;
  #configurationIsValid = true;
  /** What the transaction under way did to the cells. */
  #written: Written = { joined: [], news: [] };
  #storeProblem: string | undefined;
  readonly #housekeeping: Housekeeping;
  #isClosed = false;

  constructor(options: CollectorOptions) {
    const { store, clock } = options;
    this.#options = options;
    this.#ring = options.ring;
    this.#ledger = new Ledger(store);
    this.#queue = new CommitQueue(
      {
        transaction: (work) => store.transaction(work),
        finish: () => {
          this.#written = this.#ledger.finish();
        },
        abandon: () => {
          this.#ledger.abandon();
          this.#watches.abandon();
          this.#scores.abandon(this.#ledger.collected);
        },
        committed: (milliseconds) => this.#committed(milliseconds),
      },
      clock,
      options.maximumWaiting,
    );
    const doubtful = () => voidedSlots(this.#ledger.incarnations.values(), clock.now());
    this.#reader = new EvidenceReader({ store, clock, blocks: this.#ledger.blocks, doubtful });
    const edges = {
      ...{ store, doubtful, nowSeconds: () => clock.now() / 1_000 },
      counted: () => countedThrough(this.#ledger.incarnations.values(), clock.now()),
    };
    this.#watches = new AnomalyWatches({ ...edges, log: options.log });
    this.#scores = new ScoreTelling(edges);
    this.#scoreReader = new ScoreReader(edges);
    this.mirrored = new MirroredPairs({
      nowMilliseconds: clock.now,
      ring: () => this.#ring,
      isCollected: (deployment) => this.#ledger.collected.has(deployment),
    });
    this.metrics = new CollectMetrics({
      requests: () => this.#ledger.requests,
      waiting: () => this.#queue.waiting,
      storeBytes: () => store.sizeBytes,
      silentRouters: () => this.#silentIncarnations().length,
      configurationIsValid: () => this.#configurationIsValid,
      mirrored: () => this.mirrored.results,
      lowerIsBetter: () => metricsOfLess(this.#ledger.collected),
    });
    registerAnomalyMetrics(this.metrics.registry, () => this.#watches.findings());
    this.#tellScores = registerScoreMetrics(this.metrics.registry, () => this.#scores.values());
    store.transaction(() => {
      this.#configure(options.settings);
      this.#ledger.finish();
    });
    this.#housekeeping = new Housekeeping(clock, () => this.#sweep());
  }

  /** Why nothing can be stored, if so. */
  get problem(): string | undefined {
    return this.#storeProblem;
  }

  /** Takes other keys. */
  useKeys(ring: KeyRing): void {
    this.#ring = ring;
  }

  /** Takes other settings, once they are stored. */
  async configure(settings: Settings): Promise<void> {
    await this.#commit(0, () => this.#configure(settings));
  }

  /** Says whether the files of settings and keys could be read. */
  noteConfiguration(isValid: boolean): void {
    this.#configurationIsValid = isValid;
  }

  /** Keeps the labels of a post. `mayHandOn` is false for what another partition handed on. */
  async feedback(text: string, mayHandOn: boolean): Promise<readonly FeedbackAnswer[]> {
    const said = readFeedback(text);
    const nowMilliseconds = this.#options.clock.now();
    const oldestSeconds = nowMilliseconds / 1_000 - this.#options.retention.requestSeconds;
    const context = {
      ring: this.#ring,
      collected: this.#ledger.collected,
      horizonSeconds: Math.max(this.#ledger.horizonSeconds, oldestSeconds),
      nowMilliseconds,
    };
    const results = said.map((one) => verifyFeedback(one, context));
    const answers: (FeedbackAnswer | undefined)[] = results.map((result) =>
      isVerified(result) ? undefined : result,
    );
    const own: { readonly index: number; readonly verified: VerifiedFeedback }[] = [];
    const others = new Map<number, number[]>();
    results.forEach((verified, index) => {
      if (!isVerified(verified)) return;
      const partition = partitionOf(verified.group, this.#options.partition.count);
      if (partition === this.#options.partition.index) own.push({ index, verified });
      else others.set(partition, [...(others.get(partition) ?? []), index]);
    });
    if (others.size > 0 && !mayHandOn) {
      throw new CollectError("WrongPartition", `expected only feedback of ${this.#partitionText()}`);
    }
    // Told apart, so that no rejection is left without somebody who waits for it.
    const stored = await Promise.allSettled([
      this.#keep(own, answers),
      ...[...others].map(([partition, indexes]) => this.#handOn(partition, indexes, said, answers)),
    ]);
    const failed = stored.find((outcome) => outcome.status === "rejected");
    if (failed !== undefined) throw failed.reason;
    const handedOn = new Set([...others.values()].flat());
    return answers.map((answer, index) => {
      if (answer === undefined) throw new Error("an object was not answered");
      if (!handedOn.has(index)) this.metrics.answered(answer.events);
      return answer;
    });
  }

  /** Counts a batch of the access log. */
  async impressions(text: string): Promise<BatchAnswer> {
    const now = this.#options.clock.now();
    const batch = readBatch(text, now);
    const { head, requests } = batch;
    const { count, index } = this.#options.partition;
    const stray = requests.find(
      ({ token }) => partitionOf(placeOf(readTokenHead(token)).group, count) !== index,
    );
    if (stray !== undefined) {
      throw new CollectError("WrongPartition", `expected only requests of ${this.#partitionText()}`);
    }
    const outcome = await this.#commit(requests.length, () => this.#ledger.addBatch(batch, now));
    const { counted, excluded, foreign, old } = outcome;
    this.metrics.batch(outcome.duplicate, { counted, excluded, foreign, old });
    return { acknowledged: head.number, ...outcome, silent: this.#silentIncarnations() };
  }

  /** Notes that an incarnation of a router ended. */
  async end(text: string): Promise<void> {
    const { incarnation, endedAt } = readEnd(text, this.#options.clock.now());
    const isKnown = await this.#commit(0, () => this.#ledger.endIncarnation(incarnation, endedAt));
    if (!isKnown) throw new CollectError("NotFound", "expected an incarnation that has reported here");
  }

  /** The evidence of a deployment. It is read some slots at a time; what comes meanwhile is taken in between. */
  async evidence(name: string, wish: EvidenceWish = {}): Promise<EvidenceAnswer> {
    const { from, to, metrics = [], epochs = [], parts = [] } = wish;
    const deployment = withMetrics(this.#deploymentOf(name), metrics);
    const now = this.#options.clock.now();
    const incarnations = this.#ledger.incarnations;
    const counted = countedThrough(incarnations.values(), now);
    const routers = [...incarnations].map(([incarnation, one]) => ({
      incarnation,
      router: one.router,
      silent: isSilent(one, now),
    }));
    const last = to ?? counted ?? 0;
    const range: SlotRange = { first: from ?? Math.max(0, last - MAXIMUM_RANGE + 1), last };
    if (range.last - range.first >= MAXIMUM_RANGE) {
      throw new CollectError("Malformed", `expected a range of at most ${MAXIMUM_RANGE} slots`);
    }
    const evidence = await this.#reader.read(
      { deployment, range, epochs, parts: new Set(parts.length === 0 ? EVIDENCE_PARTS : parts) },
      counted ?? -1,
      AbortSignal.any([this.#closing.signal, ...(wish.signal === undefined ? [] : [wish.signal])]),
    );
    // Sums that are no longer kept are not whole in the later slots.
    if (sumsText(withMetrics(this.#deploymentOf(name), metrics)) !== sumsText(deployment)) {
      throw new CollectError("Overloaded", "expected the settings to stay while it was read: ask again");
    }
    return {
      deployment: name,
      partition: this.#options.partition,
      countedThrough: counted ?? null,
      routers,
      ...evidence,
    };
  }

  /** The metrics of scores of a deployment, by arm and revision. One reading is made at a time. */
  async scores(name: string, wish: Pick<EvidenceWish, "from" | "to" | "signal"> = {}): Promise<ScoresAnswer> {
    const signal = AbortSignal.any([
      this.#closing.signal,
      ...(wish.signal === undefined ? [] : [wish.signal]),
    ]);
    const read = await this.#scoreReader.read(this.#deploymentOf(name), { ...wish, signal });
    return { deployment: name, partition: this.#options.partition, ...read };
  }

  /** What came of copies under some plans of a deployment, as {@link parseShadowCounts} takes it. */
  shadowEvidence(name: string, epochs: readonly EpochRange[]): unknown {
    const [range, ...others] = epochs;
    if (range === undefined || others.length > 0)
      throw new CollectError("Malformed", 'expected "epochs" once');
    const { tag } = this.#deploymentOf(name);
    return shadowCountsBody(name, this.mirrored.counts(tag, range.first, range.last));
  }

  /** How it stands with the series that are watched. */
  anomalies() {
    return anomalyReport(this.#options.partition, this.#watches);
  }

  /** Waits for what is under way, and closes the file. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#closing.abort();
    this.#housekeeping.stop();
    await this.#queue.commit(0, () => {}).catch(() => {});
    this.#options.store.close();
  }

  #configure(settings: Settings): void {
    this.#ledger.configure(settings);
    this.#watches.configure(this.#ledger.collected);
    this.#scores.configure(this.#ledger.collected);
  }

  async #keep(
    own: readonly { readonly index: number; readonly verified: VerifiedFeedback }[],
    answers: (FeedbackAnswer | undefined)[],
  ): Promise<void> {
    const weight = own.reduce((sum, { verified }) => sum + 1 + verified.kept.events.length, 0);
    const outcomes =
      own.length === 0
        ? []
        : await this.#commit(weight, () =>
            own.map(({ verified }) => this.#ledger.addFeedback(verified.kept)),
          );
    own.forEach(({ index, verified }, at) => {
      const outcome = outcomes[at] ?? [];
      answers[index] = verified.answer(outcome);
      const labels = verified.labels(outcome);
      this.metrics.stored(labels);
      this.#options.onLabels?.(labels);
    });
  }

  async #handOn(
    partition: number,
    indexes: readonly number[],
    said: readonly (SaidFeedback | Misfit)[],
    answers: (FeedbackAnswer | undefined)[],
  ): Promise<void> {
    const part = indexes.flatMap((index) => {
      const one = said[index];
      return one === undefined || isMisfit(one) ? [] : [one];
    });
    const handed = await this.#options.handOn(partition, part);
    indexes.forEach((index, at) => {
      answers[index] = handed[at];
    });
  }

  async #commit<Result>(weight: number, work: () => Result): Promise<Result> {
    if (this.#isClosed) throw new CollectError("CannotStore", "the collector is stopping");
    try {
      return await this.#queue.commit(weight, work);
    } catch (error) {
      if (error instanceof QueueFullError)
        throw new CollectError("Overloaded", error.message, { cause: error });
      if (this.#storeProblem === undefined) this.#options.log.error("cannot store", { error });
      this.#storeProblem = errorMessage(error);
      throw new CollectError("CannotStore", "expected the disk to take it, got an error", { cause: error });
    }
  }

  #committed(milliseconds: number): void {
    if (this.#storeProblem !== undefined) this.#options.log.info("can store again");
    this.#storeProblem = undefined;
    this.#watches.committed();
    this.metrics.committed(milliseconds);
    const { joined, news } = this.#written;
    for (const { deployment, labels } of joined) {
      const name = this.#ledger.collected.get(deployment)?.name;
      if (name !== undefined) this.metrics.matched(name, labels);
    }
    for (const { deployment, arm, sum, value } of news) {
      const known = this.#ledger.collected.get(deployment);
      if (known === undefined) continue;
      if (sum === SUM.impressions) this.metrics.impressed(known.name, arm, value);
      for (const { arrived, unordered, definition } of known.metrics) {
        if (arrived.stored.id === sum) this.metrics.measured(known.name, definition.name, arm, value);
        if (unordered?.stored.id === sum) this.metrics.unordered(known.name, definition.name, arm, value);
      }
    }
  }

  async #sweep(): Promise<boolean> {
    const { more, orphans, isBehind, scores } = await this.#commit(0, () => {
      const nowSeconds = Math.floor(this.#options.clock.now() / 1_000);
      const swept = this.#ledger.sweep(this.#options.retention, nowSeconds);
      return { ...swept, isBehind: this.#watches.step(), scores: this.#scores.step() };
    });
    this.#tellScores(scores.sums);
    for (const { deployment, labels } of orphans) {
      this.metrics.orphaned(this.#ledger.collected.get(deployment)?.name ?? "none", labels);
    }
    return more || isBehind || scores.more;
  }

  #deploymentOf(name: string): CollectedDeployment {
    const deployment = [...this.#ledger.collected.values()].find((one) => one.name === name);
    if (deployment !== undefined) return deployment;
    throw new CollectError("NotFound", "expected a deployment whose labels are collected here");
  }

  #silentIncarnations(): readonly string[] {
    const now = this.#options.clock.now();
    return [...this.#ledger.incarnations].flatMap(([name, one]) => (isSilent(one, now) ? [name] : []));
  }

  #partitionText(): string {
    const { index, count } = this.#options.partition;
    return `partition ${index} of ${count}`;
  }
}
