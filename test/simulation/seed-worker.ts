/**
 * A thread that simulates one seed after the other, as it is told to. `seed-runner.ts` is the other end.
 *
 * A thread of its own runs without the test framework around it, in which everything takes several times as long.
 */
import { parentPort } from "node:worker_threads";
import { PLANTED_BUGS } from "./planted-bugs/index.ts";
import type { SeedTask } from "./seed-runner.ts";
import { simulate } from "./simulation.ts";

parentPort?.on("message", async ({ seed, steps, plantedBug }: SeedTask) => {
  const substitutes = plantedBug === undefined ? {} : PLANTED_BUGS[plantedBug]?.substitutes;
  if (substitutes === undefined) throw new Error(`there is no planted bug ${plantedBug}`);
  parentPort?.postMessage(await simulate({ seed, steps, substitutes }));
});
