/**
 * How large a detector's score must be for an alarm, so that alarms come once in the time that was asked for, whatever
 * the series is like.
 *
 * No formula knows the tails of a series of a shop, nor how its hours depend on each other. So the threshold is learned:
 * it starts beyond all that a time of learning had, rises by a factor with each alarm, and falls by the same factor in
 * the time in which one alarm is allowed. Alarms then cannot come more often for long: each pays for its time (the rate
 * follows for any series, Gibbs and Candès 2021). It never falls below the score that pure noise would reach as often.
 */

/** How an alarm threshold is set. */
export interface ThresholdSettings {
  /** Looks in the time in which one false alarm is allowed. */
  readonly looksPerAlarm: number;
  /** Looks that only teach. */
  readonly learningLooks: number;
  /** What the score of independent normal noise reaches once in `looksPerAlarm`: the threshold is never lower. */
  readonly floor: number;
}

/** What a threshold remembers: two numbers, to be kept between looks. */
export interface ThresholdState {
  readonly looks: number;
  /** Natural logarithm of the threshold. */
  readonly logThreshold: number;
}

/** Logarithm of the factor by which an alarm raises the threshold. */
const RISE = Math.log(2);
/** How far beyond the largest score of the time of learning the threshold starts. */
const HEADROOM = Math.log(1.5);

/** Before the first look. */
export const UNTAUGHT: ThresholdState = { looks: 0, logThreshold: Number.NEGATIVE_INFINITY };

/** The threshold at the next look; infinite while it is being taught. */
export function thresholdOf({ looks, logThreshold }: ThresholdState, settings: ThresholdSettings): number {
  return looks < settings.learningLooks
    ? Number.POSITIVE_INFINITY
    : Math.max(settings.floor, Math.exp(logThreshold));
}

/**
 * The state after a look. `score` is at least 0; `isAlarm` says that an alarm began with this look, which a score above
 * the threshold does once, however long it stays there.
 */
export function afterLook(
  state: ThresholdState,
  score: number,
  isAlarm: boolean,
  { looksPerAlarm, learningLooks, floor }: ThresholdSettings,
): ThresholdState {
  const looks = state.looks + 1;
  if (state.looks < learningLooks) {
    const largest = Math.max(state.logThreshold, Math.log(Math.max(score, floor)) + HEADROOM);
    return { looks, logThreshold: largest };
  }
  const logThreshold = state.logThreshold + (isAlarm ? RISE : 0) - RISE / looksPerAlarm;
  return { looks, logThreshold: Math.max(logThreshold, Math.log(floor)) };
}
