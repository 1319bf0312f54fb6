/**
 * Runs one model where it costs least: a light one on the main thread, everything else in a worker.
 *
 * The worker always loads the model first, proves it and times it; only what it found to be light is loaded a
 * second time, on the main thread. The worker stays for the requests that are too large for that.
 */
import type { Executor, LoadedModel, Run, RunResult } from "./executor.ts";
import { InlineRunner, isLight } from "./inline-runner.ts";
import { ServeError } from "./serve-error.ts";
import { WorkerExecutor, type WorkerExecutorOptions } from "./worker-executor.ts";

/** The only provider whose runs belong to the thread that calls. */
const INLINE_PROVIDER = "CPU";

/** {@link Executor} of one model. */
export class ModelExecutor implements Executor {
  readonly #options: WorkerExecutorOptions;
  readonly #worker: WorkerExecutor;
  #inline: InlineRunner | undefined;
  #isStopped = false;
  #isLost = false;

  constructor(options: WorkerExecutorOptions) {
    this.#options = { ...options, onModelLost: (error) => this.#lose(error) };
    this.#worker = new WorkerExecutor(this.#options);
    this.#onModelLost = options.onModelLost;
  }

  readonly #onModelLost: (error: Error) => void;

  get pendingRuns(): number {
    return this.#worker.pendingRuns + (this.#inline?.pendingRuns ?? 0);
  }

  async load(): Promise<LoadedModel> {
    const { worker, batching, maximumQueuedRuns, clock } = this.#options;
    const loaded = await this.#worker.load();
    // Only with one thread is all that a run costs seen by the thread that timed it.
    const isTimed = worker.executionProvider === INLINE_PROVIDER && worker.intraOpThreads === 1;
    if (this.#isStopped || !isTimed || !isLight(loaded.cost)) {
      return loaded;
    }
    const onModelLost = (error: Error) => this.#lose(error);
    this.#inline = InlineRunner.load(worker, loaded, {
      batching,
      maximumQueuedRuns,
      clock,
      cpuMilliseconds: threadCpuMilliseconds,
      onModelLost,
    });
    return { ...loaded, placement: "Inline" };
  }

  run(run: Run): Promise<RunResult> {
    if (this.#isLost || this.#isStopped) {
      return Promise.reject(new ServeError("NotReady", "the model is not loaded"));
    }
    return this.#inline?.takes(run) === true ? this.#inline.run(run) : this.#worker.run(run);
  }

  stop(): Promise<boolean> {
    this.#isStopped = true;
    this.#inline?.release();
    this.#inline = undefined;
    return this.#worker.stop();
  }

  #lose(error: Error): void {
    if (!this.#isLost) {
      this.#isLost = true;
      this.#onModelLost(error);
    }
  }
}

function threadCpuMilliseconds(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
}
