/**
 * A sum, which every test of counts begins with.
 */

/** The sum of all; NaN where one is missing. */
export function totalOf(numbers: ArrayLike<number>): number {
  let total = 0;
  for (let index = 0; index < numbers.length; index++) total += numbers[index] ?? Number.NaN;
  return total;
}
