/**
 * Why a declared metric cannot be made.
 */

/** A metric was declared in a way that cannot be counted. */
export class MetricSettingsError extends Error {
  override readonly name = "MetricSettingsError";
  /** The metric's name. */
  readonly metric: string;
  readonly expected: string;
  readonly found: string;

  constructor(metric: string, expected: string, found: string) {
    super(`metric ${JSON.stringify(metric)}: expected ${expected}, found ${found}`);
    this.metric = metric;
    this.expected = expected;
    this.found = found;
  }
}
