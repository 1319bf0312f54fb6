/**
 * Watches one series with all detectors together: what a collector, or the command line, asks.
 *
 * The one setting is in how many days one false alarm is allowed, of all detectors together: each has a third of that rate,
 * and what several find at once is one alarm, so together they stay within it. Memory is fixed. A value that is missing or
 * no number teaches nothing and what was learned stays, but time goes on: no alarm lasts without values.
 */
import { AlarmLimit } from "./alarm-limit.ts";
import { ALLOWANCE, ChangePoint, LEAST_HOURS } from "./change-point.ts";
import { DETECTOR_TYPES, type Detector, type DetectorType, type Reading } from "./detector.ts";
import { type Memory, numberOf } from "./memory.ts";
import { cumulativeSumLimit, distanceLimit } from "./noise-limit.ts";
import { RobustScore } from "./robust-score.ts";
import { fromScale, toScale } from "./scale.ts";
import { SEASONS, type Season, UsualValues } from "./usual-values.ts";

/** How a series is watched. */
export interface WatchSettings {
  /** Name of the series. */
  readonly series: string;
  /** Whole slots an hour: a multiple of 24. */
  readonly slotsPerDay: number;
  readonly season: Season;
  readonly daysPerFalseAlarm: number;
}

/** What one detector says of the last value. */
export interface DetectorFinding {
  /** The band in which a value raises no alarm; of ChangePoint, one that stays there for ever. Undefined while it learns. */
  readonly band: { readonly low: number; readonly high: number } | undefined;
  /** The slot from which on its alarm holds that something is wrong; undefined without an alarm. */
  readonly since: number | undefined;
}

/** An alarm that goes on. */
export interface Anomaly {
  readonly series: string;
  /** Those that say so now. */
  readonly detectors: readonly DetectorType[];
  /** The last value, and the band in which one would be expected: the narrowest of these detectors. */
  readonly value: number;
  readonly low: number;
  readonly high: number;
  /** In slots since the Unix epoch. */
  readonly since: number;
}

/** What is kept of a watch, by the name of its part. */
export type WatchMemory = Readonly<Record<string, Memory>>;

/** An alarm ends once the score has stayed below this share of the limit for so many hours. */
const END_SHARE = 0.5;
const END_HOURS = 1;
/** After a day what the series is like is no longer unusual, and learned. */
const LONGEST_ALARM_DAYS = 1;
/** One that is about a level ends when the new level is known. */
const LEVEL_HOURS = LEAST_HOURS;
/** Scores count no further: in a series that stood still everything is infinitely far. */
const LARGEST_SCORE = 1_000;
/** Days without any value that end an alarm, and after which the last one says nothing of now. */
const LONGEST_GAP_DAYS = 1;

/** One detector with what is known of its alarm. */
interface Watched {
  readonly detector: Detector;
  readonly limit: AlarmLimit;
  /** Looks until the alarm ends; 0 without one. */
  looksLeft: number;
  since: number;
  band: DetectorFinding["band"];
}

/** Watches one series. */
export class SeriesWatch {
  readonly #settings: WatchSettings;
  readonly #usual: UsualValues;
  readonly #watched: ReadonlyMap<DetectorType, Watched>;
  #slot: number;
  #value: number;
  /** Of the alarm that goes on: what the detectors said that raised it. */
  #since: number;

