/**
 * That each detector keeps to the false alarms that it was allowed, on noise of several kinds, and finds what it is for.
 */
import { describe, expect, test } from "@jest/globals";
import { AnomalyDetector, type DetectorSettings } from "./anomaly-detector.ts";
import { Chance } from "./testdata/chance.ts";

const LOOKS_PER_DAY = 96;
const DAYS_PER_FALSE_ALARM = 7;
const DAYS = 140;
const TYPES = ["RobustScore", "Seasonal", "ChangePoint"] as const;
const DAY = (2 * Math.PI) / LOOKS_PER_DAY;

function detector(type: DetectorSettings["type"]): AnomalyDetector {
  return new AnomalyDetector({
    type,
    looksPerDay: LOOKS_PER_DAY,
    daysPerFalseAlarm: DAYS_PER_FALSE_ALARM,
  });
}

/** Looks at which alarms began. */
function beginnings(type: DetectorSettings["type"], series: Iterable<number>): number[] {
  const watch = detector(type);
  const begun = new Set<number>();
  for (const value of series) {
    const anomaly = watch.look(value);
    if (anomaly !== undefined) begun.add(anomaly.sinceLook);
  }
  return [...begun];
}

const NOISE: Readonly<Record<string, (seed: number) => Generator<number>>> = {
  *independent(seed) {
    const random = new Chance(seed);
    for (let look = 0; look < DAYS * LOOKS_PER_DAY; look++) yield 100 + 10 * random.normal();
  },
  *"heavy tailed (t, 3 degrees)"(seed) {
    const random = new Chance(seed);
    for (let look = 0; look < DAYS * LOOKS_PER_DAY; look++) {
      yield 100 + (10 * random.normal()) / Math.sqrt((2 * random.gamma(1.5)) / 3);
    }
  },
  *"dependent (autoregressive, 0.9)"(seed) {
    const random = new Chance(seed);
    let state = 0;
    for (let look = 0; look < DAYS * LOOKS_PER_DAY; look++) {
      state = 0.9 * state + random.normal();
      yield 100 + state;
    }
  },
  *daily(seed) {
    const random = new Chance(seed);
    for (let look = 0; look < DAYS * LOOKS_PER_DAY; look++) {
      yield 100 + 50 * Math.sin(look * DAY) + 5 * random.normal();
    }
  },
};

describe.each(TYPES)("%s", (type) => {
  test.each(Object.entries(NOISE))("%s noise: no more alarms than allowed, by a fifth", (_, series) => {
    const seeds = [1];
    const alarms = seeds.reduce((sum, seed) => sum + beginnings(type, series(seed)).length, 0);
    const allowed = (seeds.length * DAYS) / DAYS_PER_FALSE_ALARM;
    expect(alarms).toBeLessThanOrEqual(1.2 * allowed);
    // A detector that never speaks would pass as well.
    expect(alarms).toBeGreaterThan(0);
  });

  test("raises no alarm while it learns", () => {
    const random = new Chance(1);
    const watch = detector(type);
    for (let look = 0; look < 2 * LOOKS_PER_DAY; look++) {
      expect(watch.look(look === 150 ? 1e6 : 100 + random.normal())).toBeUndefined();
    }
  });

  test("counts what is no number, and stays as it was", () => {
    const [watch, other] = [detector(type), detector(type)];
    const random = new Chance(2);
    for (let look = 0; look < 12 * LOOKS_PER_DAY; look++) {
      const value = 100 + random.normal();
      watch.look(value);
      other.look(value);
    }
    const odd = [undefined, Number.NaN, Number.POSITIVE_INFINITY];
    for (const value of odd) expect(watch.look(value)).toBe(undefined);
    expect(watch.refused).toBe(odd.length);
    expect(other.refused).toBe(0);
  });
});

/** Calm days with a daily pattern, then what `change` makes of the value. */
function* until(days: number, pattern: number, change: (value: number, sinceLooks: number) => number) {
  const random = new Chance(4);
  for (let look = 0; look < (days + 2) * LOOKS_PER_DAY; look++) {
    const value = 100 + pattern * Math.sin(look * DAY) + 2 * random.normal();
    yield look < days * LOOKS_PER_DAY ? value : change(value, look - days * LOOKS_PER_DAY);
  }
}

const CALM_DAYS = 24;
const START = CALM_DAYS * LOOKS_PER_DAY;

test("RobustScore finds a spike at once, and says what it expected", () => {
  const watch = detector("RobustScore");
  let found: ReturnType<AnomalyDetector["look"]>;
  for (const value of until(CALM_DAYS, 0, (calm, since) => (since === 0 ? calm + 60 : calm))) {
    const anomaly = watch.look(value);
    if (anomaly?.sinceLook === START) found ??= anomaly;
  }
  expect(found?.value).toBeGreaterThan(150);
  expect(found?.low).toBeLessThan(100);
  expect(found?.high).toBeGreaterThan(100);
  expect(found?.high).toBeLessThan(150);
});

test("Seasonal finds a night's value at noon, which no window of hours would call unusual", () => {
  const found = beginnings(
    "Seasonal",
    until(CALM_DAYS, 50, (calm) => calm - 60),
  );
  expect(found).toContain(START);
});

test("Seasonal keeps hours apart when the last value of each is missing", () => {
  const watch = detector("Seasonal");
  const random = new Chance(5);
  let found: ReturnType<AnomalyDetector["look"]>;
  for (let look = 0; look <= START; look++) {
    // High in every other hour alone; at last high in the other.
    const isHigh = Math.floor(look / 4) % 2 === 1 || look === START;
    const anomaly = watch.look(look % 4 === 3 ? undefined : (isHigh ? 150 : 50) + random.normal());
    if (anomaly?.sinceLook === START) found = anomaly;
  }
  expect(found?.low).toBeGreaterThan(30);
  expect(found?.high).toBeLessThan(70);
});

test("ChangePoint finds a small step within some hours", () => {
  const found = beginnings(
    "ChangePoint",
    until(CALM_DAYS, 0, (calm) => calm + 5),
  );
  const first = found.find((look) => look >= START) ?? Number.NaN;
  expect(first - START).toBeLessThan(LOOKS_PER_DAY / 4);
});
