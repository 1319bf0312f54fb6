/**
 * How uncertain a number is that was made of sums, whatever it is: left out one group of units after the other, it
 * moves by what that group had to say (delete-a-group jackknife; Wolter, Introduction to Variance Estimation, 2007,
 * chapter 4). What is within a group may depend on each other in any way.
 *
 *     s^2 = (G - 1) / G sum_g (v_(g) - mean)^2,   bounds v -+ t_(G-1) s
 *
 * Bounds hold for one look at a fixed set, not for looks at evidence that grows. Where nothing is known there are no
 * bounds, and never narrow ones.
 */
import { studentQuantile } from "./student-distribution.ts";
import { totalOf } from "./total.ts";

/** Fewer groups say too little of how they differ. */
export const LEAST_GROUPS = 10;

/** A number with its bounds. */
export interface GroupEstimate {
  readonly value: number;
  readonly standardError: number;
  /** Wrong with a probability of alpha, as the next. */
  readonly lower: number;
  readonly upper: number;
}

/** Why there are no bounds. */
export interface NoEstimate {
  readonly reason: string;
}

/**
 * @param value of all groups; undefined where they have none.
 * @param without the value without each of the groups that have anything.
 * @param alpha the probability that one of the bounds is wrong, below 0.5.
 */
export function groupEstimate(
  value: number | undefined,
  without: readonly (number | undefined)[],
  alpha: number,
): GroupEstimate | NoEstimate {
  if (value === undefined || !Number.isFinite(value)) return { reason: "it has no value on this set" };
  const groups = without.length;
  if (groups < LEAST_GROUPS) return { reason: `${groups} groups of the ${LEAST_GROUPS} needed` };
  const values = without.filter((one) => one !== undefined && Number.isFinite(one));
  if (values.length < groups) return { reason: "without one of the groups it has no value" };
  const numbers = values.map(Number);
  const mean = totalOf(numbers) / groups;
  const squares = totalOf(numbers.map((one) => (one - mean) ** 2));
  const standardError = Math.sqrt(((groups - 1) / groups) * squares);
  // What rounding alone leaves of a difference is none.
  if (!(standardError > 1e-12 * Math.max(1e-3, Math.abs(value))))
    return { reason: "the groups do not differ at all" };
  const width = studentQuantile(alpha, groups - 1) * standardError;
  return { value, standardError, lower: value - width, upper: value + width };
}

/** Whether there are bounds. */
export function isEstimate(estimate: GroupEstimate | NoEstimate): estimate is GroupEstimate {
  return "value" in estimate;
}
