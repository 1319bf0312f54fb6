/**
 * Runs the model in one worker thread behind a bounded queue, first in, first out.
 *
 * The queue is on this side: a run whose client went away or whose time is over is dropped before it costs
 * the worker anything, and a full queue refuses at once instead of letting every request become late. Only a
 * few runs are handed over at a time, enough that the worker never waits for the next.
 */
import { Worker } from "node:worker_threads";
import type { Clock } from "../core/clock.ts";
import type { Executor, LoadedModel, Run, RunResult } from "./executor.ts";
import type { ModelWorkerData, ModelWorkerReply, ModelWorkerRequest } from "./model-worker-message.ts";
import { ServeError } from "./serve-error.ts";

/** How the executor is set up. */
export interface WorkerExecutorOptions {
  readonly worker: ModelWorkerData;
  /** Most runs that wait for the worker. */
  readonly maximumQueuedRuns: number;
  /** Longest time of a run, from its arrival to its answer. */
  readonly runTimeoutMilliseconds: number;
  /** How much longer than that the worker may be busy with one run before it counts as hung. */
  readonly hangGraceMilliseconds: number;
  readonly clock: Clock;
  /**
   * Called once when the loaded model serves no more: its worker ended by itself or hangs, or it fails on its
   * warm-up input. It does not come back; {@link WorkerExecutor.stop} is still to be called.
   */
  readonly onModelLost: (error: Error) => void;
}

/** Runs handed to the worker at once: one that runs, and one that it finds ready when it is done. */
const RUNS_AT_WORKER = 2;
/** Longest wait for the worker to end what it is doing and free the model. */
const STOP_TIMEOUT_MILLISECONDS = 5_000;

interface PendingRun {
  readonly run: Run;
  readonly arrivedMilliseconds: number;
  /** When it was given to the worker. */
  sentMilliseconds: number;
  /** Set once its time is over and its client has been told, while the worker may still be busy with it. */
  isExpired: boolean;
  readonly resolve: (result: RunResult) => void;
  readonly reject: (error: Error) => void;
}

/** {@link Executor} with one worker thread. */
export class WorkerExecutor implements Executor {
  readonly #options: WorkerExecutorOptions;
  #worker: Worker | undefined;
  #state: "New" | "Loading" | "Loaded" | "Stopped" = "New";
  #nextId = 1;
  #queue: PendingRun[] = [];
  readonly #atWorker = new Map<number, PendingRun>();
  #cancelDeadline: (() => void) | undefined;
  /** Guards the run that the worker is busy with, the oldest of those at the worker. */
  #cancelHangTimer: (() => void) | undefined;
  #isHung = false;

  constructor(options: WorkerExecutorOptions) {
    this.#options = options;
  }

  get pendingRuns(): number {
    return this.#queue.length + this.#atWorker.size;
  }

  load(): Promise<LoadedModel> {
    if (this.#state !== "New") {
      throw new Error(`a model is loaded once, but the executor is ${this.#state}`);
    }
    this.#state = "Loading";
    const { clock } = this.#options;
    const start = clock.monotonic();
    const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
    // ONNX Runtime reads this when it is loaded, from the environment of the process, which a worker cannot change.
    // Without it, it uploads usage data to its vendor.
    process.env["ORT_DISABLE_TELEMETRY"] = "1";
    const worker = new Worker(new URL(`./model-worker.${extension}`, import.meta.url), {
      workerData: this.#options.worker,
      name: "model",
    });
    this.#worker = worker;
    return new Promise((resolve, reject) => {
      worker.on("message", (reply: ModelWorkerReply) => {
        if (reply.type === "Loaded") {
          if (this.#state === "Loading") {
            this.#state = "Loaded";
          }
          resolve({ signature: reply.signature, loadMilliseconds: clock.monotonic() - start });
        } else if (reply.type === "LoadFailed") {
          reject(new Error(reply.message));
        } else {
          this.#finish(reply);
        }
      });
      let failure: unknown;
      worker.on("error", (error) => {
        failure = error;
      });
      worker.on("exit", (code) => {
        const error = new Error(`the model worker ended with code ${code}`, { cause: failure });
        reject(error);
        this.#onExit(error);
      });
    });
  }

  run(run: Run): Promise<RunResult> {
    if (this.#state !== "Loaded") {
      return Promise.reject(new ServeError("NotReady", "the model is not loaded"));
    }
    if (this.#atWorker.size >= RUNS_AT_WORKER && !this.#hasRoom()) {
      return Promise.reject(
        new ServeError("Overloaded", `the queue is full: ${this.#queue.length} requests wait for the model`),
      );
    }
    return new Promise((resolve, reject) => {
      const arrivedMilliseconds = this.#options.clock.monotonic();
      this.#queue.push({ run, arrivedMilliseconds, sentMilliseconds: 0, isExpired: false, resolve, reject });
      const wasIdle = this.#atWorker.size === 0;
      this.#send();
      if (wasIdle) {
        this.#watchForHang();
      }
      this.#armDeadline();
    });
  }

