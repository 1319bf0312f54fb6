/**
 * The real command on files, and how it reads them.
 */
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { parse } from "yaml";
import { inFolder } from "../process/testdata/in-folder.ts";
import type { DataRecord } from "../records/data-records.ts";
import { Chance } from "../stats/testdata/chance.ts";
import { foundAlarms } from "./anomalies/found-alarms.ts";
import { type SlotValue, slotValues } from "./anomalies/slot-values.ts";
import { anomalyLines } from "./anomalies.ts";

const MAIN = join(import.meta.dirname, "../main.ts");
const LIMIT_MILLISECONDS = 180_000;
const DAY_MILLISECONDS = 86_400_000;

/** Runs the real command. */
function run(
  options: readonly string[],
  input = "",
): Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }> {
  const child = spawn(process.execPath, ["--no-warnings", MAIN, "anomalies", ...options]);
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (chunk) => {
    stdout += chunk;
  });
  child.stderr.on("data", (chunk) => {
    stderr += chunk;
  });
  child.stdin.on("error", () => {});
  child.stdin.end(input);
  return new Promise((resolve) => child.once("close", (code) => resolve({ code, stdout, stderr })));
}

const DAYS = 30;
const START_SECONDS = 1_767_225_600;
const OUTAGE = DAYS * 96 - 50;

/** Requests of each quarter of an hour; an outage of two hours on the last day, and a gap of two slots before it. */
function series(): readonly { readonly time: number; readonly value: number }[] {
  const random = new Chance(3);
  return Array.from({ length: DAYS * 96 }, (_, slot) => {
    const mean = 400 * (1 + 0.7 * Math.sin((slot * Math.PI) / 48));
    const value =
      slot >= OUTAGE && slot < OUTAGE + 8 ? 0 : Math.round(mean + Math.sqrt(mean) * random.normal());
    return { time: START_SECONDS + 900 * slot, value };
  }).filter((_, slot) => slot !== 1_000 && slot !== 1_001);
}

const timeOf = (slot: number) => new Date(1_000 * (START_SECONDS + 900 * slot)).toISOString();

test(
  "finds an outage in CSV and NDJSON alike, and says since when",
  () =>
    inFolder(async (folder) => {
      const [csv, ndjson] = [join(folder, "requests.csv"), join(folder, "requests.ndjson")];
      writeFileSync(
        csv,
        `time,value\n${series()
          .map(({ time, value }) => `${time},${value}\n`)
          .join("")}`,
      );
      writeFileSync(
        ndjson,
        series()
          .map((one) => `${JSON.stringify(one)}\n`)
          .join(""),
      );
      const options = ["--slot", "15m", "--season", "day", "--false-alarm-every", "720h"];
      const [first, second] = [
        await run([csv, ...options, "-o", "json"]),
        await run([ndjson, ...options, "-o", "yaml"]),
      ];
      expect([first.code, second.code]).toEqual([0, 0]);
      const view = JSON.parse(first.stdout);
      expect(parse(second.stdout)).toEqual(view);
      expect(view).toMatchObject({ falseAlarmEvery: "720h", season: "day", slot: "15m", missing: 2 });
      expect(view.values).toBe(DAYS * 96 - 2);
      const outage = view.alarms.find(({ raised }: { raised: string }) => raised === timeOf(OUTAGE));
      expect(outage).toMatchObject({ series: "value", since: timeOf(OUTAGE), value: 0 });
      expect(Date.parse(outage.ended)).toBeGreaterThan(Date.parse(timeOf(OUTAGE + 8)));
      expect(outage.low).toBeGreaterThan(0);
      const { stdout } = await run([csv, ...options]);
      expect(stdout).toContain(`${timeOf(OUTAGE)}  ${timeOf(OUTAGE)}  ${outage.ended}  0  `);
    }),
  LIMIT_MILLISECONDS,
);

