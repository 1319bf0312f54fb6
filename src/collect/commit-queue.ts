/**
 * Many requests, one transaction: what comes while the last commit is synced is committed together next. So the rate of
 * labels does not hang on how long the disk takes, and nobody is answered before the disk has said yes.
 *
 * What waits is bounded. When a commit fails, everyone in it is told so; nobody's work is tried a second time here, for
 * clients try again, and all of it is idempotent.
 */
import type { Clock } from "../core/clock.ts";

/** More waits than may. */
export class QueueFullError extends Error {
  override readonly name = "QueueFullError";
}

/** What the queue commits to. */
export interface Committing {
  /** Runs work in one synced transaction. */
  transaction<Result>(work: () => Result): Result;
  /** Ends the work of a transaction, inside of it. */
  finish(): void;
  /** The transaction was rolled back. */
  abandon(): void;
  /** It was committed, and took so long. */
  committed(milliseconds: number): void;
}

interface Job {
  readonly weight: number;
  readonly work: () => void;
  readonly stored: () => void;
  readonly failed: (error: unknown) => void;
}

/** Most events of one transaction: some tens of milliseconds of work. */
const MAXIMUM_WEIGHT = 5_000;

/** Work that waits for its commit. */
export class CommitQueue {
  readonly #committing: Committing;
  readonly #clock: Clock;
  readonly #maximumWaiting: number;
  #jobs: Job[] = [];
  #weight = 0;
  #isScheduled = false;

  /** `maximumWaiting` is in events. */
  constructor(committing: Committing, clock: Clock, maximumWaiting: number) {
    this.#committing = committing;
    this.#clock = clock;
    this.#maximumWaiting = maximumWaiting;
  }

  /** Events that wait. */
  get waiting(): number {
    return this.#weight;
  }

  /**
   * Runs work in the next transaction, and resolves once it is stored.
   *
   * @throws {QueueFullError}
   */
  commit<Result>(weight: number, work: () => Result): Promise<Result> {
    if (this.#jobs.length > 0 && this.#weight + weight > this.#maximumWaiting) {
      return Promise.reject(
        new QueueFullError(`expected at most ${this.#maximumWaiting} events to wait, got more`),
      );
    }
    return new Promise((resolve, reject) => {
      let result: Result;
      this.#jobs.push({
        weight,
        work: () => {
          result = work();
        },
        stored: () => resolve(result),
        failed: reject,
      });
      this.#weight += weight;
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    // After all sockets that are ready now have been read.
    setImmediate(() => {
      this.#isScheduled = false;
      this.#commitSome();
      if (this.#jobs.length > 0) this.#schedule();
    });
  }

  #commitSome(): void {
    let weight = 0;
    let count = 0;
    for (const job of this.#jobs) {
      if (count > 0 && weight + job.weight > MAXIMUM_WEIGHT) break;
      weight += job.weight;
      count++;
    }
    const jobs = this.#jobs.slice(0, count);
    this.#jobs = this.#jobs.slice(count);
    this.#weight -= weight;
    const start = this.#clock.monotonic();
    try {
      this.#committing.transaction(() => {
        for (const { work } of jobs) work();
        this.#committing.finish();
      });
    } catch (error) {
      this.#committing.abandon();
      for (const { failed } of jobs) failed(error);
      return;
    }
    this.#committing.committed(this.#clock.monotonic() - start);
    for (const { stored } of jobs) stored();
  }
}
