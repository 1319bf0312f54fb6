/**
 * What scores reach once in so many looks while there is nothing but noise that is normal and independent from look to
 * look. No real series is so: these are the least that a limit can be.
 */
import { crossing } from "../stats/crossing.ts";
import { normalQuantile } from "../stats/normal-distribution.ts";
import { ALLOWANCE } from "./change-point.ts";

/** Beyond any sum that is waited for: it would take longer than there are looks. */
const HIGHEST_SUM = 1_000;
/** Siegmund's correction for a sum that is looked at in steps. */
const OVERSHOOT = 1.166;

/** Distance from the mean in standard deviations, upwards or downwards. `looks` is more than 1. */
export function distanceLimit(looks: number): number {
  return -normalQuantile(1 / (2 * Math.max(looks, 2)));
}

/** Height of the larger of both cumulative sums: the mean time of Siegmund (Sequential Analysis, 1985, section 2.6). */
export function cumulativeSumLimit(looks: number): number {
  return crossing(0, HIGHEST_SUM, (height) => {
    const corrected = height + OVERSHOOT;
    const exponent = 2 * ALLOWANCE * corrected;
    const looksOneSided = (Math.expm1(exponent) - exponent) / (2 * ALLOWANCE ** 2);
    return looksOneSided / 2 < looks;
  });
}
