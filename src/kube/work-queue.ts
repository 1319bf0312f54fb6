/**
 * A queue of keys, after client-go's `workqueue`: what has to be looked at, never what happened to it.
 *
 * Two runs of an equal key never overlap, and a key added during its own run gets another one after it, so
 * nothing is missed. Failure backoff and timed wake-ups are apart: an appointment resets no failures, and a
 * retry replaces no appointment.
 */
import type { Clock } from "../core/clock.ts";
import { type Backoff, backoffMilliseconds, KEY_BACKOFF, type Random } from "./backoff.ts";

/** Told what the queue does, for metrics. Durations are in milliseconds. */
export interface WorkQueueObserver {
  /** A key was added that was not waiting yet. */
  added?(depth: number): void;
  /** A run began, so long after the key was added. */
  started?(key: string, depth: number, waitedMilliseconds: number): void;
  /** A run ended. */
  finished?(key: string, workedMilliseconds: number): void;
  /** A failed key was put off. */
  retried?(): void;
  /** The queue was stopped: what waited is dropped. */
  cleared?(): void;
}

/** What a queue needs. */
export interface WorkQueueOptions {
  /**
   * Does the work of one key. A rejection puts the key off with backoff; a resolution forgets its failures.
   */
  readonly work: (key: string) => Promise<void>;
  /** Runs at the same time. */
  readonly workers: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly backoff?: Backoff;
  readonly observer?: WorkQueueObserver;
}

/**
 * Longest single timer: a wall clock that jumps is noticed after an hour, and 32-bit timers do not overflow.
 */
const MAXIMUM_TIMER_MILLISECONDS = 3_600_000;

interface Moment {
  /** Monotonic time. */
  readonly dueAt: number;
  readonly cancel: () => void;
}

interface WakeUp {
  /** Wall-clock time, milliseconds since the Unix epoch. */
  readonly at: number;
  readonly cancel: () => void;
}

/** Keys that wait for a worker, and the workers. It does nothing before {@link start}. */
export class WorkQueue {
  readonly #options: WorkQueueOptions;
  /**
   * Keys that wait for a worker, with the monotonic time of their adding. Invariant: disjoint from
   * processing.
   */
  readonly #queue = new Map<string, number>();
  /** Keys added during their own run. Invariant: a subset of processing; each is queued when its run ends. */
  readonly #dirty = new Set<string>();
  /** Keys that run. Invariant: never more than there are workers. */
  readonly #processing = new Set<string>();
  /** Failures in a row. Invariant: no entry for a key whose last run went well. */
  readonly #failures = new Map<string, number>();
  /** Pending retries of failed keys. Invariant: at most one a key, and none for a key that waits or runs. */
  readonly #retries = new Map<string, () => void>();
  /**
   * Appointments. Invariant: at most one a key, the earliest; none older than the start of the key's last
   * run.
   */
  readonly #wakeUps = new Map<string, WakeUp>();
  /** Keys that are added in a moment. Invariant: at most one timer a key, the earliest, and none for a key that waits. */
  readonly #soon = new Map<string, Moment>();
  readonly #idle = new Set<() => void>();
  #state: "New" | "Running" | "Stopped" = "New";

  constructor(options: WorkQueueOptions) {
    this.#options = options;
  }

  /** Number of keys that wait for a worker. */
  get depth(): number {
    return this.#queue.size;
  }

