/**
 * What a detector of anomalies is: it looks at one series, one value for each slot of time, and says how far the value is
 * from what it expected. Whether that is far enough for an alarm it must not say: `alarm-limit.ts` does, for all in one way.
 */
import type { Memory } from "./memory.ts";

/** The detectors, in the order in which they are asked. */
export const DETECTOR_TYPES = ["RobustScore", "Seasonal", "ChangePoint"] as const;

/** One of {@link DETECTOR_TYPES}. */
export type DetectorType = (typeof DETECTOR_TYPES)[number];

/** A slot with its value. */
export interface Look {
  /** In slots since the Unix epoch. */
  readonly slot: number;
  /** As {@link toScale} gives it. */
  readonly value: number;
  /** What is usual at this time of the season, on the same scale; undefined while it is not known. */
  readonly usual: number | undefined;
  /** The same, where it is known by the whole season. */
  readonly usualOfSeason: number | undefined;
  /** Standard deviation that it has by chance alone, on the same scale; 0 where the values tell it by themselves. */
  readonly grain: number;
  /** Nothing is to be learned of this value: there is an alarm already. */
  readonly isHeld: boolean;
}

/** What a detector says of a value. */
export interface Reading {
  /** How far off it is: 0 or more, without a unit. */
  readonly score: number;
  /** What was expected, on the scale of the value. */
  readonly centre: number;
  /** What such values scatter by around it, as a standard deviation. */
  readonly width: number;
  /** The slot from which on it may have been so. */
  readonly since: number;
}

/** Looks at one series. Slots come in order; one without a value does not come. */
export interface Detector {
  /** Undefined while there is too little to compare with. */
  look(look: Look): Reading | undefined;
  /** Begins anew with what it expects: the series is to be taken as it is now. */
  accept(): void;
  /** To be given to the constructor of the next one. */
  memory(): Memory;
}
