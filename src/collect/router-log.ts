/**
 * Which pieces of the access log have come, and which slots must be left out because a piece has not.
 *
 * Each start of a router is an incarnation. It numbers its batches from 1, and says with each: every request that
 * started before `to` is in this batch, an earlier one or a declared gap. So a missing number holds requests that
 * started after the `to` of the batch before it, and before the next batch was closed. Runs of numbers that have come
 * are kept, so a batch that comes late closes its hole again; nothing is remembered of single batches.
 *
 * A router that falls silent without a final batch may have lost its last ones: its slots are left out from its last
 * `to` on, until it speaks again or somebody says when it ended. No doubt may ever count as complete.
 */
import { slotOf } from "../token/slot.ts";

/** Numbers `first` to `last` that have all come. Times are of the router's clock, in milliseconds. */
export interface NumberRun {
  readonly first: number;
  readonly last: number;
  /** When the first batch of the run was closed. */
  readonly firstClosedAt: number;
  /** The latest `to` of its batches. */
  readonly to: number;
}

/** A stretch of time in milliseconds. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** What is known of one incarnation. */
export interface Incarnation {
  readonly router: string;
  /** When it began to log. */
  readonly startedAt: number;
  /** Ascending, with a hole between any two. */
  readonly runs: readonly NumberRun[];
  readonly gaps: readonly Span[];
  /** Nothing can follow after this time: said by itself, or by who saw its end. */
  readonly endedAt?: number;
  /** By the clock of the collector. */
  readonly heardAt: number;
}

/** What a batch says of itself. */
export interface BatchHead {
  readonly router: string;
  readonly startedAt: number;
  readonly number: number;
  readonly closedAt: number;
  readonly to: number;
  readonly gaps: readonly Span[];
  /** No batch follows. */
  readonly final: boolean;
}

/** Slots from `first` to `last`, both included. */
export interface SlotRange {
  readonly first: number;
  readonly last: number;
}

/** A router that said nothing for so long may be dead. It sends an empty batch long before. */
export const SILENCE_MILLISECONDS = 60_000;

/** With more holes than this, the oldest is given up: its slots stay out, and its batches are no longer taken. */
const MAXIMUM_RUNS = 64;
const MAXIMUM_GAPS = 256;

/** Whether the batch was counted before, or its hole was given up. */
export function hasBatch(incarnation: Incarnation | undefined, number: number): boolean {
  return incarnation?.runs.some(({ first, last }) => first <= number && number <= last) ?? false;
}

/** The incarnation once a batch has come that it has not had. */
export function withBatch(incarnation: Incarnation | undefined, head: BatchHead, now: number): Incarnation {
  const { number, closedAt, to } = head;
  const runs = [
    ...(incarnation?.runs ?? []),
    { first: number, last: number, firstClosedAt: closedAt, to },
  ].toSorted((a, b) => a.first - b.first);
  const gaps = [...(incarnation?.gaps ?? []), ...head.gaps];
  const endedAt = head.final ? to : incarnation?.endedAt;
  return bounded({
    router: head.router,
    startedAt: Math.min(incarnation?.startedAt ?? head.startedAt, head.startedAt),
    runs: joined(runs),
    gaps,
    heardAt: now,
    ...(endedAt === undefined ? {} : { endedAt }),
  });
}

/** The incarnation once somebody who saw its end has said when that was. A later end is kept: it leaves out more. */
export function withEnd(incarnation: Incarnation, endedAt: number): Incarnation {
  return { ...incarnation, endedAt: Math.max(endedAt, incarnation.endedAt ?? endedAt) };
}

/** Whether it has said nothing for too long, and nobody knows that it ended. */
export function isSilent({ endedAt, heardAt }: Incarnation, now: number): boolean {
  return endedAt === undefined && now - heardAt > SILENCE_MILLISECONDS;
}

