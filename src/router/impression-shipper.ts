/**
 * Hands the access log to the collector: seals what Envoy has written, sends it in numbered batches until each is
 * acknowledged, and says with a batch now and then that the router lives.
 *
 * It must never hold up traffic, and never grow without bound: what cannot be handed over is kept up to a size, and then
 * given up and said as a gap.
 */
import { type Clock, sleep } from "../core/clock.ts";
import type { Logger } from "../core/log.ts";
import { servedMinutesBody } from "../stats/served-minutes.ts";
import type { CollectorClient } from "./collector-client.ts";
import type { LoggingEnvoy } from "./envoy-administration.ts";
import type { LogDirectory, SealedFile } from "./log-directory.ts";
import { type LoggedLine, readLoggedLine, servedMinutesOf } from "./logged-answer.ts";
import {
  hasStartedSince,
  newShippingState,
  type PendingBatch,
  readShippingState,
  type ShippingState,
  withDropped,
  withoutPending,
  withPending,
  withRefused,
  withSight,
} from "./shipping-state.ts";

/** What a shipper needs. */
export interface ImpressionShipperOptions {
  readonly podName: string;
  readonly podUid: string;
  readonly directory: LogDirectory;
  readonly collector: CollectorClient;
  readonly envoy: LoggingEnvoy;
  /** Whether a router pod is gone for good, as far as the API tells. */
  readonly podIsGone: (podUid: string) => boolean;
  readonly clock: Clock;
  readonly log: Logger;
}

/** What became of answers since the start. */
export interface ShipperFigures {
  readonly shipped: number;
  readonly batches: number;
  /** Files that were given up, or batches that were refused. */
  readonly lost: number;
  readonly waitingBytes: number;
}

const INTERVAL_MILLISECONDS = 5_000;
/** What waits for a collector that is away. */
const MAXIMUM_WAITING_BYTES = 64 * 2 ** 20;
/** While files wait, the log is sealed only when it is as large: a collector that is away for long makes few files. */
const LEAST_WAITING_FILE_BYTES = 2 ** 20;
/** Envoy opens a new log as soon as it is asked; one that nothing logs to does not. */
const REOPEN_MILLISECONDS = 2_000;
const REOPEN_LOOK_MILLISECONDS = 50;

/** Ships the log of one Envoy. */
export class ImpressionShipper {
  readonly #options: ImpressionShipperOptions;
  #state: ShippingState | undefined;
  #figures: ShipperFigures = { shipped: 0, batches: 0, lost: 0, waitingBytes: 0 };
  #isSealing = false;
  #problem: string | undefined;

  constructor(options: ImpressionShipperOptions) {
    this.#options = options;
  }

  get figures(): ShipperFigures {
    return this.#figures;
  }

  /** Ships until the signal is aborted. Never rejects. */
  async run(stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      await this.#attempt(() => this.step(false));
      // An end is no failure.
      await sleep(this.#options.clock, INTERVAL_MILLISECONDS, stop).catch(() => {});
    }
  }

  /** Ships what is left once Envoy has ended, and says that nothing follows. Never rejects; tries once. */
  async finish(): Promise<void> {
    await this.#attempt(() => this.step(true));
  }

  /** One round: everything that is there, or a sign of life. Rejects when the collector or the disk refuses. */
  async step(isFinal: boolean): Promise<void> {
    const { directory, clock } = this.#options;
    this.#state ??= await this.#restored();
    await this.#seal(isFinal);
    await this.#dropExcess();
    await this.#sendPending();
    let isTold = false;
    for (;;) {
      const [file, ...others] = await directory.sealed();
      if (file === undefined || (this.#isSealing && others.length === 0)) break;
      await this.#ship(file, isFinal && others.length === 0);
      isTold = true;
    }
    if (!isTold && !this.#isSealing) await this.#begin({ start: 0, end: 0 }, clock.now(), isFinal);
  }

  async #attempt(work: () => Promise<void>): Promise<void> {
    try {
      await work();
      if (this.#problem !== undefined) this.#options.log.info("impressions are shipped again");
      this.#problem = undefined;
    } catch (error) {
      const problem = String(error);
      if (problem !== this.#problem)
        this.#options.log.warn("impressions cannot be shipped, trying again", { error });
      this.#problem = problem;
    }
  }

  async #restored(): Promise<ShippingState> {
    const { directory, podName, podUid, clock } = this.#options;
    const note = readShippingState((await directory.readState()) ?? "");
    // A file that is being sealed by an earlier run may still be written.
    this.#isSealing = (await directory.sealed()).length > 0 && (await directory.logBytes()) === undefined;
    return note ?? newShippingState(`${podName}/${podUid}`, clock.now());
  }

  async #keep(state: ShippingState): Promise<void> {
    this.#state = state;
    await this.#options.directory.writeState(JSON.stringify(state));
  }

  get #kept(): ShippingState {
    if (this.#state === undefined) throw new Error("the state of shipping was not read yet");
    return this.#state;
  }

  async #seal(envoyHasEnded: boolean): Promise<void> {
    const { directory, clock } = this.#options;
    if (!envoyHasEnded) await this.#look();
    const isWaiting = !envoyHasEnded && (await directory.sealed()).length > 0;
    if (
      !this.#isSealing &&
      ((await directory.logBytes()) ?? 0) > (isWaiting ? LEAST_WAITING_FILE_BYTES : 0)
    ) {
      await directory.seal(clock.now(), this.#kept.file);
      this.#isSealing = true;
    }
    if (this.#isSealing && !envoyHasEnded) await this.#reopen();
    this.#isSealing = false;
  }

  /**
   * Has Envoy open a new log. Rejects when it has not done so yet: it may still write to the one that was moved away. An
   * Envoy that has started since then never wrote to that one, and opens none as long as nothing is logged.
   */
  async #reopen(): Promise<void> {
    const { directory, envoy, clock } = this.#options;
    await envoy.reopenLogs();
    const end = clock.monotonic() + REOPEN_MILLISECONDS;
    while ((await directory.logBytes()) === undefined) {
      if (clock.monotonic() < end) {
        await sleep(clock, REOPEN_LOOK_MILLISECONDS);
        continue;
      }
      const seen = this.#kept.envoy;
      const sealedAt = (await directory.sealed()).at(-1)?.sealedAt ?? 0;
      if (seen !== undefined && hasStartedSince(seen, sealedAt)) return;
      throw new Error("Envoy has not opened a new access log yet");
    }
  }

  /** Notices what Envoy has lost. One that does not answer is noticed when it does again. */
  async #look(): Promise<void> {
    const { envoy, clock } = this.#options;
    const from = clock.now();
    const health = await envoy.logHealth();
    await this.#keep(withSight(this.#kept, { from, to: clock.now(), ...health }));
  }

  async #dropExcess(): Promise<void> {
    const { directory, log } = this.#options;
    const files = await directory.sealed();
    let waitingBytes = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    for (const file of files) {
      if (waitingBytes <= MAXIMUM_WAITING_BYTES) break;
      await this.#keep(withDropped(this.#kept, file.sealedAt));
      await directory.remove(file);
      waitingBytes -= file.sizeBytes;
      this.#count({ lost: 1 });
      log.error("gave up a part of the access log: too much waits for the collector", {
        "file.name": file.name,
      });
    }
    this.#count({ waitingBytes });
  }

