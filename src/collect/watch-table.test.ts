/**
 * That the table keeps windows only, and that work which fails by itself takes nothing else with it.
 */
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "@jest/globals";
import { WatchTable } from "./watch-table.ts";

const KEY = { deployment: 7, series: "requests" };

function withTable(work: (table: WatchTable, database: DatabaseSync) => void): void {
  const database = new DatabaseSync(":memory:");
  try {
    work(new WatchTable(database), database);
  } finally {
    database.close();
  }
}

test.each([Number.POSITIVE_INFINITY, Number.NaN, 0.5, -1, 2 ** 53])("refuses the window %d", (next) => {
  withTable((table) => {
    expect(() => table.put(KEY, { next, memory: "{}" })).toThrow(RangeError);
    expect(table.keys()).toEqual([]);
  });
});

test.each(["9e999", "0.5", "-1", "9007199254740992", "'soon'"])("does not read the window %s", (next) => {
  withTable((table, database) => {
    database.exec(`INSERT INTO watch VALUES (7, 'requests', ${next}, '{}')`);
    expect(table.get(KEY)).toBeUndefined();
    expect(table.keys()).toEqual([KEY]);
    table.put(KEY, { next: 5, memory: "{}" });
    expect(table.get(KEY)).toEqual({ next: 5, memory: "{}" });
  });
});

test("an attempt that fails leaves the transaction as it was before", () => {
  withTable((table, database) => {
    const other = { ...KEY, series: "labels" };
    database.exec("BEGIN IMMEDIATE");
    expect(table.attempt(() => table.put(KEY, { next: 1, memory: "{}" }))).toEqual({ result: undefined });
    const failed = table.attempt(() => {
      table.put(other, { next: 2, memory: "{}" });
      throw new Error("no");
    });
    database.exec("COMMIT");
    expect(failed).toEqual({ failure: new Error("no") });
    expect(table.keys()).toEqual([KEY]);
  });
});

test("an attempt that lost the transaction says so", () => {
  withTable((table, database) => {
    database.exec("BEGIN IMMEDIATE");
    expect(() =>
      table.attempt(() => {
        database.exec("ROLLBACK");
        throw new Error("the disk is full");
      }),
    ).toThrow("the disk is full");
  });
});
