/**
 * Simulates many seeds on as many threads as there are processors.
 */
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import type { SimulationResult } from "./simulation-result.ts";

/** What a thread is told to simulate. */
export interface SeedTask {
  readonly seed: number;
  readonly steps: number;
  /** Place in the list of planted bugs; absent for the operator as it is. */
  readonly plantedBug?: number;
}

/** What to run. */
export interface SeedRun extends Omit<SeedTask, "seed"> {
  readonly seeds: readonly number[];
}

const MAXIMUM_THREADS = 8;
/**
 * Seeds of one thread. Operators that are killed in a simulation never end what they wait for, and the runtime keeps what
 * listens to a signal that never comes: 3 MB a seed.
 */
const SEEDS_OF_A_THREAD = 200;
/** Most of what a simulation makes is garbage at once: a large nursery spares copying what is about to die. */
const RESOURCE_LIMITS = { maxYoungGenerationSizeMb: 64 };

/**
 * Threads that wait for seeds. To load the program takes as long as a few seeds, so they are used again. They begin
 * with the first seed: a file of which no test is run ends none.
 */
export class SeedRunner {
  readonly #idle: Worker[] = [];
  readonly #waiting: ((worker: Worker) => void)[] = [];
  readonly #workers = new Map<Worker, { seeds: number }>();
  #failure: Error | undefined;

  /** Simulates each seed and gives its result when it is there; in no order. Leaving the loop begins no more. */
  async *run({ seeds, ...rest }: SeedRun): AsyncGenerator<SimulationResult> {
    if (this.#workers.size === 0) this.#begin();
    const waiting = [...seeds];
    const running = new Map<number, Promise<SimulationResult>>();
    const fill = () => {
      while (running.size < this.#workers.size) {
        const seed = waiting.shift();
        if (seed === undefined) return;
        running.set(seed, this.#simulate({ seed, ...rest }));
      }
    };
    for (fill(); running.size > 0; fill()) {
      const result = await Promise.race(running.values());
      running.delete(result.seed);
      yield result;
    }
  }

  /** Ends the threads. */
  async end(): Promise<void> {
    await Promise.all([...this.#workers.keys()].map((worker) => worker.terminate()));
  }

  #begin(): void {
    const count = Math.min(availableParallelism(), MAXIMUM_THREADS);
    for (let index = 0; index < count; index++) this.#idle.push(this.#startWorker());
  }

  #startWorker(): Worker {
    const worker = new Worker(new URL("./seed-worker.ts", import.meta.url), {
      resourceLimits: RESOURCE_LIMITS,
    });
    worker.setMaxListeners(0);
    worker.on("error", (error: Error) => {
      this.#failure ??= error;
    });
    this.#workers.set(worker, { seeds: 0 });
    return worker;
  }

  /** The thread again, or another one in its place. */
  async #refreshed(worker: Worker): Promise<Worker> {
    const used = this.#workers.get(worker);
    if (used === undefined || ++used.seeds < SEEDS_OF_A_THREAD) return worker;
    const next = this.#startWorker();
    this.#workers.delete(worker);
    await worker.terminate();
    return next;
  }

  async #simulate(task: SeedTask): Promise<SimulationResult> {
    const worker = this.#idle.pop() ?? (await new Promise<Worker>((resolve) => this.#waiting.push(resolve)));
    if (this.#failure !== undefined) throw this.#failure;
    const { promise, resolve, reject } = Promise.withResolvers<SimulationResult>();
    worker.once("message", resolve);
    worker.once("error", reject);
    worker.postMessage(task);
    try {
      return await promise;
    } finally {
      worker.off("message", resolve);
      worker.off("error", reject);
      const ready = await this.#refreshed(worker);
      const next = this.#waiting.shift();
      if (next === undefined) this.#idle.push(ready);
      else next(ready);
    }
  }
}
