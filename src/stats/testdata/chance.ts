/**
 * Chance that repeats, under the name by which tests take it.
 */
export { Chance } from "../chance.ts";