  /**
   * `memory` is what {@link SeriesWatch.memory} gave before; one of other slots or another season is not used.
   *
   * @throws {RangeError} for settings that cannot be.
   */
  constructor(settings: WatchSettings, memory: WatchMemory = {}) {
    const { slotsPerDay, season, daysPerFalseAlarm } = settings;
    if (!(Number.isInteger(slotsPerDay / 24) && slotsPerDay > 0 && daysPerFalseAlarm > 0)) {
      throw new RangeError("expected whole slots an hour, and a time for one false alarm");
    }
    this.#settings = settings;
    const { watch = {} } = memory;
    const isSame =
      Number.isSafeInteger(numberOf(watch, "slot", -1)) &&
      numberOf(watch, "slotsPerDay", 0) === slotsPerDay &&
      numberOf(watch, "season", -1) === SEASONS.indexOf(season);
    const part = (name: string): Memory => (isSame ? (memory[name] ?? {}) : {});
    this.#slot = numberOf(part("watch"), "slot", -1);
    this.#value = numberOf(part("watch"), "value", Number.NaN);
    this.#since = numberOf(part("watch"), "since", -1);
    this.#usual = new UsualValues(season, slotsPerDay, part("usual"));
    const daysPerAlarm = DETECTOR_TYPES.length * daysPerFalseAlarm;
    const watched = (type: DetectorType): [DetectorType, Watched] => {
      const state = part(`${type}Alarm`);
      const least =
        type === "ChangePoint"
          ? cumulativeSumLimit(24 * daysPerAlarm)
          : distanceLimit(slotsPerDay * daysPerAlarm);
      return [
        type,
        {
          detector: detectorOf(type, slotsPerDay, part(type)),
          limit: new AlarmLimit({ slotsPerDay, daysPerAlarm, least }, part(`${type}Limit`)),
          looksLeft: numberOf(state, "looksLeft", 0),
          since: numberOf(state, "since", 0),
          band: bandOf(state),
        },
      ];
    };
    this.#watched = new Map(DETECTOR_TYPES.map(watched));
  }

  /** The last slot that had a value, in slots since the Unix epoch; -1 before the first. */
  get slot(): number {
    return this.#slot;
  }

  /** The last value; not a number before the first, and once there was none for longer than a day. */
  get value(): number {
    return this.#value;
  }

