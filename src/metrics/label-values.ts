/**
 * Looks at the labels of one request.
 */
import type { SettledRequest } from "./settled-request.ts";

/** Whether anything of the request has the label with a value above 0. */
export function hasLabel({ labels }: SettledRequest, label: string): boolean {
  return labels.some((one) => one.label === label && one.value > 0);
}

/** Sum of the label's values over the request, no less than 0 and no more than the cap. */
export function cappedTotal(
  { labels }: SettledRequest,
  label: string,
  cap = Number.POSITIVE_INFINITY,
): number {
  let total = 0;
  for (const one of labels) if (one.label === label) total += one.value;
  // Returned goods can make it negative. A gate's outcome is not.
  return Math.min(Math.max(total, 0), cap);
}

/** Sum of the label's values for each row that has it. */
export function valueByRow({ labels }: SettledRequest, label: string): ReadonlyMap<number, number> {
  const values = new Map<number, number>();
  for (const { label: name, row, value } of labels) {
    if (name === label && row !== undefined) values.set(row, (values.get(row) ?? 0) + value);
  }
  return values;
}
