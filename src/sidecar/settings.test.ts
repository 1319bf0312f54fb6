import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { parseSettings } from "./settings.ts";
import { OBSERVE, withSidecar } from "./testdata/observing.ts";

function parsed(more: Readonly<Record<string, unknown>>) {
  return parseSettings(JSON.stringify({ observe: OBSERVE, ...more }));
}

test("says what is done, with what nobody says otherwise", () => {
  expect(parsed({})).toMatchObject({ drift: undefined, trainingLog: undefined });
  expect(parsed({ drift: { reference: { values: 500 } } }).drift).toEqual({
    reference: { values: 500 },
    windowMilliseconds: 3_600_000,
    minimumValues: 100,
    falseAlarmDays: 30,
  });
  expect(parsed({ trainingLog: { folder: "/logs", sample: "0.5%" } }).trainingLog).toEqual({
    folder: "/logs",
    sample: 0.005,
    maximumFileBytes: 67_108_864,
    maximumFolderBytes: 1_073_741_824,
    fileMilliseconds: 300_000,
  });
});

test.each<[Record<string, unknown>, string]>([
  [{ drfit: {} }, 'expected the file to have only observe, drift, trainingLog, got "drfit"'],
  [{ observe: 1 }, "expected observe to be an object, got 1"],
  [{ drift: {} }, "expected drift.reference to be an object, got nothing"],
  [{ drift: { reference: {} } }, "expected drift.reference.values to be a whole number from 100 to 100000"],
  [{ drift: { reference: { values: 99 } } }, "from 100 to 100000, got 99"],
  [{ drift: { reference: { values: 100, file: "a" } } }, "a file or a number of values, got both"],
  [{ drift: { reference: { values: 100 }, window: "0s" } }, "drift.window to be a duration from 1s to 168h"],
  [
    { drift: { reference: { values: 100 }, window: 5 } },
    "drift.window to be a duration from 1s to 168h, got 5",
  ],
  [
    { drift: { reference: { values: 100 }, falseAlarmEvery: "1m" } },
    "drift.falseAlarmEvery to be a duration from 1h",
  ],
  [{ trainingLog: {} }, "expected trainingLog.folder to be a text"],
  [{ trainingLog: { folder: "a", sample: 0.5 } }, 'trainingLog.sample to be a share such as "1%", got 0.5'],
  [
    { trainingLog: { folder: "a", sample: "101%" } },
    'trainingLog.sample to be a share such as "1%", got "101%"',
  ],
  [
    { trainingLog: { folder: "a", maximumFileBytes: 1 } },
    "trainingLog.maximumFileBytes to be a number from 65536",
  ],
])("refuses %j", (more, message) => {
  expect(() => parsed(more)).toThrow(message);
});

const PAGE = readFileSync(join(import.meta.dirname, "../../docs/sidecar.md"), "utf8");

test("the page about it has settings that are settings", () => {
  const [, block = ""] = /```json\n([\s\S]*?)```/.exec(PAGE) ?? [];
  const { observed, drift, trainingLog } = parseSettings(block);
  expect(observed.columns.map(({ name }) => name)).toEqual(["score", "price"]);
  expect(drift?.reference).toEqual({ file: "/etc/petrel/reference.ndjson" });
  expect(trainingLog?.sample).toBe(0.01);
});

test("the page about it names series that are there", () =>
  withSidecar(parsed({}), async ({ sidecar }) => {
    const shown = (await sidecar.registry.getMetricsAsJSON()).map(({ name }) => name);
    // Of tokens only one before a foreign runtime tells: `command.test.ts` reads that.
    const named = [...PAGE.matchAll(/`(petrel_(?:model|sidecar)_\w+)`/g)]
      .map(([, name = ""]) => name)
      .filter((name) => name !== "petrel_sidecar_tokens_total");
    expect(named.length).toBeGreaterThan(15);
    for (const name of named) expect(shown).toContain(name);
  }));
