/**
 * The runs that wait for the model, first in, first out, and which of them go to it together.
 *
 * Pure but for the promises of runs that are dropped: no timer and no thread is here. A run whose client went
 * away or whose time is over is dropped before it costs the model anything.
 */
import type { Run, RunResult } from "./executor.ts";
import { type Batching, fitTogether, rowCount } from "./row-batch.ts";
import { ServeError } from "./serve-error.ts";

/** A run that is not answered yet. */
export interface PendingRun {
  readonly run: Run;
  readonly arrivedMilliseconds: number;
  /** When it was given to the model. */
  sentMilliseconds: number;
  /** Set once its time is over and its client has been told, while the model may still be busy with it. */
  isExpired: boolean;
  /** Set once it was in a batch that failed, so that it fails or succeeds by itself. */
  isAlone: boolean;
  readonly resolve: (result: RunResult) => void;
  readonly reject: (error: Error) => void;
}

/** Runs that wait. */
export class RunQueue {
  readonly #batching: Batching | undefined;
  #runs: PendingRun[] = [];

  /** Without `batching` every run goes alone. */
  constructor(batching: Batching | undefined) {
    this.#batching = batching;
  }

  get length(): number {
    return this.#runs.length;
  }

  push(pending: PendingRun): void {
    this.#runs.push(pending);
  }

  /** Puts runs back in front, each to be run alone. */
  putBackAlone(runs: readonly PendingRun[]): void {
    for (const pending of runs) {
      pending.isAlone = true;
    }
    this.#runs.unshift(...runs);
  }

  /** The runs that go to the model next: one, or as many from the front as fit together. */
  take(): PendingRun[] {
    this.#dropCancelledInFront();
    const { count } = this.#batchInFront();
    return this.#runs.splice(0, count);
  }

  /**
   * How long the runs in front may still wait for others, at most until the oldest has waited for the longest
   * delay: nothing when their batch is full.
   */
  patienceMilliseconds(nowMilliseconds: number): number {
    this.#dropCancelledInFront();
    const [oldest] = this.#runs;
    if (this.#batching === undefined || oldest === undefined || this.#batchInFront().isFull) {
      return 0;
    }
    return Math.max(
      0,
      oldest.arrivedMilliseconds + this.#batching.maximumDelayMilliseconds - nowMilliseconds,
    );
  }

  /** Drops the runs whose client went away. */
  dropCancelled(): void {
    const dropped = this.#remove(({ run }) => run.isCancelled());
    for (const pending of dropped) {
      pending.reject(clientGone());
    }
  }

  /** Removes and gives the runs whose time is over. */
  takeExpired(nowMilliseconds: number): PendingRun[] {
    return this.#remove(({ run }) => run.deadlineMilliseconds <= nowMilliseconds);
  }

  /** The earliest deadline of those that wait. */
  nextDeadlineMilliseconds(): number {
    return this.#runs.reduce(
      (earliest, { run }) => Math.min(earliest, run.deadlineMilliseconds),
      Number.POSITIVE_INFINITY,
    );
  }

  /** Removes and gives all. */
  takeAll(): PendingRun[] {
    return this.#runs.splice(0);
  }

  #dropCancelledInFront(): void {
    while (this.#runs[0]?.run.isCancelled()) {
      this.#runs.shift()?.reject(clientGone());
    }
  }

  /** How many runs from the front go together; it is full when waiting could not add another. */
  #batchInFront(): { readonly count: number; readonly isFull: boolean } {
    const [first] = this.#runs;
    if (first === undefined) {
      return { count: 0, isFull: false };
    }
    const batching = this.#batching;
    const firstRows = rowCount(first.run);
    if (batching === undefined || first.isAlone || firstRows === undefined) {
      return { count: 1, isFull: true };
    }
    let rows = firstRows;
    let count = 1;
    for (; count < this.#runs.length && rows < batching.maximumRows; count++) {
      const next = this.#runs[count];
      const nextRows = next === undefined || next.isAlone ? undefined : rowCount(next.run);
      if (
        next === undefined ||
        nextRows === undefined ||
        rows + nextRows > batching.maximumRows ||
        !fitTogether(first.run, next.run)
      ) {
        return { count, isFull: true };
      }
      rows += nextRows;
    }
    return { count, isFull: rows >= batching.maximumRows };
  }

  #remove(test: (pending: PendingRun) => boolean): PendingRun[] {
    // Asked before each batch, and mostly in vain: then nothing is copied.
    if (!this.#runs.some(test)) return [];
    const removed: PendingRun[] = [];
    const kept: PendingRun[] = [];
    for (const pending of this.#runs) {
      (test(pending) ? removed : kept).push(pending);
    }
    this.#runs = kept;
    return removed;
  }
}

/** Nobody waits for the answer. */
export function clientGone(): ServeError {
  return new ServeError("RequestTimeout", "the client went away");
}

/** The time of a run ended while it waited. */
export function waitedTooLong({ arrivedMilliseconds }: PendingRun, nowMilliseconds: number): ServeError {
  const waited = Math.round(nowMilliseconds - arrivedMilliseconds);
  // More came than the model can take. As a passed deadline it would count against this server, and routers would
  // eject one after the other just when all of them are needed.
  return new ServeError("Overloaded", `waited ${waited} ms in the queue for the model`);
}
