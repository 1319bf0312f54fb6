/**
 * That a watch keeps to the false alarms that it was allowed, on noise of several kinds; that it finds what it is for; and
 * that nothing is lost when it is stored.
 */
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { Chance } from "../stats/testdata/chance.ts";
import { AlarmLimit } from "./alarm-limit.ts";
import type { DetectorType } from "./detector.ts";
import { memoriesOf } from "./memory.ts";
import { type Anomaly, SeriesWatch, type WatchMemory, type WatchSettings } from "./series-watch.ts";

const SLOTS_PER_DAY = 96;
const DAY = (2 * Math.PI) / SLOTS_PER_DAY;
const SETTINGS: WatchSettings = {
  series: "requests",
  slotsPerDay: SLOTS_PER_DAY,
  season: "week",
  daysPerFalseAlarm: 7,
};
const DAYS = 140;

type Value = (random: Chance, slot: number) => number;

/** A count of a shop: by day and week, scattered as independent requests are. */
const shop: Value = (random, slot) => {
  const weekend = Math.floor(slot / SLOTS_PER_DAY) % 7 >= 5 ? 0.6 : 1;
  const mean = 400 * weekend * (1 + 0.7 * Math.sin(slot * DAY));
  return Math.max(0, Math.round(mean + Math.sqrt(mean) * random.normal()));
};

function remembering(share: number): Value {
  let state = 0;
  return (random) => {
    state = share * state + random.normal();
    return 100 + state;
  };
}

const NOISE: Readonly<Record<string, () => Value>> = {
  "independent noise": () => (random) => 100 + 10 * random.normal(),
  "heavy tails (t, 3 degrees)": () => (random) =>
    100 + (10 * random.normal()) / Math.sqrt((2 * random.gamma(1.5)) / 3),
  "dependent noise (autoregressive, 0.95)": () => remembering(0.95),
  "a shop": () => shop,
};

function alarmsOf(seed: number, value: Value): number {
  const [random, watch] = [new Chance(seed), new SeriesWatch(SETTINGS)];
  let [alarms, wasAlarmed] = [0, false];
  for (let slot = 0; slot < DAYS * SLOTS_PER_DAY; slot++) {
    const isAlarmed = watch.look(slot, value(random, slot)) !== undefined;
    if (isAlarmed && !wasAlarmed) alarms++;
    wasAlarmed = isAlarmed;
  }
  return alarms;
}

test.each(Object.entries(NOISE))("%s: all detectors together keep to what is allowed", (_, make) => {
  const seeds = [1, 2, 3];
  const alarms = seeds.reduce((sum, seed) => sum + alarmsOf(seed, make()), 0);
  const allowed = (seeds.length * DAYS) / SETTINGS.daysPerFalseAlarm;
  expect(alarms).toBeLessThanOrEqual(allowed);
  // A watch that never speaks would pass as well.
  expect(alarms).toBeGreaterThan(allowed / 10);
});

