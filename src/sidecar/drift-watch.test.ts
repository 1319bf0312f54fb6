/** That drift is found, that without it alarms keep the asked rate, and that few values and odd ones say what they say. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { referenceOf } from "../stats/reference-distribution.ts";
import { Chance } from "../stats/testdata/chance.ts";
import { DRIFT_TESTS, DriftWatch } from "./drift-watch.ts";
import { readReferences } from "./reference-file.ts";
import { References } from "./references.ts";
import type { DriftSettings } from "./settings.ts";
import { eventOf, GREETING, NOW_MILLISECONDS, settingsOf, withSidecar } from "./testdata/observing.ts";

const HOUR = 3_600_000;
const SCORE = { model_revision: "m-1", arm: "Stable", column: "score" };
const LEARNED = { drift: { reference: { values: 500 }, window: "1h", minimumValues: 200 } };

test("a window like the first values raises nothing, another one does", () =>
  withSidecar(settingsOf(LEARNED), async ({ sidecar, pass, shown }) => {
    const chance = new Chance(3);
    const take = (count: number, shift: number) => {
      for (let index = 0; index < count; index++) {
        sidecar.take(GREETING, eventOf([chance.uniform() / 2, chance.normal() + shift]));
      }
    };
    take(500 + 300, 0);
    pass(HOUR);
    const price = { ...SCORE, column: "price" };
    for (const column of [SCORE, price]) {
      expect(await shown("petrel_model_drift_looks_total", column)).toBe(1);
      expect(await shown("petrel_model_drift_window_values", column)).toBe(300);
      for (const name of DRIFT_TESTS) {
        expect(await shown("petrel_model_drift_alarm", { ...column, test: name })).toBe(0);
      }
    }
    take(300, 2);
    pass(HOUR);
    for (const name of ["PSI", "KS", "OutOfReference"]) {
      expect(await shown("petrel_model_drift_alarm", { ...price, test: name })).toBe(1);
      expect(await shown("petrel_model_drift_alarms_total", { ...price, test: name })).toBe(1);
      expect(await shown("petrel_model_drift_alarm", { ...SCORE, test: name })).toBe(0);
    }
    const psi = await shown("petrel_model_drift_psi", price);
    expect(psi).toBeGreaterThan((await shown("petrel_model_drift_psi_threshold", price)) ?? Number.NaN);
    const tenths = await Promise.all(
      Array.from({ length: 10 }, (_, bin) =>
        shown("petrel_model_drift_values_total", { ...price, bin: String(bin) }),
      ),
    );
    expect(tenths.reduce<number>((sum, count) => sum + (count ?? Number.NaN), 0)).toBe(600);
    expect(await shown("petrel_model_drift_reference_ratio", { ...price, bin: "3" })).toBeCloseTo(0.1, 2);
  }));

test("a column of which nothing is left is an alarm, though it has no distribution", () =>
  withSidecar(settingsOf(LEARNED), async ({ sidecar, pass, shown }) => {
    const chance = new Chance(4);
    for (let index = 0; index < 500; index++)
      sidecar.take(GREETING, eventOf([chance.uniform(), chance.normal()]));
    for (let index = 0; index < 200; index++) sidecar.take(GREETING, eventOf([Number.NaN, chance.normal()]));
    pass(HOUR);
    expect(await shown("petrel_model_drift_alarm", { ...SCORE, test: "Missing" })).toBe(1);
    expect(await shown("petrel_model_drift_alarm", { ...SCORE, test: "PSI" })).toBe(0);
    expect(await shown("petrel_model_drift_psi", SCORE)).toBeUndefined();
  }));

test("another value of a column that was always the same is an alarm", () =>
  withSidecar(settingsOf(LEARNED), async ({ sidecar, pass, shown }) => {
    for (let index = 0; index < 500; index++) sidecar.take(GREETING, eventOf([0.5, 7]));
    for (let index = 0; index < 200; index++) sidecar.take(GREETING, eventOf([0.5, index < 150 ? 7 : 8]));
    pass(HOUR);
    expect(
      await shown("petrel_model_drift_alarm", { ...SCORE, column: "price", test: "OutOfReference" }),
    ).toBe(1);
    expect(await shown("petrel_model_drift_alarm", { ...SCORE, test: "OutOfReference" })).toBe(0);
  }));

test("a window goes on until it has enough values", () =>
  withSidecar(settingsOf(LEARNED), async ({ sidecar, pass, shown }) => {
    for (let index = 0; index < 500; index++) sidecar.take(GREETING, eventOf([index / 500, index]));
    for (let index = 0; index < 199; index++) sidecar.take(GREETING, eventOf([index / 199, index]));
    pass(3 * HOUR);
    expect(await shown("petrel_model_drift_looks_total", SCORE)).toBe(0);
    sidecar.take(GREETING, eventOf([0.5, 250]));
    pass(1_000);
    expect(await shown("petrel_model_drift_looks_total", SCORE)).toBe(1);
  }));

test("of a user one request an hour is counted for drift, and all for the distribution", () =>
  withSidecar(settingsOf(LEARNED), async ({ sidecar, pass, shown }) => {
    for (let index = 0; index < 500; index++) sidecar.take(GREETING, eventOf([index / 500, index]));
    const bot = { hasUser: true, userTag: Uint8Array.of(1, 2, 3, 4, 5, 6) };
    for (let index = 0; index < 1_000; index++) sidecar.take(GREETING, eventOf([0.999, 499], bot));
    for (let index = 0; index < 200; index++) sidecar.take(GREETING, eventOf([index / 200, 2.5 * index]));
    pass(HOUR);
    expect(await shown("petrel_model_drift_window_values", SCORE)).toBe(201);
    expect(await shown("petrel_model_value_count", SCORE)).toBe(1_700);
    expect(await shown("petrel_model_drift_alarm", { ...SCORE, test: "PSI" })).toBe(0);
  }));

/** Looks with one column, of values like the reference. */
function alarmsWithoutDrift(looks: number, values: number, falseAlarmDays: number) {
  const chance = new Chance(looks + values);
  const settings: DriftSettings = {
    reference: { values: 1_000 },
    windowMilliseconds: HOUR,
    minimumValues: values,
    falseAlarmDays,
  };
  const reference = referenceOf(Array.from({ length: 10_000 }, () => chance.normal()));
  const watch = new DriftWatch(settings, new References([reference]));
  let now = 0;
  for (let look = 0; look < looks; look++) {
    for (let index = 0; index < values; index++) watch.add(0, chance.normal(), now);
    now += HOUR;
    watch.look(now, 1);
  }
  return (
    watch.columns[0]?.alarms ?? {
      PSI: Number.NaN,
      KS: Number.NaN,
      Missing: Number.NaN,
      OutOfReference: Number.NaN,
    }
  );
}

