/**
 * Runs the model in one worker thread behind a bounded queue, first in, first out.
 *
 * The queue is on this side: a full one refuses at once instead of letting every request become late. Only a
 * few runs are handed over at a time, enough that the worker never waits for the next. Where requests may be
 * joined, what waits when the worker has room goes to it together; an idle worker gets a request at once.
 */
import { Worker } from "node:worker_threads";
import type { Clock } from "../core/clock.ts";
import type { Executor, LoadedModel, Run, RunResult } from "./executor.ts";
import type {
  ModelCost,
  ModelWorkerData,
  ModelWorkerReply,
  ModelWorkerRequest,
} from "./model-worker-message.ts";
import { type Batching, joinRows, rowCount, splitRows } from "./row-batch.ts";
import { type PendingRun, RunQueue, waitedTooLong } from "./run-queue.ts";
import { ServeError } from "./serve-error.ts";
import type { Tensor } from "./tensor.ts";

/** How the executor is set up. */
export interface WorkerExecutorOptions {
  readonly worker: Omit<ModelWorkerData, "checkIndependentRows">;
  /** Whether and how requests are joined; the model must then prove that its rows are independent. */
  readonly batching: Batching | undefined;
  /** Most runs that wait for the worker. */
  readonly maximumQueuedRuns: number;
  /** Longest time of a run, whatever its own deadline. */
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

/** A model that a worker has loaded, and what it costs. */
export interface WorkerLoadedModel extends LoadedModel {
  readonly cost: ModelCost;
}

/** Runs handed to the worker at once: one that runs, and one that it finds ready when it is done. */
const RUNS_AT_WORKER = 2;
/** Longest wait for the worker to end what it is doing and free the model. */
const STOP_TIMEOUT_MILLISECONDS = 5_000;

/** {@link Executor} with one worker thread. */
export class WorkerExecutor implements Executor {
  readonly #options: WorkerExecutorOptions;
  readonly #queue: RunQueue;
  /** The runs of each message that the worker has not answered, in their order. */
  readonly #atWorker = new Map<number, readonly PendingRun[]>();
  #worker: Worker | undefined;
  #state: "New" | "Loading" | "Loaded" | "Stopped" = "New";
  #nextId = 1;
  #runsAtWorker = 0;
  #armedDeadlineMilliseconds = Number.POSITIVE_INFINITY;
  #cancelDeadline: (() => void) | undefined;
  #cancelPatience: (() => void) | undefined;
  /** Guards the run that the worker is busy with, the oldest of those at the worker. */
  #cancelHangTimer: (() => void) | undefined;
  #isHung = false;

  constructor(options: WorkerExecutorOptions) {
    this.#options = options;
    this.#queue = new RunQueue(options.batching);
  }

  get pendingRuns(): number {
    return this.#queue.length + this.#runsAtWorker;
  }

  load(): Promise<WorkerLoadedModel> {
    if (this.#state !== "New") {
      throw new Error(`a model is loaded once, but the executor is ${this.#state}`);
    }
    this.#state = "Loading";
    const { clock, batching } = this.#options;
    const start = clock.monotonic();
    const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
    // ONNX Runtime reads this when it is loaded, from the environment of the process, which a worker cannot change.
    // Without it, it uploads usage data to its vendor.
    process.env["ORT_DISABLE_TELEMETRY"] = "1";
    const workerData: ModelWorkerData = {
      ...this.#options.worker,
      checkIndependentRows: batching !== undefined,
    };
    const worker = new Worker(new URL(`./model-worker.${extension}`, import.meta.url), {
      workerData,
      name: "model",
    });
    this.#worker = worker;
    return new Promise((resolve, reject) => {
      worker.on("message", (reply: ModelWorkerReply) => {
        if (reply.type === "Loaded") {
          if (this.#state === "Loading") {
            this.#state = "Loaded";
          }
          const { signature, cost } = reply;
          resolve({ signature, cost, loadMilliseconds: clock.monotonic() - start, placement: "Worker" });
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
      const { clock, runTimeoutMilliseconds } = this.#options;
      const arrivedMilliseconds = clock.monotonic();
      const latest = arrivedMilliseconds + runTimeoutMilliseconds;
      const deadlineMilliseconds = Math.min(run.deadlineMilliseconds, latest);
      this.#queue.push({
        run: deadlineMilliseconds === run.deadlineMilliseconds ? run : { ...run, deadlineMilliseconds },
        arrivedMilliseconds,
        sentMilliseconds: 0,
        isExpired: false,
        isAlone: false,
        resolve,
        reject,
      });
      this.#send();
      if (deadlineMilliseconds < this.#armedDeadlineMilliseconds) {
        this.#armDeadline(deadlineMilliseconds);
      }
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
    const { maximumQueuedRuns } = this.#options;
    if (this.#queue.length >= maximumQueuedRuns) {
      this.#queue.dropCancelled();
    }
    return this.#queue.length < maximumQueuedRuns;
  }

  #send(): void {
    this.#cancelPatience?.();
    this.#cancelPatience = undefined;
    const wasIdle = this.#atWorker.size === 0;
    while (this.#atWorker.size < RUNS_AT_WORKER) {
      const { clock } = this.#options;
      const patience = this.#atWorker.size === 0 ? 0 : this.#queue.patienceMilliseconds(clock.monotonic());
      if (patience > 0) {
        this.#cancelPatience = clock.schedule(Math.ceil(patience), () => {
          this.#cancelPatience = undefined;
          this.#send();
        });
        break;
      }
      const batch = this.#queue.take();
      if (batch.length === 0) {
        break;
      }
      this.#post(batch);
    }
    if (wasIdle) {
      this.#watchForHang();
    }
  }