describe("counts of what is rare, with what they have by chance", () => {
  /** Share of errors of a shop's requests: few by chance, and now and then a burst that is over within the slot. */
  function errorsOf(random: Chance, slot: number, mean: number) {
    const requests = Math.max(50, shop(random, slot));
    const burst = random.uniform() < 1 / (3 * SLOTS_PER_DAY) ? 5 + random.binomial(100, 0.1) : 0;
    const errors = Math.min(requests, (mean === 0 ? 0 : random.binomial(requests, mean)) + burst);
    return { value: errors / requests, deviation: Math.sqrt(errors + 1) / requests };
  }

  test.each([0, 1e-4, 1e-3, 0.01])("errors in %d of the requests keep to what is allowed", (mean) => {
    const seeds = [1, 2, 3];
    let alarms = 0;
    for (const seed of seeds) {
      const [random, watch] = [new Chance(seed), new SeriesWatch(SETTINGS)];
      let wasAlarmed = false;
      for (let slot = 0; slot < DAYS * SLOTS_PER_DAY; slot++) {
        const { value, deviation } = errorsOf(random, slot, mean);
        const isAlarmed = watch.look(slot, value, deviation) !== undefined;
        if (isAlarmed && !wasAlarmed) alarms++;
        wasAlarmed = isAlarmed;
      }
    }
    expect(alarms).toBeLessThanOrEqual((seeds.length * DAYS) / SETTINGS.daysPerFalseAlarm);
  });

  test("the first error in weeks is no alarm, and requests that all fail are one at once", () => {
    const watch = new SeriesWatch(SETTINGS);
    const look = (slot: number, errors: number) =>
      watch.look(slot, errors / 1_000, Math.sqrt(errors + 1) / 1_000);
    const start = 35 * SLOTS_PER_DAY;
    for (let slot = 0; slot < start; slot++) expect(look(slot, 0)).toBeUndefined();
    expect(look(start, 1)).toBeUndefined();
    expect(look(start + 1, 3)).toBeUndefined();
    expect(look(start + 2, 1_000)).toMatchObject({ series: "requests", value: 1, since: start + 2 });
    // Without it the first one would have been.
    const bare = new SeriesWatch(SETTINGS);
    for (let slot = 0; slot < start; slot++) bare.look(slot, 0);
    expect(bare.look(start, 0.001)).toBeDefined();
  });
});

/** A watch that has seen so many days of a shop, and the chance that goes on. */
function taught(days: number, settings = SETTINGS) {
  const [random, watch] = [new Chance(5), new SeriesWatch(settings)];
  for (let slot = 0; slot < days * SLOTS_PER_DAY; slot++) watch.look(slot, shop(random, slot));
  return { random, watch, start: days * SLOTS_PER_DAY };
}

/** The alarm that comes of values that are changed from a start on, and the slots until then. */
function foundAfter(days: number, change: (value: number) => number, slots: number, settings = SETTINGS) {
  const { random, watch, start } = taught(days, settings);
  expect(watch.anomaly).toBeUndefined();
  for (let slot = start; slot < start + slots; slot++) {
    const anomaly = watch.look(slot, change(shop(random, slot)));
    if (anomaly !== undefined) return { anomaly, slots: slot - start + 1, start };
  }
  return undefined;
}

describe("what it finds in a shop after five weeks", () => {
  test("an outage at once, with value, band and since when", () => {
    const found = foundAfter(35, () => 0, 4);
    expect(found?.slots).toBe(1);
    expect(found?.anomaly).toMatchObject({ series: "requests", value: 0, since: found?.start });
    expect(found?.anomaly.detectors).toContain("Seasonal");
    expect(found?.anomaly.low).toBeGreaterThan(100);
    expect(found?.anomaly.high).toBeGreaterThan(400);
  });

  test.each([
    ["half of the requests", 0.5, 2],
    ["a jump to twice as many", 2, 2],
  ])("%s within %d times of a slot", (_, factor, slots) => {
    expect(foundAfter(35, (value) => factor * value, slots)?.anomaly.detectors).toContain("Seasonal");
  });

  test("a tenth less within a day, and it says about when that began", () => {
    const found = foundAfter(35, (value) => 0.9 * value, SLOTS_PER_DAY);
    expect(found?.anomaly.detectors).toEqual(["ChangePoint"]);
    expect(Math.abs((found?.anomaly.since ?? 0) - (found?.start ?? 0))).toBeLessThanOrEqual(
      SLOTS_PER_DAY / 2,
    );
  });

  test("an outage with one false alarm in 90 days allowed as well", () => {
    expect(foundAfter(35, () => 0, 4, { ...SETTINGS, daysPerFalseAlarm: 90 })?.slots).toBe(1);
  });

  test("an outage on the fifth day, by the last hours alone", () => {
    expect(foundAfter(4, () => 0, 4)?.anomaly.detectors).toEqual(["RobustScore"]);
  });
});

