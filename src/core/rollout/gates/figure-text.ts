/**
 * Numbers of gates as people read them, in a status and in sentences.
 */
import { formatDuration } from "../../../api/duration.ts";

const [MINUTE, LONGEST] = [60_000, 9e12];

/** A number of six digits at most; undefined for one that is none, or without bounds, which is left out of a status. */
export function numberText(value: number): string | undefined {
  return Number.isFinite(value) ? String(Number(value.toPrecision(6))) : undefined;
}

/** A share as a percentage of three digits: `-1.25 %`. */
export function percentText(share: number): string {
  return Number.isFinite(share) ? `${Number((share * 100).toPrecision(3))} %` : "no bound";
}

/** A change as a percentage with its sign: `+4.1 %`. */
export function changeText(change: number): string {
  return change > 0 && Number.isFinite(change) ? `+${percentText(change)}` : percentText(change);
}

/** A whole number with its thousands apart: `2,600,000`. */
export function countText(count: number): string {
  return Number.isFinite(count) ? String(Math.round(count)).replace(/\B(?=(\d{3})+$)/g, ",") : "no end of";
}

/** A time that is still to pass, rounded up to minutes, or to seconds below one; undefined when it never ends. */
export function waitText(milliseconds: number): string | undefined {
  if (!(milliseconds < LONGEST)) return undefined;
  const unit = milliseconds < MINUTE ? 1_000 : MINUTE;
  return formatDuration(Math.ceil(milliseconds / unit) * unit);
}

/** Members without those that are undefined, as a status wants it. */
export function present<Members extends Readonly<Record<string, unknown>>>(
  members: Members,
): { [Name in keyof Members]: Exclude<Members[Name], undefined> } {
  const entries = Object.entries(members).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [Name in keyof Members]: Exclude<Members[Name], undefined> };
}
