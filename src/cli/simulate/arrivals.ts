/**
 * The requests of every second of a trace: Poisson by its rate, from a seed. Pure.
 *
 * They are drawn once and given to every scaler, so that what differs between two of them is not chance.
 */
import type { Chance } from "../../stats/chance.ts";
import { type LoadTrace, secondsOf } from "./load-trace.ts";

/** Mean from which a Poisson count is drawn as a normal, rounded: they differ by less than a request there. */
const MANY = 50;

/** Requests of each second. */
export function arrivalsOf(trace: LoadTrace, chance: Chance): Float64Array {
  const arrivals = new Float64Array(secondsOf(trace));
  for (let second = 0; second < arrivals.length; second++) {
    const mean = trace.rates[Math.floor(second / trace.stepSeconds)] ?? 0;
    arrivals[second] = mean < MANY ? few(mean, chance) : many(mean, chance);
  }
  return arrivals;
}

/** By counting uniform draws until their product falls below exp(-mean) (Knuth, TAOCP 2, 3.4.1). */
function few(mean: number, chance: Chance): number {
  const end = Math.exp(-mean);
  let [count, product] = [0, chance.uniform()];
  while (product > end) {
    count++;
    product *= chance.uniform();
  }
  return count;
}

function many(mean: number, chance: Chance): number {
  return Math.max(0, Math.round(mean + Math.sqrt(mean) * chance.normal()));
}
