/**
 * How much is simulated: from the environment, with bounds.
 *
 * `PETREL_SIMULATION_SEEDS` runs so many seeds, `PETREL_SIMULATION_SEED` this one alone, `PETREL_SIMULATION_STEPS`
 * takes so many steps in each.
 */
import { isFullRun } from "../full-run.ts";

/** What to run. */
export interface SimulationSettings {
  readonly seeds: readonly number[];
  readonly steps: number;
}

const DEFAULT_SEEDS = 2_000;
/** With `npm run test:full`. */
const FULL_SEEDS = 20_000;
const DEFAULT_STEPS = 200;
const MAXIMUM = 1_000_000_000;

/** Reads the settings. Throws on a value that is no whole number, or out of bounds. */
export function readSettings(environment: Readonly<Record<string, string | undefined>>): SimulationSettings {
  const read = (name: string, otherwise: number): number => {
    const text = environment[name];
    if (text === undefined || text === "") return otherwise;
    const value = Number(text);
    if (Number.isInteger(value) && value >= 1 && value <= MAXIMUM) return value;
    throw new Error(`${name}: expected a whole number from 1 to ${MAXIMUM}, got ${JSON.stringify(text)}`);
  };
  const count = read("PETREL_SIMULATION_SEEDS", isFullRun(environment) ? FULL_SEEDS : DEFAULT_SEEDS);
  const isOne = (environment["PETREL_SIMULATION_SEED"] ?? "") !== "";
  const first = read("PETREL_SIMULATION_SEED", 1);
  return {
    seeds: Array.from({ length: isOne ? 1 : count }, (_, index) => first + index),
    steps: read("PETREL_SIMULATION_STEPS", DEFAULT_STEPS),
  };
}