test("raises no alarm in its first three days, whatever comes", () => {
  const [random, watch] = [new Chance(1), new SeriesWatch(SETTINGS)];
  for (let slot = 0; slot < 3 * SLOTS_PER_DAY; slot++) {
    expect(watch.look(slot, slot % 50 === 49 ? 1e6 : shop(random, slot))).toBeUndefined();
  }
});

/** Alarms, slot by slot, of an outage that lasts so many slots, and of the slots after it. */
function alarmsOfOutage(outage: number, after: number) {
  const { random, watch, start } = taught(35);
  const alarms: (Anomaly | undefined)[] = [];
  for (let slot = start; slot < start + outage + after; slot++) {
    alarms.push(watch.look(slot, slot < start + outage ? 0 : shop(random, slot)));
  }
  return { alarms, start, watch };
}

test("an alarm lasts as long as the outage and an hour more, and is one alarm", () => {
  const hours = 2;
  const { alarms, start } = alarmsOfOutage((hours * SLOTS_PER_DAY) / 24, SLOTS_PER_DAY / 24 + 1);
  expect(new Set(alarms.slice(0, -2).map((alarm) => alarm?.since))).toEqual(new Set([start]));
  expect(alarms.at(-1)).toBeUndefined();
});

test("an outage of two hours is not taken for a new level", () => {
  const { alarms } = alarmsOfOutage((2 * SLOTS_PER_DAY) / 24, SLOTS_PER_DAY);
  expect(new Set(alarms.flatMap((alarm) => alarm?.detectors ?? []))).not.toContain("ChangePoint");
});

test("what lasts for more than a day is learned, and the alarm ends", () => {
  const { alarms } = alarmsOfOutage(4 * SLOTS_PER_DAY, 0);
  expect(alarms[SLOTS_PER_DAY - 1]).toBeDefined();
  expect(alarms.at(-1)).toBeUndefined();
});

test("an alarm does not outlive a day without values", () => {
  const { watch, start } = taught(35);
  expect(watch.look(start, 0)).toBeDefined();
  expect(watch.look(start + SLOTS_PER_DAY - 2, undefined)).toBeDefined();
  const { random } = taught(35);
  expect(watch.look(start + 7 * SLOTS_PER_DAY, shop(random, start))).toBeUndefined();
});

/** Slots without a value from the beginning of an alarm on until it ends, at most those of 30 days. */
function slotsToEnd(watch: SeriesWatch, last: number): number {
  let slots = 1;
  while (watch.look(last + slots, undefined) !== undefined && slots < 30 * SLOTS_PER_DAY) slots++;
  return slots;
}

test("an alarm ends when values cease, and the last one is then no longer told", () => {
  const { watch, start } = taught(35);
  expect(watch.look(start, 0)).toBeDefined();
  expect(slotsToEnd(watch, start)).toBe(SLOTS_PER_DAY);
  expect(watch.value).toBe(0);
  watch.look(start + SLOTS_PER_DAY + 1, undefined);
  expect(watch.value).toBeNaN();
  expect([...watch.findings.values()].map(({ since }) => since)).toEqual([undefined, undefined, undefined]);
  const again = new SeriesWatch(SETTINGS, memoriesOf(JSON.parse(JSON.stringify(watch.memory()))));
  expect([again.value, again.slot]).toEqual([Number.NaN, start]);
});

test("an alarm of a new level lasts for a day where values are rare, too", () => {
  const { random, watch, start } = taught(35);
  let slot = start;
  while (watch.look(slot, 0.9 * shop(random, slot)) === undefined) slot++;
  expect(watch.anomaly?.detectors).toEqual(["ChangePoint"]);
  const raised = slot;
  for (slot++; slot <= raised + SLOTS_PER_DAY; slot++) {
    watch.look(slot, slot % 8 === 0 ? 0.9 * shop(random, slot) : undefined);
  }
  expect(watch.anomaly).toBeUndefined();
});