test("without drift each test alarms no more often than its part of the rate", () => {
  // One alarm a day, over 24 looks a day and 4 tests: 1 look of 96 for each test.
  const looks = 1_920;
  const alarms = alarmsWithoutDrift(looks, 100, 1);
  const expected = looks / 96;
  for (const name of DRIFT_TESTS) {
    expect(alarms[name]).toBeLessThanOrEqual(1.2 * expected + 4 * Math.sqrt(expected));
  }
  // The tests that are asked for by name keep the rate rather than stay silent.
  expect(alarms.PSI).toBeGreaterThan(expected / 3);
  expect(alarms.KS).toBeGreaterThan(expected / 3);
}, 60_000);

test("a training log is a reference, and what it cannot say is said", () =>
  withSidecar(
    (folder) => {
      const lines = Array.from({ length: 300 }, (_, index) =>
        JSON.stringify({
          drawn: 1,
          values: { score: [-9, index / 300], price: [-9, index % 10 === 0 ? null : "Infinity"] },
        }),
      );
      writeFileSync(join(folder, "reference.ndjson"), `${lines.join("\n")}\n`);
      const file = join(folder, "reference.ndjson");
      expect(() => readReferences(file, ["price"])).toThrow(
        "column price: reference: expected at least 100 numbers",
      );
      expect(readReferences(file, ["none", "score"])).toMatchObject([undefined, { size: 300, minimum: 0 }]);
      return settingsOf({
        observe: { scores: { output: "score" }, features: [{ name: "new", input: "x" }] },
        drift: { reference: { file }, window: "1h" },
      });
    },
    async ({ sidecar, pass, shown, lines }) => {
      expect(lines.join("")).toContain("no drift of columns that the reference lacks");
      for (let index = 0; index < 200; index++) {
        sidecar.take({ ...GREETING, columns: ["score", "new"] }, eventOf([index / 200, 1]));
      }
      pass(HOUR);
      expect(await shown("petrel_model_drift_looks_total", SCORE)).toBe(1);
      expect(await shown("petrel_model_drift_alarm", { ...SCORE, test: "KS" })).toBe(0);
      expect(await shown("petrel_model_drift_looks_total", { ...SCORE, column: "new" })).toBeUndefined();
    },
  ));

test.each([
  ["no JSON", "expected JSON as a training log has it"],
  ["[1]", 'line 1: expected "drawn" and "values", got a list of 1'],
  ['{"drawn":0}', 'line 1: expected "drawn" and "values", got an object'],
])("a reference with the line %s is refused", (line, message) =>
  withSidecar(settingsOf(), async ({ folder }) => {
    writeFileSync(join(folder, "bad"), line);
    expect(() => readReferences(join(folder, "bad"), ["score"])).toThrow(message);
  }),
);

test("a large window is judged within milliseconds", () => {
  const reference = referenceOf(Array.from({ length: 10_000 }, (_, index) => index));
  const settings = {
    reference: { values: 100 },
    windowMilliseconds: HOUR,
    minimumValues: 100,
    falseAlarmDays: 30,
  };
  const watch = new DriftWatch(settings, new References([reference]));
  watch.add(0, 5, NOW_MILLISECONDS);
  const window = watch.columns[0]?.window;
  window?.counts.fill(20_000);
  if (window !== undefined) window.odd[0] = 1_000;
  const before = process.cpuUsage();
  watch.look(NOW_MILLISECONDS + HOUR, 1);
  const { user } = process.cpuUsage(before);
  expect(watch.columns[0]?.looks).toBe(1);
  // Microseconds; some 15 ms are usual.
  expect(user).toBeLessThan(500_000);
});