  /** Lets the workers begin. */
  start(): void {
    if (this.#state === "New") this.#state = "Running";
    this.#dispatch();
  }

  /** Has the key looked at as soon as a worker is free. */
  add(key: string): void {
    if (this.#state === "Stopped") return;
    if (this.#processing.has(key)) {
      this.#dirty.add(key);
      return;
    }
    if (this.#queue.has(key)) return;
    this.#cancelRetry(key);
    this.#cancelSoon(key);
    this.#queue.set(key, this.#options.clock.monotonic());
    this.#options.observer?.added?.(this.#queue.size);
    this.#dispatch();
  }

  /**
   * Has the key looked at after a moment, unless it is looked at before. What comes within that moment is looked at
   * together; it is counted from the first. Of moments of several lengths the one that ends first counts.
   */
  addWithin(key: string, delayMilliseconds: number): void {
    if (this.#state === "Stopped" || this.#queue.has(key)) return;
    const { clock } = this.#options;
    const dueAt = clock.monotonic() + delayMilliseconds;
    const present = this.#soon.get(key);
    if (present !== undefined && present.dueAt <= dueAt) return;
    present?.cancel();
    const cancel = clock.schedule(delayMilliseconds, () => {
      this.#soon.delete(key);
      this.add(key);
    });
    this.#soon.set(key, { dueAt, cancel });
  }

  /**
   * Has the key looked at at a time (wall clock, milliseconds since the Unix epoch) unless it is looked at
   * before. Of several appointments the earliest wins; the start of a run drops it, for the run makes the
   * next. A wall clock that is set back meanwhile delays nothing: the key is looked at when it would have been, and
   * that look makes another appointment if it comes too early.
   */
  wakeAt(key: string, at: number): void {
    if (this.#state === "Stopped") return;
    if (!Number.isFinite(at)) throw new Error(`the wake-up of ${key} needs a time, got ${at}`);
    const present = this.#wakeUps.get(key);
    if (present !== undefined && present.at <= at) return;
    present?.cancel();
    const { clock } = this.#options;
    this.#schedule(key, at, clock.monotonic() + Math.max(0, at - clock.now()));
  }

  /** Takes no more keys, drops what waits, and resolves when the last run has ended. */
  async stop(): Promise<void> {
    this.#state = "Stopped";
    this.#queue.clear();
    this.#dirty.clear();
    this.#options.observer?.cleared?.();
    for (const key of [...this.#retries.keys()]) this.#cancelRetry(key);
    for (const key of [...this.#soon.keys()]) this.#cancelSoon(key);
    for (const key of [...this.#wakeUps.keys()]) this.#cancelWakeUp(key);
    if (this.#processing.size > 0) await new Promise<void>((resolve) => this.#idle.add(resolve));
  }

  #dispatch(): void {
    while (this.#state === "Running" && this.#processing.size < this.#options.workers) {
      const next = this.#queue.entries().next();
      if (next.done) return;
      const [key, addedAt] = next.value;
      this.#queue.delete(key);
      void this.#run(key, addedAt);
    }
  }

  async #run(key: string, addedAt: number): Promise<void> {
    const { clock, observer, work } = this.#options;
    const startedAt = clock.monotonic();
    this.#processing.add(key);
    this.#cancelWakeUp(key);
    observer?.started?.(key, this.#queue.size, startedAt - addedAt);
    let failed = false;
    try {
      await work(key);
    } catch {
      failed = true;
    }
    this.#processing.delete(key);
    observer?.finished?.(key, clock.monotonic() - startedAt);
    if (!failed) this.#failures.delete(key);
    else if (this.#state !== "Stopped") this.#putOff(key);

    // What changed during the run is looked at at once, failed or not: it may be the remedy.
    if (this.#dirty.delete(key)) this.add(key);
    if (this.#processing.size === 0) {
      for (const resolve of this.#idle) resolve();
      this.#idle.clear();
    }
    this.#dispatch();
  }

  #putOff(key: string): void {
    const { backoff = KEY_BACKOFF, clock, random, observer } = this.#options;
    const failures = (this.#failures.get(key) ?? 0) + 1;
    this.#failures.set(key, failures);
    observer?.retried?.();
    const cancel = clock.schedule(backoffMilliseconds(backoff, failures, random), () => {
      this.#retries.delete(key);
      this.add(key);
    });
    this.#retries.set(key, cancel);
  }

  #schedule(key: string, at: number, dueAt: number): void {
    const { clock } = this.#options;
    const wait = Math.max(0, Math.min(at - clock.now(), dueAt - clock.monotonic()));
    const cancel = clock.schedule(Math.min(wait, MAXIMUM_TIMER_MILLISECONDS), () => {
      this.#wakeUps.delete(key);
      if (clock.now() >= at || clock.monotonic() >= dueAt) this.add(key);
      else this.#schedule(key, at, dueAt);
    });
    this.#wakeUps.set(key, { at, cancel });
  }

  #cancelRetry(key: string): void {
    this.#retries.get(key)?.();
    this.#retries.delete(key);
  }

  #cancelSoon(key: string): void {
    this.#soon.get(key)?.cancel();
    this.#soon.delete(key);
  }

  #cancelWakeUp(key: string): void {
    this.#wakeUps.get(key)?.cancel();
    this.#wakeUps.delete(key);
  }
}
