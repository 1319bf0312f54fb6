/** Durations on the command line, within bounds. */
import { InvalidArgumentError } from "commander";
import { parseDurationMilliseconds } from "../api/duration.ts";
import { errorMessage } from "../core/log.ts";

/** A longer delay overflows the timers of Node, which then fire at once. */
const LONGEST_DELAY = "596h";

/** A parser for an option of commander: a duration from `shortest` to `longest`, in milliseconds. */
export function durationOption(shortest = "0s", longest = LONGEST_DELAY): (text: string) => number {
  const minimum = parseDurationMilliseconds(shortest);
  const maximum = parseDurationMilliseconds(longest);
  return (text) => {
    const value = parsed(text);
    if (value >= minimum && value <= maximum) return value;
    throw new InvalidArgumentError(`expected a duration from ${shortest} to ${longest}, got "${text}"`);
  };
}

function parsed(text: string): number {
  try {
    return parseDurationMilliseconds(text);
  } catch (error) {
    throw new InvalidArgumentError(errorMessage(error));
  }
}
