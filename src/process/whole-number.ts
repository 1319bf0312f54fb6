/** Whole numbers on the command line, within bounds. */
import { InvalidArgumentError } from "commander";

/** A parser for an option of commander: a whole number from `minimum` to `maximum`, in plain digits. */
export function wholeNumber(minimum: number, maximum: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= minimum && value <= maximum) return value;
    throw new InvalidArgumentError(`expected a whole number from ${minimum} to ${maximum}, got "${text}"`);
  };
}
