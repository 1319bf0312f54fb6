/**
 * Simulates many seeds on as many threads as there are processors.
 */
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import type { SeedWorkerData } from "./seed-worker.ts";
import type { SimulationResult } from "./simulation.ts";

/** What to run. */
export interface SeedRun extends SeedWorkerData {
  readonly seeds: readonly number[];
}

const MAXIMUM_THREADS = 8;

/** Simulates each seed and gives its result when it is there; in no order. Leaving the loop ends the threads. */
export async function* runSeeds({ seeds, ...data }: SeedRun): AsyncGenerator<SimulationResult> {
  const waiting = [...seeds];
  const arrived: SimulationResult[] = [];
  let failure: Error | undefined;
  let wake = () => {};
  const count = Math.min(availableParallelism(), MAXIMUM_THREADS, seeds.length);
  const workers = Array.from({ length: count }, () => {
    const worker = new Worker(new URL("./seed-worker.ts", import.meta.url), { workerData: data });
    const next = () => {
      const seed = waiting.shift();
      if (seed !== undefined) worker.postMessage(seed);
    };
    worker.on("message", (result: SimulationResult) => {
      arrived.push(result);
      next();
      wake();
    });
    worker.on("error", (error: Error) => {
      failure = error;
      wake();
    });
    next();
    return worker;
  });
  try {
    for (let missing = seeds.length; missing > 0; missing--) {
      while (arrived.length === 0) {
        if (failure !== undefined) throw failure;
        const { promise, resolve } = Promise.withResolvers<void>();
        wake = resolve;
        await promise;
      }
      const result = arrived.shift();
      if (result !== undefined) yield result;
    }
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}