  async #ship(file: SealedFile, isFinal: boolean): Promise<void> {
    const { directory } = this.#options;
    for (;;) {
      const offset = this.#kept.file === file.name ? this.#kept.offset : 0;
      const { end, isLast } = await directory.read(file, offset);
      const sealedAt = isLast ? file.sealedAt : undefined;
      await this.#begin({ file: file.name, start: offset, end }, sealedAt, isFinal && isLast);
      if (isLast) break;
    }
    await directory.remove(file);
  }

  async #begin(
    part: Pick<PendingBatch, "file" | "start" | "end">,
    sealedAt: number | undefined,
    isFinal: boolean,
  ): Promise<void> {
    const now = this.#options.clock.now();
    await this.#keep(withPending(this.#kept, part, sealedAt, isFinal, now));
    await this.#sendPending();
  }

  /** Sends the batch that was begun until it is acknowledged or refused for good. */
  async #sendPending(): Promise<void> {
    const { collector, log } = this.#options;
    const { pending } = this.#kept;
    if (pending === undefined) return;
    const lines = await this.#linesIn(pending);
    const answer = await collector.sendBatch(this.#bodyOf(pending, lines));
    if (answer.type === "Refused") {
      log.error("the collector refuses a batch: its time is left out", { error: answer.problem });
      this.#count({ lost: 1 });
      await this.#keep(withRefused(this.#kept));
      return;
    }
    this.#count({ shipped: lines.filter((line) => line.answer !== undefined).length, batches: 1 });
    await this.#keep(withoutPending(this.#kept));
    await this.#tellEnds(answer.silent);
  }

  async #linesIn({ file, start, end }: PendingBatch): Promise<readonly LoggedLine[]> {
    const { directory } = this.#options;
    const sealed = (await directory.sealed()).find(({ name }) => name === file);
    if (sealed === undefined) return [];
    const { lines } = await directory.read(sealed, start, end);
    return lines.map(readLoggedLine);
  }

  #bodyOf({ number, closedAt, to, gaps, final }: PendingBatch, lines: readonly LoggedLine[]): string {
    const { incarnation, startedAt } = this.#kept;
    const sequence = { router: this.#options.podName, incarnation, startedAt, number, closedAt, to, gaps };
    // In the head: an earlier collector passes over what it does not know there, and would refuse a line.
    const head = { ...sequence, final, served: servedMinutesBody(servedMinutesOf(lines)) };
    const answers = lines.flatMap(({ answer }) => {
      if (answer === undefined) return [];
      const { token, excluded } = answer;
      return JSON.stringify(excluded ? { token, excluded } : { token });
    });
    return [JSON.stringify(head), ...answers, ""].join("\n");
  }

  /** A router that ended without a word would hold up the evidence for ever: whoever sees that its pod is gone says so. */
  async #tellEnds(silent: readonly string[]): Promise<void> {
    const { collector, podIsGone, podUid, clock } = this.#options;
    for (const incarnation of silent) {
      const uid = incarnation.split("/")[1] ?? "";
      const isFormerSelf = uid === podUid && incarnation !== this.#kept.incarnation;
      if (isFormerSelf || podIsGone(uid)) await collector.sendEnd(incarnation, clock.now());
    }
  }

  #count(more: Partial<ShipperFigures>): void {
    const { shipped, batches, lost } = this.#figures;
    this.#figures = {
      shipped: shipped + (more.shipped ?? 0),
      batches: batches + (more.batches ?? 0),
      lost: lost + (more.lost ?? 0),
      waitingBytes: more.waitingBytes ?? this.#figures.waitingBytes,
    };
  }
}
