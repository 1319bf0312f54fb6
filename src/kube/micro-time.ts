/**
 * `metav1.MicroTime`, the form of times in Leases and Events. The API server refuses any other number of
 * digits.
 */

/** Wall-clock milliseconds since the Unix epoch as RFC 3339 in UTC with six digits of a second. */
export function microTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace(/Z$/, "000Z");
}
