/**
 * All forecasters that there are. A new one is a file, a line here and a row in their conformance table.
 */
import type { Forecaster } from "./forecaster.ts";
import { FOURIER } from "./fourier.ts";
import { HOLT_WINTERS } from "./holt-winters.ts";
import { MEDIAN_OF_DAYS } from "./median-of-days.ts";
import { DAY_BEFORE, WEEK_BEFORE } from "./seasonal-naive.ts";

/** In the order in which they are preferred where they are equally good: the simplest first. */
export const FORECASTERS: readonly Forecaster[] = [
  DAY_BEFORE,
  MEDIAN_OF_DAYS,
  WEEK_BEFORE,
  HOLT_WINTERS,
  FOURIER,
];

/** The one of this name. */
export function forecasterNamed(name: string): Forecaster | undefined {
  return FORECASTERS.find((forecaster) => forecaster.name === name);
}