  /** What each detector says of the last value. */
  get findings(): ReadonlyMap<DetectorType, DetectorFinding> {
    return new Map(
      [...this.#watched].map(([type, { band, looksLeft, since }]) => [
        type,
        { band, since: looksLeft > 0 ? since : undefined },
      ]),
    );
  }

  /**
   * The value of a slot; undefined where it has none. Gives the alarm that goes on, if one does.
   *
   * @param deviation standard deviation that the value has by chance alone, for one that counts what is rare: what always
   *   was 0 has no other. 0 where the values tell it by themselves.
   * @throws {RangeError} when the slot is not after the last one.
   */
  look(slot: number, value: number | undefined, deviation = 0): Anomaly | undefined {
    if (!(slot > this.#slot)) throw new RangeError(`expected a slot after ${this.#slot}, got ${slot}`);
    const isTorn = slot - this.#slot > LONGEST_GAP_DAYS * this.#settings.slotsPerDay;
    if (value === undefined || !Number.isFinite(value)) {
      this.#miss(slot, isTorn);
      return this.anomaly;
    }
    const wasAlarmed = !isTorn && this.#isAlarmed();
    [this.#slot, this.#value] = [slot, value];
    const place = toScale(value);
    // By the slope of the scale there.
    const grain = deviation / (1 + Math.abs(value));
    const [usual, usualOfSeason] = [this.#usual.at(slot), this.#usual.ofSeason(slot)];
    for (const [type, watched] of this.#watched) {
      if (isTorn) watched.looksLeft = 0;
      if (type !== "ChangePoint") this.#acceptAfterDays(watched, slot);
      // What others have found is no change of the level: it comes last, and does not count it.
      const isHeld = type === "ChangePoint" ? this.#isOff() : watched.looksLeft > 0;
      const reading = watched.detector.look({ slot, value: place, usual, usualOfSeason, grain, isHeld });
      this.#judge(type, watched, reading, slot, wasAlarmed);
    }
    if (!wasAlarmed && this.#isAlarmed()) {
      const began = [...this.#watched.values()].filter(({ looksLeft }) => looksLeft > 0);
      this.#since = Math.min(...began.map(({ since }) => since));
    }
    // An outage must not become what is usual. A new level may.
    if (!this.#isOff()) this.#usual.learn(slot, place);
    return this.anomaly;
  }

  /** The alarm that goes on. */
  get anomaly(): Anomaly | undefined {
    const alarmed = [...this.#watched].filter(([, { looksLeft }]) => looksLeft > 0);
    if (alarmed.length === 0) return undefined;
    const [band] = alarmed
      .flatMap(([, watched]) => watched.band ?? [])
      .toSorted((a, b) => a.high - a.low - (b.high - b.low));
    const { low, high } = band ?? { low: Number.NaN, high: Number.NaN };
    const detectors = alarmed.map(([type]) => type);
    return {
      ...{ series: this.#settings.series, detectors },
      ...{ value: this.#value, low, high, since: this.#since },
    };
  }

  /** To be given to the constructor of the next one. */
  memory(): WatchMemory {
    const { slotsPerDay, season } = this.#settings;
    const parts = [...this.#watched].flatMap(([type, { detector, limit, looksLeft, since, band }]) => [
      [type, detector.memory()],
      [`${type}Limit`, limit.memory()],
      [`${type}Alarm`, { looksLeft, since, ...band }],
    ]);
    // A number that is not known yet has no place in JSON.
    const value = Number.isNaN(this.#value) ? {} : { value: this.#value };
    const watch = {
      slotsPerDay,
      season: SEASONS.indexOf(season),
      slot: this.#slot,
      since: this.#since,
      ...value,
    };
    return { watch, usual: this.#usual.memory(), ...Object.fromEntries(parts) };
  }

  #isAlarmed(): boolean {
    return [...this.#watched.values()].some(({ looksLeft }) => looksLeft > 0);
  }

  /** Whether a detector other than that of levels has an alarm. */
  #isOff(): boolean {
    return [...this.#watched].some(([type, { looksLeft }]) => type !== "ChangePoint" && looksLeft > 0);
  }

  /** Lets time go on in a slot that has no value. */
  #miss(slot: number, isTorn: boolean): void {
    if (isTorn) this.#value = Number.NaN;
    for (const [type, watched] of this.#watched) {
      if (isTorn) watched.looksLeft = 0;
      else if (type !== "ChangePoint") this.#acceptAfterDays(watched, slot);
      // Its alarm lasts for a day and not for so many values: where these are rare that could be weeks.
      else if (watched.looksLeft > 0) watched.looksLeft--;
    }
  }

  /** Ends an alarm that has lasted too long: the level is a new one. */
  #acceptAfterDays(watched: Watched, slot: number): void {
    const longest = LONGEST_ALARM_DAYS * this.#settings.slotsPerDay;
    if (watched.looksLeft === 0 || slot - watched.since < longest) return;
    watched.looksLeft = 0;
    watched.detector.accept();
    this.#watched.get("ChangePoint")?.detector.accept();
  }

  #judge(
    type: DetectorType,
    watched: Watched,
    reading: Reading | undefined,
    slot: number,
    wasAlarmed: boolean,
  ): void {
    const { slotsPerDay } = this.#settings;
    const isAlarmed = watched.looksLeft > 0;
    if (isAlarmed) watched.looksLeft--;
    // While it learns a new level, what it expected before goes on to be shown.
    if (reading === undefined) return;
    const limit = watched.limit.at(slot);
    const score = Math.min(reading.score, LARGEST_SCORE);
    const isFar = score > limit;
    watched.limit.add(slot, score, isFar && !isAlarmed && !wasAlarmed);
    const reach = (type === "ChangePoint" ? ALLOWANCE : limit) * reading.width;
    const { centre } = reading;
    watched.band = Number.isFinite(limit)
      ? { low: fromScale(centre - reach), high: fromScale(centre + reach) }
      : undefined;
    if (!isFar && !(isAlarmed && score > END_SHARE * limit)) return;
    if (!isAlarmed) watched.since = reading.since;
    const hours = type === "ChangePoint" ? LEVEL_HOURS : END_HOURS;
    watched.looksLeft = Math.round((hours * slotsPerDay) / 24);
    if (isFar && type === "ChangePoint") watched.detector.accept();
  }
}

function bandOf(state: Memory): DetectorFinding["band"] {
  const [low, high] = [numberOf(state, "low", Number.NaN), numberOf(state, "high", Number.NaN)];
  return Number.isNaN(low) || Number.isNaN(high) ? undefined : { low, high };
}

function detectorOf(type: DetectorType, slotsPerDay: number, memory: Memory): Detector {
  switch (type) {
    case "RobustScore":
      return new RobustScore(false, slotsPerDay, memory);
    case "Seasonal":
      return new RobustScore(true, slotsPerDay, memory);
    case "ChangePoint":
      return new ChangePoint(slotsPerDay, memory);
  }
}
