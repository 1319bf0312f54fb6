/**
 * Load over time as a replay takes it: the mean of requests a second for each step of time, and what can be done to it.
 * Pure.
 */

/** Requests a second, step by step. */
export interface LoadTrace {
  /** Milliseconds since the Unix epoch of its first step, from which hours of the day are told. */
  readonly startMilliseconds: number;
  readonly stepSeconds: number;
  /** Mean of each step, in requests a second; none is negative. */
  readonly rates: Float64Array;
}

/** How long it is. */
export function secondsOf({ rates, stepSeconds }: LoadTrace): number {
  return rates.length * stepSeconds;
}

/** Its largest step, in requests a second. */
export function peakOf({ rates }: LoadTrace): number {
  return rates.reduce((peak, rate) => Math.max(peak, rate), 0);
}

/** The same shape with another peak. */
export function scaledTo(trace: LoadTrace, peak: number): LoadTrace {
  const factor = peak / peakOf(trace);
  return { ...trace, rates: trace.rates.map((rate) => rate * factor) };
}

/** Load that comes on top for a while. */
export interface AddedLoad {
  readonly fromSecond: number;
  readonly lastsSeconds: number;
  /** In requests a second. */
  readonly rate: number;
  /** In which it rises, and before its end falls, in equal parts; at once where it is left out. */
  readonly rampSeconds?: number;
}

/** The trace with more load at times. */
export function withAdded(trace: LoadTrace, added: readonly AddedLoad[]): LoadTrace {
  const rates = trace.rates.slice();
  for (const { fromSecond, lastsSeconds, rate, rampSeconds = 0 } of added) {
    const first = Math.ceil(fromSecond / trace.stepSeconds);
    const end = Math.ceil((fromSecond + lastsSeconds) / trace.stepSeconds);
    const ramp = Math.max(1, rampSeconds / trace.stepSeconds);
    for (let step = Math.max(0, first); step < Math.min(rates.length, end); step++) {
      const share = Math.min(1, (step - first + 1) / ramp, (end - step) / ramp);
      rates[step] = (rates[step] ?? 0) + share * rate;
    }
  }
  return { ...trace, rates };
}
