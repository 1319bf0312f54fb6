/**
 * That the parts of the watch give the numbers that were worked out apart from them, with Python's statistics module and
 * from the published formulas, and do with gaps what they should.
 */
import { expect, test } from "@jest/globals";
import { AlarmLimit, tailLimit } from "./alarm-limit.ts";
import { ChangePoint } from "./change-point.ts";
import { cumulativeSumLimit, distanceLimit } from "./noise-limit.ts";
import { robustBand } from "./robust-band.ts";
import { RobustScore } from "./robust-score.ts";
import { fromScale, toScale } from "./scale.ts";
import { UsualValues } from "./usual-values.ts";

const HOURLY = 24;

test("robustBand: median and scatter", () => {
  const band = robustBand([3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8]);
  expect(band?.centre).toBe(4.5);
  expect(band?.width).toBeCloseTo(2.223903327758403, 12);
  expect(robustBand([])).toBeUndefined();
});

test("toScale is odd, near 0 the value itself, and fromScale takes it back", () => {
  expect(toScale(0)).toBe(0);
  expect(toScale(0.001)).toBeCloseTo(0.001, 6);
  expect(toScale(999)).toBeCloseTo(Math.log(1_000), 12);
  for (const value of [-250, -0.5, 0, 0.04, 7, 1e9]) {
    expect(toScale(-value)).toBeCloseTo(-toScale(value), 12);
    expect(fromScale(toScale(value)) / (value || 1)).toBeCloseTo(value === 0 ? 0 : 1, 12);
  }
});

const VALUES = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 20];
const SCORES = [
  0.505867312647, 1.011734625294, 0.505867312647, 0.337244875098, 0.67448975, 2.631765803, 6.969727418,
];

test("RobustScore: each value beside up to twelve before it", () => {
  const detector = new RobustScore(false, HOURLY, {});
  const scores = VALUES.map(
    (value, slot) =>
      detector.look({ slot, value, usual: undefined, usualOfSeason: undefined, grain: 0, isHeld: false })
        ?.score,
  );
  expect(scores.slice(0, 6)).toEqual(Array(6).fill(undefined));
  scores.slice(6).forEach((score, at) => {
    expect(score).toBeCloseTo(SCORES[at] ?? Number.NaN, 8);
  });
});

test("RobustScore with seasons: the same of what is above the usual value, and nothing without one", () => {
  const detector = new RobustScore(true, HOURLY, {});
  expect(
    detector.look({ slot: 0, value: 5, usual: undefined, usualOfSeason: undefined, grain: 0, isHeld: false }),
  ).toBeUndefined();
  const readings = VALUES.map((value, at) =>
    detector.look({
      slot: at + 1,
      value: value + at,
      usual: at,
      usualOfSeason: undefined,
      grain: 0,
      isHeld: false,
    }),
  );
  expect(readings[12]?.score).toBeCloseTo(SCORES[6] ?? Number.NaN, 8);
  expect(readings[12]?.centre).toBe(12 + 4.5);
});

test("UsualValues: medians of an hour over seasons, a line between hours", () => {
  const usual = new UsualValues("day", 2 * HOURLY, {});
  expect(usual.at(0)).toBeUndefined();
  // Three days; hour h has 10 h, 10 h + 1 and 10 h + 100 as its medians.
  [0, 1, 100].forEach((more, day) => {
    for (let hour = 0; hour < 24; hour++) {
      for (const half of [0, 1]) usual.learn(2 * (24 * day + hour) + half, 10 * hour + more);
    }
  });
  // Slots of half an hour: a quarter of the way from the middle of an hour to that of the next one.
  const fourthDay = 3 * 48;
  expect(usual.at(fourthDay + 2 * 5)).toBeCloseTo(51 - 2.5, 12);
  expect(usual.at(fourthDay + 2 * 5 + 1)).toBeCloseTo(51 + 2.5, 12);
});

test("UsualValues of a week: the hour of the week once it was seen twice, until then that of the day", () => {
  const usual = new UsualValues("week", HOURLY, {});
  // Days have a level of their own in each week.
  const learnDays = (from: number, to: number) => {
    for (let hour = 24 * from; hour < 24 * to; hour++) usual.learn(hour, 10 * (Math.floor(hour / 24) % 7));
  };
  learnDays(0, 1);
  expect(usual.at(24 + 12)).toBeUndefined();
  learnDays(1, 7);
  // The median of all seven days.
  expect(usual.at(7 * 24 + 12)).toBe(30);
  expect(usual.ofSeason(7 * 24 + 12)).toBeUndefined();
  learnDays(7, 14);
  expect(usual.at(14 * 24 + 12)).toBe(0);
  expect(usual.at(19 * 24 + 12)).toBe(50);
  expect(usual.ofSeason(19 * 24 + 12)).toBe(50);
});

