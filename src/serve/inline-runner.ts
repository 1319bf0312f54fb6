/**
 * Runs a light model on the main thread: handing a run of some microseconds to a worker and back costs several
 * times what the run does.
 *
 * Only for models that a worker has loaded and timed before. The time of a run is guessed from the size of its
 * input, and corrected by what runs really take, so that the event loop is never held for long by more than a
 * few requests. What arrives in one turn of the event loop runs at its end, together where requests may be joined,
 * else back to back, for ONNX Runtime is then still in the processor's caches: with other work in between a run costs
 * three times as much. None of them waits for more.
 */
import type { Clock } from "../core/clock.ts";
import type { Run, RunResult } from "./executor.ts";
import { InlineSession } from "./inline-session.ts";
import { ModelHealth } from "./model-health.ts";
import type { ModelCost } from "./model-worker-message.ts";
import type { SessionOptions } from "./onnx-session.ts";
import { type Batching, joinRows, rowCount, splitRows } from "./row-batch.ts";
import { type PendingRun, RunQueue, waitedTooLong } from "./run-queue.ts";
import { ServeError } from "./serve-error.ts";
import type { Tensor } from "./tensor.ts";
import type { WorkerLoadedModel } from "./worker-executor.ts";

/** What the runner is made of. */
export interface InlineRunnerOptions {
  readonly batching: Batching | undefined;
  /**
   * Most runs that wait for a batch, those of the next one aside. Without batching none waits for others, and
   * the bound of requests under way is the only one.
   */
  readonly maximumQueuedRuns: number;
  readonly clock: Clock;
  /** CPU time of this thread: a run that was only kept waiting by a busy machine is not slow. */
  readonly cpuMilliseconds: () => number;
  /** Called once when the model fails on its warm-up input too. */
  readonly onModelLost: (error: Error) => void;
}

/** Longest time for which making the session may hold the main thread. */
const MAXIMUM_CREATE_MILLISECONDS = 20;
/** Longest run that is expected to be done on the main thread. */
const MAXIMUM_RUN_MILLISECONDS = 0.5;
/** A run that computes so long was not expected; after some of these in a row, inputs of its size go to the worker. */
const SLOW_RUN_MILLISECONDS = 5;
const SLOW_RUNS_IN_A_ROW = 3;
/** A run that computes so long is enough by itself. */
const VERY_SLOW_RUN_MILLISECONDS = 50;
/** How long batches are run in one turn of the event loop; what still waits then comes in the next. */
const MAXIMUM_FLUSH_MILLISECONDS = 4;
/** How old the last reading of the CPU time may be when a run begins. */
const CPU_READING_MILLISECONDS = 2;

/** Whether a model may run on the main thread at all. */
export function isLight({ createMilliseconds, runMilliseconds }: ModelCost): boolean {
  return createMilliseconds <= MAXIMUM_CREATE_MILLISECONDS && runMilliseconds <= MAXIMUM_RUN_MILLISECONDS;
}

/** Runs on the main thread. */
export class InlineRunner {
  readonly #options: InlineRunnerOptions;
  readonly #session: InlineSession;
  readonly #queue: RunQueue;
  readonly #health: ModelHealth;
  #maximumElements: number;
  #slowRuns = 0;
  #cpu = { atMilliseconds: Number.NEGATIVE_INFINITY, milliseconds: 0 };
  #isScheduled = false;
  #isLost = false;

  private constructor(session: InlineSession, cost: ModelCost, options: InlineRunnerOptions) {
    this.#session = session;
    this.#options = options;
    this.#queue = new RunQueue(options.batching);
    this.#health = new ModelHealth(options.clock);
    const { runMilliseconds, warmUpElements } = cost;
    this.#maximumElements = (warmUpElements * MAXIMUM_RUN_MILLISECONDS) / Math.max(runMilliseconds, 0.001);
  }

  /**
   * Loads a model that {@link isLight}.
   *
   * @throws {Error} of ONNX Runtime.
   */
  static load(
    session: SessionOptions,
    { signature, cost }: WorkerLoadedModel,
    options: InlineRunnerOptions,
  ): InlineRunner {
    return new InlineRunner(InlineSession.load(session, signature, cost.warmUpSize), cost, options);
  }

  get pendingRuns(): number {
    return this.#queue.length;
  }

  /** Whether a run is expected to be short enough. */
  takes({ inputs }: Run): boolean {
    return !this.#isLost && elementsOf(inputs) <= this.#maximumElements;
  }

  /** Runs the model, as {@link Executor.run} does. */
  run(run: Run): Promise<RunResult> {
    const { batching, clock } = this.#options;
    const arrivedMilliseconds = clock.monotonic();
    if (batching !== undefined && !this.#hasRoom(batching)) {
      return Promise.reject(
        new ServeError("Overloaded", `the queue is full: ${this.#queue.length} requests wait for the model`),
      );
    }
    return new Promise((resolve, reject) => {
      const pending: PendingRun = {
        run,
        arrivedMilliseconds,
        sentMilliseconds: arrivedMilliseconds,
        isExpired: false,
        isAlone: false,
        resolve,
        reject,
      };
      this.#queue.push(pending);
      this.#schedule();
    });
  }

