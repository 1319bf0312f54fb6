/**
 * What a forecaster is: it is shown the values of slots, one after the other, and says what it expects of those that come.
 *
 * It sees nothing of what it is asked about, so that looking back over a history tests it honestly. It has no clock and no
 * chance: equal values give equal forecasts.
 */

/** How time is cut. */
export interface Season {
  readonly slotsPerDay: number;
}

/** A run over a history. */
export interface ForecastRun {
  /** Shows the next value: at least 0, or `NaN` for one that is not known. */
  add(value: number): void;
  /** Expected of the slot that comes so many after the last one that was shown; undefined while it cannot know. */
  forecast(ahead: number): number | undefined;
}

/** One way to forecast. */
export interface Forecaster {
  /** In CamelCase, as the status has it. */
  readonly name: string;
  /** Days that it looks back: it is shown no more before it is asked. */
  readonly memoryDays: number;
  start(season: Season): ForecastRun;
}