/** Hours around 0 of a width of 1.4826, then some at 3. */
function changed(hours: number) {
  const detector = new ChangePoint(HOURLY, {});
  for (let slot = 0; slot < 24; slot++)
    detector.look({
      slot,
      value: (slot % 3) - 1,
      usual: undefined,
      usualOfSeason: 0,
      grain: 0,
      isHeld: false,
    });
  let reading: ReturnType<ChangePoint["look"]>;
  for (let hour = 0; hour <= hours; hour++)
    reading = detector.look({
      slot: 24 + hour,
      value: 3,
      usual: undefined,
      usualOfSeason: 0,
      grain: 0,
      isHeld: false,
    });
  return { detector, reading };
}

test("ChangePoint: the sum grows by what an hour is off, less the allowance, and knows since when", () => {
  const step = 3 / 1.482602218505602 - 0.5;
  for (const hours of [1, 2, 3]) {
    const { reading } = changed(hours);
    expect(reading?.score).toBeCloseTo(hours * step, 9);
    expect(reading?.since).toBe(24);
  }
});

test("ChangePoint: downwards as upwards, at most four widths an hour, and a gap adds nothing", () => {
  const detector = new ChangePoint(HOURLY, {});
  for (let slot = 0; slot < 24; slot++)
    detector.look({
      slot,
      value: (slot % 3) - 1,
      usual: undefined,
      usualOfSeason: 0,
      grain: 0,
      isHeld: false,
    });
  detector.look({ slot: 24, value: -1e6, usual: undefined, usualOfSeason: 0, grain: 0, isHeld: false });
  expect(
    detector.look({ slot: 90, value: 0, usual: undefined, usualOfSeason: 0, grain: 0, isHeld: false })?.score,
  ).toBeCloseTo(3.5, 9);
});

test("what a value has by chance alone is the least width", () => {
  const robust = new RobustScore(false, HOURLY, {});
  const point = new ChangePoint(HOURLY, {});
  const look = (slot: number, value: number) => {
    const place = { slot, value, usual: undefined, usualOfSeason: 0, grain: 0.5, isHeld: false };
    return [robust.look(place), point.look(place)];
  };
  for (let slot = 0; slot < 24; slot++) look(slot, 0);
  const [reading] = look(24, 2);
  expect(reading).toMatchObject({ score: 4, centre: 0, width: 0.5 });
  const [, hour] = look(25, 0);
  // At most four widths of one hour, less the allowance.
  expect(hour).toMatchObject({ score: 3.5, width: 0.5, since: 24 });
});

test("ChangePoint learns the new level after an alarm", () => {
  const { detector } = changed(3);
  detector.accept();
  const look = (slot: number) =>
    detector.look({
      slot,
      value: 3 + ((slot % 3) - 1),
      usual: undefined,
      usualOfSeason: 0,
      grain: 0,
      isHeld: false,
    });
  for (let slot = 28; slot < 51; slot++) expect(look(slot)).toBeUndefined();
  look(51);
  expect(look(52)?.centre).toBe(3);
});

test("noise limits are those of tables: mean run lengths of 168 and 465, and normal quantiles", () => {
  // Two-sided sums with an allowance of one half and heights of 4 and 5 (Montgomery, Statistical Quality Control);
  // Siegmund's formula is within 1 % of them.
  expect(cumulativeSumLimit(168)).toBeCloseTo(4, 1);
  expect(cumulativeSumLimit(465)).toBeCloseTo(5, 1);
  expect(cumulativeSumLimit(169.04658357827898)).toBeCloseTo(4, 9);
  expect(distanceLimit(25_920)).toBeCloseTo(4.115821701142354, 9);
});

test("tailLimit: Hill's index, held near a quarter, and Weissman's quantile", () => {
  expect(tailLimit([4.1, 5.2, 3.9, 7.7, 4.4, 4.0, 6.3, 4.8, 5.0], 90)).toBeCloseTo(11.38837141741423, 9);
  expect(tailLimit([4, 8, 5], 21)).toBeCloseTo(9.051606659961998, 9);
  expect(tailLimit(Array(9).fill(4), 2)).toBe(4);
  expect(tailLimit([4, 8], 21)).toBeUndefined();
  expect(tailLimit([0, 0, 0, 9], 21)).toBe(0);
});

test("an alarm doubles the limit, and the allowed time takes that back", () => {
  const limit = new AlarmLimit({ slotsPerDay: HOURLY, daysPerAlarm: 30, least: 5 }, {});
  expect(limit.at(0)).toBe(Number.POSITIVE_INFINITY);
  for (let slot = 0; slot <= 3 * HOURLY; slot++) limit.add(slot, 0.1, false);
  expect(limit.at(100)).toBe(5);
  limit.add(100, 6, true);
  expect(limit.at(100)).toBeCloseTo(10, 12);
  expect(limit.at(100 + 15 * HOURLY)).toBeCloseTo(5 * Math.SQRT2, 12);
  expect(limit.at(100 + 30 * HOURLY)).toBeCloseTo(5, 12);
  expect(limit.at(100 + 90 * HOURLY)).toBeCloseTo(5, 12);
});
