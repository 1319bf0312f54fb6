/**
 * Watches one series of numbers, such as clicks, latency or load, one value a look, for what it has not done before.
 *
 * Three detectors, of which one is chosen. RobustScore: far from the median of the last hours. Seasonal: far from what
 * was usual at this time of the week, as the last hours stood beside it. ChangePoint: little, but for long (Page 1954).
 * Each is set by one number: in how many days one false alarm is allowed ({@link afterLook} keeps it). Memory is fixed.
 * A value that is missing or not a number is no look, and counted.
 */
import {
  afterLook,
  type ThresholdSettings,
  type ThresholdState,
  thresholdOf,
  UNTAUGHT,
} from "./alarm-threshold.ts";
import { crossing } from "./crossing.ts";
import { normalQuantile } from "./normal-distribution.ts";
import { type RobustBand, robustBand } from "./robust-score.ts";

/** How a series is watched. */
export interface DetectorSettings {
  readonly type: "RobustScore" | "Seasonal" | "ChangePoint";
  readonly looksPerDay: number;
  readonly daysPerFalseAlarm: number;
}

/** An alarm that goes on. */
export interface Anomaly {
  readonly value: number;
  /** The band in which the value would have been no alarm. */
  readonly low: number;
  readonly high: number;
  /** Number of the look at which it began, from 0. */
  readonly sinceLook: number;
}

/** Hours of which the last values are remembered. */
const WINDOW_HOURS = 6;
/** Weeks from which the usual value of a time of the week is made. */
const WEEKS = 4;
/** Times of the week that are told apart: each hour. */
const HOURS_A_WEEK = 168;
/** Days that only teach. A seasonal band needs a week more. */
const LEARNING_DAYS = 2;
/** Change that the change-point test waits for, in widths. */
const SMALLEST_CHANGE = 1;
/** An alarm ends once the score is below this share of the threshold. */
const END_SHARE = 0.5;

/** Watches one series. */
export class AnomalyDetector {
  readonly #settings: DetectorSettings;
  readonly #threshold: ThresholdSettings;
  /** The last values, or their ratio to the usual one, as a ring. */
  readonly #recent: Float64Array;
  /** Of each hour of the week, medians of the last weeks, as rings; NaN where there is none. */
  readonly #usual = new Float64Array(HOURS_A_WEEK * WEEKS).fill(Number.NaN);
  /** The hour that goes on, and its values. */
  #hour = 0;
  #hourValues: number[] = [];
  #state: ThresholdState = UNTAUGHT;
  #remembered = 0;
  #look = 0;
  #refused = 0;
  #rise = 0;
  #fall = 0;
  #anomaly: Anomaly | undefined;

  constructor(settings: DetectorSettings) {
    this.#settings = settings;
    const { type, looksPerDay, daysPerFalseAlarm } = settings;
    const looksPerAlarm = looksPerDay * daysPerFalseAlarm;
    this.#recent = new Float64Array(Math.max(12, Math.round((looksPerDay * WINDOW_HOURS) / 24)));
    this.#threshold = {
      looksPerAlarm,
      learningLooks: Math.round(looksPerDay * LEARNING_DAYS),
      floor:
        type === "ChangePoint"
          ? // Siegmund's approximation of the time between false alarms of a two-sided cumulative sum.
            cumulativeSumLimit(looksPerAlarm)
          : -normalQuantile(Math.min(0.25, 1 / (2 * looksPerAlarm))),
    };
  }

  /** Values that were no numbers. */
  get refused(): number {
    return this.#refused;
  }

  /** The next value of the series; undefined where it is missing. Gives the alarm that goes on, if one does. */
  look(value: number | undefined): Anomaly | undefined {
    const look = this.#look++;
    if (value === undefined || !Number.isFinite(value)) {
      this.#refused++;
      return this.#anomaly;
    }
    const usual = this.#settings.type === "Seasonal" ? this.#usualAt(look) : 0;
    this.#learnUsual(look, value);
    if (usual === undefined) return undefined;
    const residual = value - usual;
    const band = this.#remembered < this.#recent.length ? undefined : robustBand(this.#recent);
    this.#recent[this.#remembered++ % this.#recent.length] = residual;
    if (band === undefined) return undefined;
    return this.#judge(value, usual, residual, band, look);
  }

  #judge(
    value: number,
    usual: number,
    residual: number,
    band: RobustBand,
    look: number,
  ): Anomaly | undefined {
    const score = this.#scoreOf((residual - band.centre) / band.width);
    const limit = thresholdOf(this.#state, this.#threshold);
    const begins = this.#anomaly === undefined && score > limit;
    if (begins) {
      const reach = this.#settings.type === "ChangePoint" ? SMALLEST_CHANGE : limit;
      const centre = usual + band.centre;
      const [low, high] = [centre - reach * band.width, centre + reach * band.width];
      this.#anomaly = { value, low, high, sinceLook: look };
    } else if (this.#anomaly !== undefined && score < END_SHARE * limit) {
      this.#anomaly = undefined;
    } else if (this.#anomaly !== undefined) {
      this.#anomaly = { ...this.#anomaly, value };
    }
    if (begins) [this.#rise, this.#fall] = [0, 0];
    this.#state = afterLook(this.#state, score, begins, this.#threshold);
    return this.#anomaly;
  }

  #scoreOf(deviation: number): number {
    if (this.#settings.type !== "ChangePoint") return Math.abs(deviation);
    // One value alone must not be a change.
    const step = Math.max(-4, Math.min(4, deviation));
    this.#rise = Math.max(0, this.#rise + step - SMALLEST_CHANGE / 2);
    this.#fall = Math.max(0, this.#fall - step - SMALLEST_CHANGE / 2);
    return Math.max(this.#rise, this.#fall);
  }

  #hourOf(look: number): number {
    return Math.floor((look * 24) / this.#settings.looksPerDay);
  }

  /** The median of what earlier weeks had in this hour. */
  #usualAt(look: number): number | undefined {
    const start = (this.#hourOf(look) % HOURS_A_WEEK) * WEEKS;
    const known = this.#usual.subarray(start, start + WEEKS).filter((median) => !Number.isNaN(median));
    return robustBand(known)?.centre;
  }

  #learnUsual(look: number, value: number): void {
    const hour = this.#hourOf(look);
    if (hour !== this.#hour) {
      const [place, week] = [this.#hour % HOURS_A_WEEK, Math.floor(this.#hour / HOURS_A_WEEK)];
      this.#usual[place * WEEKS + (week % WEEKS)] = robustBand(this.#hourValues)?.centre ?? Number.NaN;
      this.#hour = hour;
      this.#hourValues = [];
    }
    this.#hourValues.push(value);
  }
}

/** Height that a two-sided cumulative sum of normal noise reaches once in so many looks. */
function cumulativeSumLimit(looksPerAlarm: number): number {
  const drift = SMALLEST_CHANGE / 2;
  return crossing(0, 100, (height) => {
    const shifted = height + 1.166;
    const oneSided = (Math.exp(2 * drift * shifted) - 2 * drift * shifted - 1) / (2 * drift ** 2);
    return oneSided / 2 < looksPerAlarm;
  });
}
