/**
 * What is known of the load of a pool: a few counts for each interval, as routers and servers push them, and sums of the
 * last ones. Counts add: over routers, over servers and over time.
 *
 * Nothing here may invent a count: an interval that nobody told of is not there.
 */

/** Counts of one interval, over all that told of it. */
export interface LoadSample {
  /** Its end, in milliseconds since the Unix epoch. */
  readonly atMilliseconds: number;
  /** How long it was, above 0. */
  readonly seconds: number;
  /** Requests that came, those that were refused included. */
  readonly arrived: number;
  /** Requests that were answered. */
  readonly answered: number;
  /** Seconds that servers worked on requests, added up: a mean concurrency, times the length. */
  readonly busySeconds: number;
}

/** Sums of some intervals. */
export interface LoadSums {
  readonly seconds: number;
  readonly arrived: number;
  readonly answered: number;
  readonly busySeconds: number;
}

/** Samples that ended within the last seconds; from the oldest to the newest, as they came. */
export function lastSamples(
  samples: readonly LoadSample[],
  nowMilliseconds: number,
  seconds: number,
): readonly LoadSample[] {
  const from = nowMilliseconds - 1_000 * seconds;
  return samples.filter(({ atMilliseconds }) => atMilliseconds > from && atMilliseconds <= nowMilliseconds);
}

/** Their sums. */
export function sumsOf(samples: readonly LoadSample[]): LoadSums {
  let [seconds, arrived, answered, busySeconds] = [0, 0, 0, 0];
  for (const sample of samples) {
    seconds += sample.seconds;
    arrived += sample.arrived;
    answered += sample.answered;
    busySeconds += sample.busySeconds;
  }
  return { seconds, arrived, answered, busySeconds };
}

/** So many samples have to tell of answers until they say what is usual: ten minutes. */
const LEAST_TELLING = 40;

/**
 * Seconds that a request usually takes: the median of the samples, so that a time of overload, in which requests wait in
 * servers, does not count. Of few samples it is what was known before, if anything was; undefined where nobody knows.
 */
export function usualServiceSeconds(
  samples: readonly LoadSample[],
  known: number | undefined,
): number | undefined {
  const telling = samples.filter(({ answered }) => answered > 0);
  if (telling.length < LEAST_TELLING && known !== undefined) return known;
  return telling
    .map(({ busySeconds, answered }) => busySeconds / answered)
    .toSorted((left, right) => left - right)[Math.floor(telling.length / 2)];
}
