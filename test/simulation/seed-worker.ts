/**
 * A thread that simulates one seed after the other, as it is told to. `seed-runner.ts` is the other end.
 *
 * A thread of its own runs without the test framework around it, in which everything takes several times as long.
 */
import { parentPort, workerData } from "node:worker_threads";
import { PLANTED_BUGS } from "./planted-bugs.ts";
import { simulate } from "./simulation.ts";

/** What a thread is told when it is made. */
export interface SeedWorkerData {
  readonly steps: number;
  /** Place in the list of planted bugs; absent for the operator as it is. */
  readonly plantedBug?: number;
}

const { steps, plantedBug }: SeedWorkerData = workerData;
const substitutes = plantedBug === undefined ? {} : PLANTED_BUGS[plantedBug]?.substitutes;
if (substitutes === undefined) throw new Error(`there is no planted bug ${plantedBug}`);

parentPort?.on("message", async (seed: number) => {
  parentPort?.postMessage(await simulate({ seed, steps, substitutes }));
});