  #post(batch: readonly PendingRun[]): void {
    const [first] = batch;
    if (first === undefined) {
      return;
    }
    const id = this.#nextId++;
    const sentMilliseconds = this.#options.clock.monotonic();
    for (const pending of batch) {
      pending.sentMilliseconds = sentMilliseconds;
    }
    this.#atWorker.set(id, batch);
    this.#runsAtWorker += batch.length;
    const inputs = batch.length === 1 ? first.run.inputs : joinRows(batch.map(({ run }) => run.inputs));
    const { outputs } = first.run;
    this.#worker?.postMessage({ type: "Run", id, inputs, outputs } satisfies ModelWorkerRequest);
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
      this.#cancelHangTimer = undefined;
      this.#isHung = true;
      this.#lose(new Error(`the model hangs: one run gave no answer within ${limit} ms`));
    });
  }

  #finish(reply: Extract<ModelWorkerReply, { type: "Done" | "Failed" }>): void {
    const batch = this.#atWorker.get(reply.id) ?? [];
    this.#atWorker.delete(reply.id);
    this.#runsAtWorker -= batch.length;
    if (reply.type === "Failed" && !reply.modelIsHealthy) {
      for (const pending of batch) {
        pending.reject(new ServeError("Internal", `the model fails: ${reply.message}`));
      }
      this.#lose(new Error(`the model fails, on its warm-up input too: ${reply.message}`));
      return;
    }
    const parts = reply.type === "Failed" ? undefined : splitOutputs(reply.outputs, batch);
    if (batch.length > 1 && parts === undefined) {
      // One bad request must not fail the others: each is run by itself.
      this.#queue.putBackAlone(batch.filter(({ isExpired }) => !isExpired));
    }
    this.#send();
    this.#watchForHang();
    for (const [index, pending] of batch.entries()) {
      if (reply.type === "Failed") {
        if (batch.length === 1) {
          pending.reject(
            new ServeError("InvalidArgument", `the model fails on this input: ${reply.message}`),
          );
        }
      } else if (parts !== undefined) {
        pending.resolve({
          outputs: parts[index] ?? [],
          queueMilliseconds: pending.sentMilliseconds - pending.arrivedMilliseconds,
          computeMilliseconds: reply.computeMilliseconds,
          executions: index === 0 ? 1 : 0,
        });
      }
    }
  }

  /** One timer, for the earliest deadline of all. */
  #armDeadline(deadlineMilliseconds: number): void {
    this.#cancelDeadline?.();
    this.#cancelDeadline = undefined;
    this.#armedDeadlineMilliseconds = deadlineMilliseconds;
    if (deadlineMilliseconds === Number.POSITIVE_INFINITY) {
      return;
    }
    const { clock } = this.#options;
    const delay = Math.max(1, Math.ceil(deadlineMilliseconds - clock.monotonic()));
    this.#cancelDeadline = clock.schedule(delay, () => {
      this.#cancelDeadline = undefined;
      this.#expire();
      this.#armDeadline(this.#nextDeadline());
    });
  }

  #nextDeadline(): number {
    let earliest = this.#queue.nextDeadlineMilliseconds();
    for (const pending of [...this.#atWorker.values()].flat()) {
      if (!pending.isExpired) {
        earliest = Math.min(earliest, pending.run.deadlineMilliseconds);
      }
    }
    return earliest;
  }

  #expire(): void {
    const now = this.#options.clock.monotonic();
    for (const pending of this.#queue.takeExpired(now)) pending.reject(waitedTooLong(pending, now));
    for (const pending of [...this.#atWorker.values()].flat()) {
      if (!pending.isExpired && pending.run.deadlineMilliseconds <= now) {
        // The worker cannot be interrupted: its slot stays taken until it answers.
        pending.isExpired = true;
        const waited = Math.round(now - pending.arrivedMilliseconds);
        pending.reject(new ServeError("DeadlineExceeded", `the model gave no answer within ${waited} ms`));
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
    this.#armDeadline(Number.POSITIVE_INFINITY);
    this.#cancelHangTimer?.();
    this.#cancelHangTimer = undefined;
    this.#cancelPatience?.();
    this.#cancelPatience = undefined;
    for (const pending of [...[...this.#atWorker.values()].flat(), ...this.#queue.takeAll()]) {
      pending.reject(error);
    }
    this.#atWorker.clear();
    this.#runsAtWorker = 0;
  }
}

/** The outputs of each run of a batch, or undefined when they cannot be told apart. */
function splitOutputs(
  outputs: readonly Tensor[],
  batch: readonly PendingRun[],
): readonly (readonly Tensor[])[] | undefined {
  if (batch.length === 1) {
    return [outputs];
  }
  try {
    return splitRows(
      outputs,
      batch.map(({ run }) => rowCount(run) ?? 0),
    );
  } catch {
    return undefined;
  }
}
