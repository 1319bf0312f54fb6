/**
 * Runs a reconcile function over a {@link WorkQueue}, with two bad outcomes: any error is
 * tried again with backoff, a {@link TerminalError} is not.
 *
 * Reconciling is level-based: the function gets a key, never an event. It must look at the world by itself.
 */
import type { Clock } from "../core/clock.ts";
import { TerminalError } from "../core/errors.ts";
import type { Logger } from "../core/log.ts";
import type { Backoff, Random } from "./backoff.ts";
import { isConflict } from "./port.ts";
import { WorkQueue, type WorkQueueObserver } from "./work-queue.ts";

/** What a reconcile asks for. */
export interface ReconcileResult {
  /** When to look again though nothing changed: wall clock, milliseconds since the Unix epoch. */
  readonly wakeAt?: number;
}

/** How a reconcile ended, in controller-runtime's words where it has them. */
export type ReconcileOutcome = "success" | "requeue_after" | "error" | "terminal_error";

/** Told what the reconciler does, for metrics. */
export interface ReconcilerObserver {
  readonly queue?: WorkQueueObserver;
  reconciled?(outcome: ReconcileOutcome, durationMilliseconds: number): void;
}

/** What a reconciler needs. */
export interface ReconcilerOptions {
  /** Names it in logs. */
  readonly name: string;
  /**
   * Makes the world of one key right. The signal is aborted when the right to write is lost. What is logged about
   * it goes to `log`, whose every line has the same `trace.id`.
   */
  readonly reconcile: (key: string, signal: AbortSignal, log: Logger) => Promise<ReconcileResult>;
  readonly workers: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly backoff?: Backoff;
  readonly observer?: ReconcilerObserver;
}

/** Keys in, reconciles out. */
export class Reconciler {
  readonly #options: ReconcilerOptions;
  readonly #queue: WorkQueue;
  readonly #abort = new AbortController();
  #count = 0;

  constructor(options: ReconcilerOptions) {
    this.#options = options;
    const { workers, clock, random, backoff, observer } = options;
    this.#queue = new WorkQueue({
      work: (key) => this.#work(key),
      workers,
      clock,
      random,
      ...(backoff === undefined ? {} : { backoff }),
      ...(observer?.queue === undefined ? {} : { observer: observer.queue }),
    });
  }

  /** Lets the workers begin; keys added before wait until then. */
  start(): void {
    this.#queue.start();
  }

  /** Has a key reconciled. */
  add(key: string): void {
    this.#queue.add(key);
  }

  /** Has a key reconciled after a moment, together with what else happens to it until then. */
  addWithin(key: string, delayMilliseconds: number): void {
    this.#queue.addWithin(key, delayMilliseconds);
  }

  /** Has a key reconciled at a time, unless it is before. */
  wakeAt(key: string, at: number): void {
    this.#queue.wakeAt(key, at);
  }

  /** Starts no more reconciles and resolves when those that run have ended by themselves. */
  stop(): Promise<void> {
    return this.#queue.stop();
  }

  /** Starts no more reconciles and tells those that run to end at once: the right to write is lost. */
  abort(reason: Error): Promise<void> {
    this.#abort.abort(reason);
    return this.#queue.stop();
  }

  async #work(key: string): Promise<void> {
    const { name, clock, observer, reconcile } = this.#options;
    const startedAt = clock.monotonic();
    this.#count += 1;
    const log = this.#options.log.child({
      "petrel.controller": name,
      "petrel.key": key,
      // Unique to this process, which is named by the fields of all its lines.
      "trace.id": `${name}-${clock.now().toString(36)}-${this.#count}`,
    });
    const report = (outcome: ReconcileOutcome) =>
      observer?.reconciled?.(outcome, clock.monotonic() - startedAt);
    try {
      this.#abort.signal.throwIfAborted();
      const { wakeAt } = await reconcile(key, this.#abort.signal, log);
      if (wakeAt !== undefined) this.#queue.wakeAt(key, wakeAt);
      report(wakeAt === undefined ? "success" : "requeue_after");
    } catch (error) {
      const isTerminal = error instanceof TerminalError;
      this.#report(log, error, isTerminal);
      report(isTerminal ? "terminal_error" : "error");
      if (!isTerminal) throw error;
    }
  }

  #report(log: Logger, error: unknown, isTerminal: boolean): void {
    // A conflict is how a lagging cache shows: the next look sees the other writer's work.
    if (isConflict(error) || this.#abort.signal.aborted) log.debug("reconcile was overtaken", { error });
    else if (isTerminal) log.error("reconcile gives up until the spec changes", { error });
    else log.warn("reconcile failed, trying again", { error });
  }
}
