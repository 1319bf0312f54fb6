import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import {
  type BatchHead,
  countedThrough,
  doubtfulSpans,
  hasBatch,
  type Incarnation,
  isSilent,
  SILENCE_MILLISECONDS,
  voidedSlots,
  withBatch,
  withEnd,
} from "./router-log.ts";

const START = 1_795_000_000_000;
const SECOND = 1_000;

/** Batch `number` was closed so many seconds after the start, and covers all but the last two seconds before. */
function head(number: number, more: Partial<BatchHead> = {}): BatchHead {
  const closedAt = START + number * 10 * SECOND;
  return {
    router: "r",
    startedAt: START,
    number,
    closedAt,
    to: closedAt - 2 * SECOND,
    gaps: [],
    final: false,
    ...more,
  };
}

function logOf(heads: readonly BatchHead[], now = START + 100 * SECOND): Incarnation {
  const log = heads.reduce<Incarnation | undefined>((known, one) => withBatch(known, one, now), undefined);
  if (log === undefined) throw new Error("no batch");
  return log;
}

const from = (seconds: number) => START + seconds * SECOND;
const now = from(100);

describe("what may be lost", () => {
  test.each<[string, Incarnation, number, { from: number; to: number }[]]>([
    ["nothing", logOf([head(1), head(2), head(3)]), now, []],
    ["a missing number", logOf([head(1), head(3)]), now, [{ from: from(8), to: from(30) }]],
    ["the first ones", logOf([head(3)]), now, [{ from: from(0), to: from(30) }]],
    [
      "two holes",
      logOf([head(1), head(3), head(6)]),
      now,
      [
        { from: from(8), to: from(30) },
        { from: from(28), to: from(60) },
      ],
    ],
    [
      "a declared gap",
      logOf([head(1, { gaps: [{ from: from(3), to: from(5) }] })]),
      now,
      [{ from: from(3), to: from(5) }],
    ],
    [
      "all since it fell silent",
      logOf([head(1)]),
      now + SILENCE_MILLISECONDS + 1,
      [{ from: from(8), to: now + SILENCE_MILLISECONDS + 1 }],
    ],
    ["nothing after a final batch", logOf([head(1, { final: true })]), now + 10 * SILENCE_MILLISECONDS, []],
    [
      "what it had until its end",
      withEnd(logOf([head(1)]), from(50)),
      now + 10 * SILENCE_MILLISECONDS,
      [{ from: from(8), to: from(50) }],
    ],
  ])("%s", (_, log, at, spans) => {
    expect(doubtfulSpans(log, at)).toEqual(spans);
  });

  test("slots are whole minutes, and those that touch are one range", () => {
    const ranges = voidedSlots([logOf([head(1), head(3), head(20)]), logOf([head(2)])], now);
    expect(ranges).toEqual([
      { first: START / 60_000 - ((START / 60_000) % 1), last: Math.floor(from(200) / 60_000) },
    ]);
  });
});

test("the order in which batches come does not matter, nor that some come twice", () => {
  const numbers = fc.uniqueArray(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(
      numbers.chain((list) =>
        fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length })),
      ),
      ([list, shuffled]) => {
        const twice = [...shuffled, ...list].reduce<Incarnation | undefined>(
          (known, number) => (hasBatch(known, number) ? known : withBatch(known, head(number), now)),
          undefined,
        );
        expect(twice).toEqual(logOf(list.toSorted((a, b) => a - b).map((number) => head(number))));
        for (let number = 1; number <= 41; number++)
          expect(hasBatch(twice, number)).toBe(list.includes(number));
      },
    ),
  );
});

test("holes without end are given up, and stay out", () => {
  const heads = Array.from({ length: 1_000 }, (_, index) => head(index * 2 + 1));
  const log = logOf(heads);
  expect(log.runs.length).toBeLessThanOrEqual(64);
  expect(log.gaps.length).toBeLessThanOrEqual(256);
  const holes = doubtfulSpans(log, now);
  for (let hole = 1; hole < 1_000; hole++) {
    const at = from(hole * 20);
    expect(holes.some((span) => span.from <= at && at <= span.to)).toBe(true);
  }
  // What is late for a hole that was given up must not be counted in it.
  expect(hasBatch(log, 2)).toBe(true);
});

describe("the last slot that is known whole", () => {
  const slot = (time: number) => Math.floor(time / 60_000);

  test("is that of the router that is furthest behind", () => {
    expect(countedThrough([], now)).toBeUndefined();
    expect(countedThrough([logOf([head(60)]), logOf([head(30)])], now)).toBe(slot(from(298)) - 1);
  });

  test("does not wait for those that are silent or ended", () => {
    const silent = { ...logOf([head(1)]), heardAt: now - SILENCE_MILLISECONDS - 1 };
    const ended = withEnd(logOf([head(1)]), from(10));
    expect(isSilent(silent, now)).toBe(true);
    expect(isSilent(ended, now)).toBe(false);
    expect(countedThrough([silent, ended, logOf([head(30)])], now)).toBe(slot(from(298)) - 1);
  });
});