/** The times that a lost piece may cover. */
export function doubtfulSpans(incarnation: Incarnation, now: number): readonly Span[] {
  const { runs, gaps, startedAt, endedAt } = incarnation;
  const spans = [...gaps];
  let [next, covered] = [1, startedAt];
  for (const run of runs) {
    if (run.first > next) spans.push({ from: covered, to: run.firstClosedAt });
    [next, covered] = [run.last + 1, Math.max(covered, run.to)];
  }
  if (isSilent(incarnation, now)) spans.push({ from: covered, to: Math.max(covered, now) });
  if (endedAt !== undefined && endedAt > covered) spans.push({ from: covered, to: endedAt });
  return spans;
}

/** All slots that must be left out, ascending and apart from each other. */
export function voidedSlots(incarnations: Iterable<Incarnation>, now: number): readonly SlotRange[] {
  const ranges = [...incarnations]
    .flatMap((incarnation) => doubtfulSpans(incarnation, now))
    .map(({ from, to }) => ({ first: slotOf(from / 1_000), last: slotOf(Math.max(from, to) / 1_000) }));
  return mergedRanges(ranges);
}

/**
 * The last slot of which every router that is heard has logged all requests; undefined when none has said anything. A
 * silent one does not hold it back: its slots are left out.
 */
export function countedThrough(incarnations: Iterable<Incarnation>, now: number): number | undefined {
  const all = [...incarnations];
  const open = all.filter((one) => one.endedAt === undefined && !isSilent(one, now));
  const ends = (open.length > 0 ? open : all).map(({ runs, startedAt }) =>
    runs.reduce((latest, { to }) => Math.max(latest, to), startedAt),
  );
  if (ends.length === 0) return undefined;
  const end = open.length > 0 ? Math.min(...ends) : Math.max(...ends);
  return slotOf(end / 1_000) - 1;
}

/** Whether a slot is in one of them. */
export function isIn(ranges: readonly SlotRange[], slot: number): boolean {
  return ranges.some(({ first, last }) => first <= slot && slot <= last);
}

/** The parts of ranges that are within another one. */
export function rangesWithin(ranges: readonly SlotRange[], { first, last }: SlotRange): readonly SlotRange[] {
  return ranges.flatMap((range) => {
    const within = { first: Math.max(range.first, first), last: Math.min(range.last, last) };
    return within.first <= within.last ? [within] : [];
  });
}

/** Ranges in order, those that touch made one. */
export function mergedRanges(ranges: readonly SlotRange[]): readonly SlotRange[] {
  const merged: SlotRange[] = [];
  for (const range of ranges.toSorted((a, b) => a.first - b.first)) {
    const before = merged.at(-1);
    if (before !== undefined && range.first <= before.last + 1) {
      merged[merged.length - 1] = { first: before.first, last: Math.max(before.last, range.last) };
    } else {
      merged.push(range);
    }
  }
  return merged;
}

function joined(runs: readonly NumberRun[]): readonly NumberRun[] {
  const result: NumberRun[] = [];
  for (const run of runs) {
    const before = result.at(-1);
    if (before !== undefined && run.first <= before.last + 1) {
      result[result.length - 1] = {
        first: before.first,
        last: Math.max(before.last, run.last),
        firstClosedAt: before.firstClosedAt,
        to: Math.max(before.to, run.to),
      };
    } else {
      result.push(run);
    }
  }
  return result;
}

/** Gives up the oldest holes and joins the oldest gaps, so that nobody's log can grow what is kept without end. */
function bounded(incarnation: Incarnation): Incarnation {
  let { runs, gaps } = incarnation;
  while (runs.length > MAXIMUM_RUNS) {
    const [a, b, ...rest] = runs;
    if (a === undefined || b === undefined) break;
    gaps = [...gaps, { from: a.to, to: Math.max(a.to, b.firstClosedAt) }];
    runs = [
      { first: a.first, last: b.last, firstClosedAt: a.firstClosedAt, to: Math.max(a.to, b.to) },
      ...rest,
    ];
  }
  while (gaps.length > MAXIMUM_GAPS) {
    const [a, b, ...rest] = gaps.toSorted((one, other) => one.from - other.from);
    if (a === undefined || b === undefined) break;
    gaps = [{ from: Math.min(a.from, b.from), to: Math.max(a.to, b.to) }, ...rest];
  }
  return { ...incarnation, runs, gaps };
}