  /** Frees the model. */
  release(): void {
    this.#isLost = true;
    for (const pending of this.#queue.takeAll()) {
      pending.reject(new ServeError("NotReady", "the server stops"));
    }
    this.#session.release();
  }

  /** Whether one more run may wait; runs that nobody waits for any more make room first. */
  #hasRoom({ maximumRows }: Batching): boolean {
    const most = this.#options.maximumQueuedRuns + maximumRows;
    if (this.#queue.length >= most) {
      this.#queue.dropCancelled();
    }
    return this.#queue.length < most;
  }

  #schedule(): void {
    if (!this.#isScheduled) {
      this.#isScheduled = true;
      setImmediate(() => this.#flush());
    }
  }

  /** Runs what waits, batch after batch, but leaves the event loop to others between them. */
  #flush(): void {
    this.#isScheduled = false;
    const { clock } = this.#options;
    const start = clock.monotonic();
    let now = start;
    while (this.#queue.length > 0) {
      if (now - start > MAXIMUM_FLUSH_MILLISECONDS) {
        this.#schedule();
        return;
      }
      for (const pending of this.#queue.takeExpired(now)) pending.reject(waitedTooLong(pending, now));
      this.#runBatch(this.#queue.take());
      now = clock.monotonic();
    }
  }

  #runBatch(batch: readonly PendingRun[]): void {
    if (batch.length < 2 || !this.#runTogether(batch)) {
      batch.forEach((pending) => {
        this.#runAlone(pending);
      });
    }
  }

  /** Gives false when the batch failed: one bad request must not fail the others, so each is then run alone. */
  #runTogether(batch: readonly PendingRun[]): boolean {
    const start = this.#begin();
    let parts: readonly (readonly Tensor[])[];
    let computeMilliseconds: number;
    try {
      const inputs = joinRows(batch.map(({ run }) => run.inputs));
      const outputs = this.#session.run(inputs, batch[0]?.run.outputs ?? []);
      computeMilliseconds = this.#measure(start, elementsOf(inputs));
      parts = splitRows(
        outputs,
        batch.map(({ run }) => rowCount(run) ?? 0),
      );
    } catch {
      return false;
    }
    for (const [index, pending] of batch.entries()) {
      const queueMilliseconds = start - pending.arrivedMilliseconds;
      const executions = index === 0 ? 1 : 0;
      pending.resolve({ outputs: parts[index] ?? [], queueMilliseconds, computeMilliseconds, executions });
    }
    return true;
  }

  #runAlone({ run, arrivedMilliseconds, resolve, reject }: PendingRun): void {
    const start = this.#begin();
    try {
      const outputs = this.#session.run(run.inputs, run.outputs);
      const computeMilliseconds = this.#measure(start, elementsOf(run.inputs));
      const queueMilliseconds = start - arrivedMilliseconds;
      resolve({ outputs, queueMilliseconds, computeMilliseconds, executions: 1 });
    } catch (error) {
      const why = messageOf(error);
      if (this.#health.isKnown || this.#health.learn(this.#session.isHealthy())) {
        reject(new ServeError("InvalidArgument", `the model fails on this input: ${why}`));
        return;
      }
      reject(new ServeError("Internal", `the model fails: ${why}`));
      if (!this.#isLost) {
        this.#isLost = true;
        this.#options.onModelLost(new Error(`the model fails, on its warm-up input too: ${why}`));
      }
    }
  }

  /** Gives the time at which a run begins. */
  #begin(): number {
    const { clock, cpuMilliseconds } = this.#options;
    const now = clock.monotonic();
    if (now - this.#cpu.atMilliseconds > CPU_READING_MILLISECONDS) {
      this.#cpu = { atMilliseconds: now, milliseconds: cpuMilliseconds() };
    }
    return now;
  }

  /** Gives how long a run took, and sends its like to the worker from now on when it computed too long. */
  #measure(start: number, elements: number): number {
    const { clock, cpuMilliseconds } = this.#options;
    const milliseconds = clock.monotonic() - start;
    if (milliseconds <= SLOW_RUN_MILLISECONDS) {
      this.#slowRuns = 0;
      return milliseconds;
    }
    // What was computed since the last reading and before this run took at most the time in between.
    const before = start - this.#cpu.atMilliseconds;
    const computed = cpuMilliseconds() - this.#cpu.milliseconds - before;
    this.#slowRuns = computed > SLOW_RUN_MILLISECONDS ? this.#slowRuns + 1 : 0;
    if (this.#slowRuns >= SLOW_RUNS_IN_A_ROW || computed > VERY_SLOW_RUN_MILLISECONDS) {
      this.#maximumElements = Math.min(this.#maximumElements, elements / 2);
      this.#slowRuns = 0;
    }
    return milliseconds;
  }
}

/** By shape, not by class: an error of the native code may be of another realm. */
function messageOf(error: unknown): string {
  const hasMessage = typeof error === "object" && error !== null && "message" in error;
  return hasMessage ? String(error.message) : String(error);
}

function elementsOf(inputs: Run["inputs"]): number {
  let elements = 0;
  for (const input of inputs) {
    elements += input.elements.length;
  }
  return elements;
}
