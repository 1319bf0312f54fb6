/**
 * The scale on which values of a series are compared: beyond 1 by their proportion, near 0 by their difference.
 *
 * What a shop counts moves in proportions: half of the requests of a night is as unusual as half of those of a noon. A
 * share, or a count of nothing, has no proportion worth a name. `sign(x) ln(1 + |x|)` is both, and takes any number.
 */

/** A value on the scale. */
export function toScale(value: number): number {
  return Math.sign(value) * Math.log1p(Math.abs(value));
}

/** A value from where it stands on the scale. */
export function fromScale(place: number): number {
  return Math.sign(place) * Math.expm1(Math.abs(place));
}