test("what is no number changes nothing, and slots only go forward", () => {
  const { watch, start } = taught(14);
  const before = JSON.stringify(watch.memory());
  for (const odd of [undefined, Number.NaN, Number.POSITIVE_INFINITY]) watch.look(start + 1, odd);
  expect(JSON.stringify(watch.memory())).toBe(before);
  expect(() => watch.look(start - 1, 1)).toThrow("expected a slot after");
  expect(() => new SeriesWatch({ ...SETTINGS, slotsPerDay: 100 })).toThrow("expected whole slots an hour");
});

const FINDINGS: readonly DetectorType[] = ["RobustScore", "Seasonal", "ChangePoint"];

test("a watch that is stored and read again at any slot goes on as one that was not", () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.constant(undefined), fc.double({ min: -1e6, max: 1e6, noNaN: true })), {
        minLength: 1,
        maxLength: 40,
      }),
      fc.nat(39),
      fc.integer({ min: 1, max: 20 * 24 }),
      (values, cut, hours) => {
        const settings = { ...SETTINGS, slotsPerDay: 24, season: "day" as const };
        const whole = new SeriesWatch(settings);
        for (let slot = 0; slot < hours; slot++) whole.look(slot, 10 + ((slot * 7) % 5));
        let other = new SeriesWatch(settings, whole.memory());
        values.forEach((value, at) => {
          const slot = hours + at;
          if (at === cut) {
            const stored: WatchMemory = memoriesOf(JSON.parse(JSON.stringify(other.memory())));
            other = new SeriesWatch(settings, stored);
          }
          expect(other.look(slot, value)).toEqual(whole.look(slot, value));
          expect(other.findings).toEqual(whole.findings);
        });
        expect([...whole.findings.keys()]).toEqual(FINDINGS);
      },
    ),
    { numRuns: 60 },
  );
});

test("what is stored does not grow, and what was damaged is learned anew", () => {
  const sizeAfter = (days: number) => JSON.stringify(taught(days).watch.memory()).length;
  expect(sizeAfter(60)).toBeLessThan(1.1 * sizeAfter(36));
  expect(sizeAfter(60)).toBeLessThan(40_000);
  const damaged = memoriesOf({
    watch: { slotsPerDay: "x" },
    usual: [],
    RobustScore: { recent: ["1"] },
    more: 1,
  });
  expect(new SeriesWatch(SETTINGS, damaged).look(5, 1)).toBeUndefined();
  expect(memoriesOf(null)).toEqual({});
  const { watch, ...rest } = taught(14).watch.memory();
  for (const slot of [1e300, 0.5])
    expect(new SeriesWatch(SETTINGS, { ...rest, watch: { ...watch, slot } }).slot).toBe(-1);
});

test("a watch of other slots is not gone on with", () => {
  const { watch } = taught(14);
  expect(new SeriesWatch({ ...SETTINGS, slotsPerDay: 24 }, watch.memory()).slot).toBe(-1);
  expect(new SeriesWatch({ ...SETTINGS, season: "day" }, watch.memory()).slot).toBe(-1);
  expect(new SeriesWatch({ ...SETTINGS, daysPerFalseAlarm: 30 }, watch.memory()).slot).toBe(watch.slot);
});

test("whatever scores come, and whatever they mean: no more alarms than the correction lets through", () => {
  const largest = 1_000;
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0, max: largest, noNaN: true }), { minLength: 24, maxLength: 3_000 }),
      fc.integer({ min: 1, max: 20 }),
      fc.double({ min: 1, max: 10, noNaN: true }),
      (scores, daysPerAlarm, least) => {
        const limit = new AlarmLimit({ slotsPerDay: 24, daysPerAlarm, least }, {});
        let alarms = 0;
        // Days that taught that nothing ever happens are the worst beginning.
        for (let slot = 0; slot < 96; slot++) limit.add(slot, 0, false);
        scores.forEach((score, at) => {
          const isAlarm = score > limit.at(96 + at);
          if (isAlarm) alarms++;
          limit.add(96 + at, score, isAlarm);
        });
        const days = scores.length / 24;
        expect(alarms).toBeLessThanOrEqual(days / daysPerAlarm + 1 + Math.log2(largest / least));
      },
    ),
    { numRuns: 100 },
  );
});
