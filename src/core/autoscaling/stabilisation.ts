/**
 * What keeps the number of replicas calm: small differences change nothing, and at most half go at once. Pure.
 *
 * Scaling out never waits: a replica too many for minutes costs less than requests that nobody answers. For how long scaling in
 * waits stands in `recent-needs.ts`.
 */

/**
 * Replicas to have beside those that are there or coming.
 *
 * @param needed by the load, not rounded.
 * @param current all that are there or coming.
 * @param tolerance share by which load and replicas may differ without a change, such as 0.1.
 */
export function stabilised(needed: number, current: number, tolerance: number): number {
  const rounded = Math.ceil(needed);
  if (needed > current * (1 + tolerance)) return rounded;
  if (needed >= current * (1 - tolerance)) return current;
  // Half at once: a silence of minutes may be a mistake.
  return Math.max(rounded, Math.ceil(current / 2));
}
