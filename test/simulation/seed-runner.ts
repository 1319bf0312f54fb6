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
/** Most of what a simulation makes is garbage at once: a large nursery spares copying what is about to die. */
const RESOURCE_LIMITS = { maxYoungGenerationSizeMb: 64 };

/**
 * Threads that wait for seeds. To load the program takes as long as a few seeds, so they are used again. They begin
 * with the first seed: a file of which no test is run ends none.
 */
export class SeedRunner {
  readonly #idle: Worker[] = [];
  readonly #waiting: ((worker: Worker) => void)[] = [];
  #workers: readonly Worker[] = [];
  #failure: Error | undefined;

  /** Simulates each seed and gives its result when it is there; in no order. Leaving the loop begins no more. */
  async *run({ seeds, ...rest }: SeedRun): AsyncGenerator<SimulationResult> {
    if (this.#workers.length === 0) this.#begin();
    const waiting = [...seeds];
    const running = new Map<number, Promise<SimulationResult>>();
    const fill = () => {
      while (running.size < this.#workers.length) {
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
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }

  #begin(): void {
    const count = Math.min(availableParallelism(), MAXIMUM_THREADS);
    this.#workers = Array.from({ length: count }, () => {
      const worker = new Worker(new URL("./seed-worker.ts", import.meta.url), {
        resourceLimits: RESOURCE_LIMITS,
      });
      worker.setMaxListeners(0);
      worker.on("error", (error: Error) => {
        this.#failure ??= error;
      });
      this.#idle.push(worker);
      return worker;
    });
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
      const next = this.#waiting.shift();
      if (next === undefined) this.#idle.push(worker);
      else next(worker);
    }
  }
}
