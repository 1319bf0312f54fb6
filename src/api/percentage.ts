/**
 * Shares of the traffic as people write them (`0.5%`), and as all code counts them: parts of 10,000. Pure.
 */
import Type from "typebox";
import { matching } from "./schema.ts";
import { FULL_WEIGHT } from "./traffic-plan.ts";

/** Parts of {@link FULL_WEIGHT} in one per cent. */
const PARTS_PER_CENT = FULL_WEIGHT / 100;

const PATTERN = "^[0-9]{1,3}(\\.[0-9]{1,2})?%$";

/** The text is no percentage. The message says what was expected and what came. */
export class PercentageError extends Error {
  override readonly name = "PercentageError";
}

/** JSON Schema of a percentage with at most two decimals, such as `10%` or `0.5%`. */
export function percentageSchema(description: string) {
  return Type.String({
    minLength: 2,
    maxLength: 7,
    ...matching(PATTERN, "must be a percentage such as 10% or 0.5%"),
    description,
  });
}

/**
 * Reads a percentage into parts of 10,000: `0.5%` is 50.
 *
 * @throws {PercentageError} when the text is none, or more than 100%.
 */
export function parsePercentage(text: string): number {
  const [, whole = "", fraction = ""] = /^([0-9]{1,3})(?:\.([0-9]{1,2}))?%$/.exec(text) ?? [];
  const weight = Number(whole) * PARTS_PER_CENT + Number(fraction.padEnd(2, "0"));
  if (whole !== "" && weight <= FULL_WEIGHT) return weight;
  throw new PercentageError(
    `expected a percentage from 0% to 100% such as 10% or 0.5%, got ${JSON.stringify(text.slice(0, 16))}`,
  );
}

/**
 * Reads a percentage of any size as a share: `250%` is 2.5.
 *
 * @throws {PercentageError} when the text is none.
 */
export function parseShare(text: string): number {
  if (new RegExp(PATTERN).test(text)) return Number(text.slice(0, -1)) / 100;
  throw new PercentageError(
    `expected a percentage such as 10% or 0.5%, got ${JSON.stringify(text.slice(0, 16))}`,
  );
}

/** Writes parts of 10,000 as the shortest percentage: 50 is `0.5%`. */
export function formatPercentage(weight: number): string {
  return `${weight / PARTS_PER_CENT}%`;
}