  async stop(): Promise<boolean> {
    this.#state = "Stopped";
    this.#failAll(new ServeError("NotReady", "the server stops"));
    const worker = this.#worker;
    if (worker === undefined) {
      return true;
    }
    // Never `terminate()`: a thread that is ended inside ONNX Runtime aborts the whole process.
    worker.postMessage({ type: "Stop" } satisfies ModelWorkerRequest);
    if (this.#isHung) {
      worker.unref();
      return false;
    }
    return new Promise((resolve) => {
      const cancel = this.#options.clock.schedule(STOP_TIMEOUT_MILLISECONDS, () => {
        worker.unref();
        resolve(false);
      });
      worker.once("exit", () => {
        cancel();
        resolve(true);
      });
    });
  }

  /** Whether one more run may wait; runs that nobody waits for any more make room first. */
  #hasRoom(): boolean {
    if (this.#queue.length >= this.#options.maximumQueuedRuns) {
      const [dropped, kept] = partition(this.#queue, ({ run }) => run.isCancelled());
      this.#queue = kept;
      for (const pending of dropped) {
        pending.reject(new ServeError("RequestTimeout", "the client went away"));
      }
    }
    return this.#queue.length < this.#options.maximumQueuedRuns;
  }

  #send(): void {
    while (this.#atWorker.size < RUNS_AT_WORKER) {
      const pending = this.#queue.shift();
      if (pending === undefined) {
        return;
      }
      if (pending.run.isCancelled()) {
        pending.reject(new ServeError("RequestTimeout", "the client went away"));
        continue;
      }
      const id = this.#nextId++;
      pending.sentMilliseconds = this.#options.clock.monotonic();
      this.#atWorker.set(id, pending);
      const { inputs, outputs } = pending.run;
      this.#worker?.postMessage({ type: "Run", id, inputs, outputs } satisfies ModelWorkerRequest);
    }
  }

  /** Starts to wait for the run that the worker takes up now, if there is one. */
  #watchForHang(): void {
    this.#cancelHangTimer?.();
    this.#cancelHangTimer = undefined;
    if (this.#atWorker.size === 0) {
      return;
    }
    const { clock, runTimeoutMilliseconds, hangGraceMilliseconds } = this.#options;
    const limit = runTimeoutMilliseconds + hangGraceMilliseconds;
    this.#cancelHangTimer = clock.schedule(limit, () => {
      this.#isHung = true;
      this.#lose(new Error(`the model hangs: one run gave no answer within ${limit} ms`));
    });
  }

  #finish(reply: Extract<ModelWorkerReply, { type: "Done" | "Failed" }>): void {
    const pending = this.#atWorker.get(reply.id);
    this.#atWorker.delete(reply.id);
    if (reply.type === "Failed" && !reply.modelIsHealthy) {
      pending?.reject(new ServeError("Internal", `the model fails: ${reply.message}`));
      this.#lose(new Error(`the model fails, on its warm-up input too: ${reply.message}`));
      return;
    }
    this.#send();
    this.#watchForHang();
    if (pending === undefined) {
      return;
    }
    if (reply.type === "Failed") {
      pending.reject(new ServeError("InvalidArgument", `the model fails on this input: ${reply.message}`));
      return;
    }
    pending.resolve({
      outputs: reply.outputs,
      queueMilliseconds: pending.sentMilliseconds - pending.arrivedMilliseconds,
      computeMilliseconds: reply.computeMilliseconds,
    });
  }

  /** One timer for the oldest run is enough: all runs have the same time and are kept in order. */
  #armDeadline(): void {
    if (this.#cancelDeadline !== undefined) {
      return;
    }
    const oldest = [...this.#atWorker.values()].find(({ isExpired }) => !isExpired) ?? this.#queue[0];
    if (oldest === undefined) {
      return;
    }
    const { clock, runTimeoutMilliseconds } = this.#options;
    const delay = oldest.arrivedMilliseconds + runTimeoutMilliseconds - clock.monotonic();
    this.#cancelDeadline = clock.schedule(Math.max(1, Math.ceil(delay)), () => {
      this.#cancelDeadline = undefined;
      this.#expire();
      this.#armDeadline();
    });
  }

  #expire(): void {
    const { clock, runTimeoutMilliseconds } = this.#options;
    const arrivedBefore = clock.monotonic() - runTimeoutMilliseconds;
    const isLate = ({ arrivedMilliseconds }: PendingRun) => arrivedMilliseconds <= arrivedBefore;
    const [late, kept] = partition(this.#queue, isLate);
    this.#queue = kept;
    for (const pending of late) {
      pending.reject(
        new ServeError("Overloaded", `waited ${runTimeoutMilliseconds} ms in the queue for the model`),
      );
    }
    for (const pending of this.#atWorker.values()) {
      if (!pending.isExpired && isLate(pending)) {
        // The worker cannot be interrupted: its slot stays taken until it answers.
        pending.isExpired = true;
        pending.reject(
          new ServeError("DeadlineExceeded", `the model gave no answer within ${runTimeoutMilliseconds} ms`),
        );
      }
    }
  }

  #onExit(error: Error): void {
    this.#worker = undefined;
    this.#isHung = false;
    if (this.#state === "Loaded") {
      this.#lose(error);
    } else {
      this.#state = "Stopped";
      this.#failAll(new ServeError("Internal", "the model worker ended"));
    }
  }

  /** Serves no more, and says so once. */
  #lose(error: Error): void {
    if (this.#state !== "Loaded") {
      return;
    }
    this.#state = "Stopped";
    this.#failAll(new ServeError("Internal", "the model is lost"));
    this.#options.onModelLost(error);
  }

  #failAll(error: ServeError): void {
    this.#cancelDeadline?.();
    this.#cancelDeadline = undefined;
    this.#cancelHangTimer?.();
    this.#cancelHangTimer = undefined;
    for (const pending of [...this.#atWorker.values(), ...this.#queue]) {
      pending.reject(error);
    }
    this.#atWorker.clear();
    this.#queue = [];
  }
}

function partition<T>(values: readonly T[], test: (value: T) => boolean): [T[], T[]] {
  const passed: T[] = [];
  const failed: T[] = [];
  for (const value of values) {
    (test(value) ? passed : failed).push(value);
  }
  return [passed, failed];
}