test(
  "says what is wrong with a call or a file, and in which line",
  async () => {
    const text = "ts,clicks\n2026-01-01T00:00:00Z,1\n2026-01-01T00:05:00Z,many\n";
    const wrong = await run(["-", "--format", "CSV", "--time", "ts", "--value", "clicks"], text);
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toContain('line 3: expected "clicks" to be a number or empty, got "many"');
    for (const [options, message] of [
      [["x.csv", "--slot", "7m"], "expected a whole part of an hour"],
      [["x.csv", "--false-alarm-every", "30d"], "expected a duration such as"],
      [["x.txt"], "expected --format"],
      [["missing.csv"], "missing.csv: "],
    ] as const) {
      const { code, stderr } = await run(options);
      expect(code).toBe(2);
      expect(stderr).toContain(message);
    }
  },
  LIMIT_MILLISECONDS,
);

async function* recordsOf(rows: readonly (readonly [unknown, unknown])[]): AsyncGenerator<DataRecord> {
  for (const [at, [time, value]] of rows.entries()) {
    yield {
      line: at + 2,
      members: new Map([
        ["time", time],
        ["value", value],
      ]),
    };
  }
}

const COLUMNS = { time: "time", value: "value", slotMilliseconds: 300_000 };

test("values of a slot are one by their mean, and what is empty is no value", async () => {
  const rows = recordsOf([
    ["2026-01-01T00:00:00Z", "4"],
    ["2026-01-01 01:02:00+01:00", 8],
    ["2026-01-01T00:05:00Z", ""],
    [1_767_226_200, null],
    ["1767226500.5", "-3"],
  ]);
  const found: unknown[] = [];
  for await (const one of slotValues(rows, COLUMNS)) found.push(one);
  expect(found).toEqual([
    { slot: 5_890_752, value: 6 },
    { slot: 5_890_753, value: undefined },
    { slot: 5_890_754, value: undefined },
    { slot: 5_890_755, value: -3 },
  ]);
});

test.each([
  ["a time without a zone", [["2026-01-01 00:00:00", 1]], "a time with its zone"],
  ["milliseconds", [[1_767_226_200_000, 1]], "seconds since 1970"],
  [
    "a time that goes back",
    [
      [600, 1],
      [0, 1],
    ],
    'line 3: expected "time" not to go back',
  ],
  ["what is no number", [[0, true]], "to be a number or empty, got true"],
] as const)("refuses %s", async (_, rows, message) => {
  const read = async () => {
    for await (const one of slotValues(recordsOf(rows), COLUMNS)) expect(one).toBeDefined();
  };
  await expect(read()).rejects.toThrow(message);
});

describe("values that cease with an alarm", () => {
  const [slotsPerDay, days] = [96, 14];
  const settings = { series: "value", slotsPerDay, season: "day", daysPerFalseAlarm: 30 } as const;
  const time = (slot: number) => new Date(900_000 * slot).toISOString();
  const outage = days * slotsPerDay;
  const later = outage + 30 * slotsPerDay;

  async function* until(last: SlotValue): AsyncGenerator<SlotValue> {
    const random = new Chance(4);
    for (let slot = 0; slot < outage; slot++) yield { slot, value: 100 + random.normal() };
    yield { slot: outage, value: 0 };
    yield last;
  }

  test.each([
    ["an empty record", undefined, outage],
    ["the next value, as wrong as the last one", 0, later],
  ])("end it after a day, before %s a month later", async (_, value, last) => {
    const found = await foundAlarms(until({ slot: later, value }), settings, 900_000);
    const ended = time(outage + slotsPerDay);
    expect(found.alarms.find(({ raised }) => raised === time(outage))?.ended).toBe(ended);
    expect(found.to).toBe(time(last));
    expect(found.values).toBe(outage + (value === undefined ? 1 : 2));
  });
});

test("says so when there is nothing", () => {
  const nothing = { from: null, to: null, values: 0, missing: 0, alarms: [] };
  expect(anomalyLines(nothing, DAY_MILLISECONDS)).toEqual(["no values"]);
});
