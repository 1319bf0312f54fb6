/**
 * Values of the options of `petrel simulate` that have parts: schedules and faults, and numbers within bounds.
 */
import { InvalidArgumentError } from "commander";
import { parseShare } from "../../api/percentage.ts";
import { readSchedule, type Schedule } from "../../core/autoscaling/schedules.ts";
import { errorMessage } from "../../core/log.ts";
import { durationOption } from "../../process/duration-option.ts";
import type { Fault } from "./replay.ts";

const LONGEST = "840h";

/** A parser for a whole number from one to another. */
export function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= most) return value;
    throw new InvalidArgumentError(`expected a whole number from ${least} to ${most}, got "${text}"`);
  };
}

/** A parser for a number above 0. */
export function positiveNumber(text: string): number {
  const value = /^\d{1,9}(\.\d{1,6})?$/.test(text) ? Number(text) : Number.NaN;
  if (value > 0) return value;
  throw new InvalidArgumentError(`expected a number above 0, got "${text}"`);
}

/** One more target, as a share of what a replica works on at once. */
export function nextTarget(text: string, before: readonly number[] | undefined): readonly number[] {
  const share = /^\d{1,2}(\.\d{1,2})?%$|^100%$/.test(text) ? parseShare(text) : Number.NaN;
  if (share > 0) return [...(before ?? []), share];
  throw new InvalidArgumentError(`expected a percentage above 0%, at most 100%, such as 70%, got "${text}"`);
}

/** One more schedule: `pattern;time zone;duration;replicas`. */
export function nextSchedule(text: string, before: readonly Schedule[]): readonly Schedule[] {
  const [schedule = "", timeZone = "", duration = "", replicas = "", ...rest] = text.split(";");
  if (replicas === "" || rest.length > 0) {
    throw new InvalidArgumentError(
      `expected a pattern, a time zone, a duration and replicas, such as "0 20 * * *;Asia/Shanghai;2h;16", got "${text}"`,
    );
  }
  const one = {
    ...{ name: text, schedule, timeZone },
    durationMilliseconds: durationOption("1m", LONGEST)(duration),
    minReplicas: wholeNumber(1, 10_000)(replicas),
  };
  try {
    return [...before, readSchedule(one)];
  } catch (error) {
    throw new InvalidArgumentError(errorMessage(error));
  }
}

/** One more fault: `3@26h` breaks replicas, `30m@26h` hides the load. */
export function nextLoss(text: string, before: readonly Fault[]): readonly Fault[] {
  const [what, at] = partsOf(text, "such as 3@26h");
  return [...before, { type: "ReplicaLoss", atSecond: at, replicas: wholeNumber(1, 10_000)(what) }];
}

/** One more time without news of the load, such as `30m@26h`. */
export function nextSilence(text: string, before: readonly Fault[]): readonly Fault[] {
  const [what, at] = partsOf(text, "such as 30m@26h");
  const lastsSeconds = Math.round(durationOption("1s", LONGEST)(what) / 1_000);
  return [...before, { type: "SignalLoss", atSecond: at, lastsSeconds }];
}

function partsOf(text: string, example: string): readonly [string, number] {
  const [what = "", at = "", ...rest] = text.split("@");
  if (at === "" || rest.length > 0)
    throw new InvalidArgumentError(`expected what and when, ${example}, got "${text}"`);
  return [what, Math.round(durationOption("0s", LONGEST)(at) / 1_000)];
}
