/**
 * The table of what clients got, minute by minute, of deployments whose series are watched: only as long as a window may
 * still be looked at. A file that has none gets it, and a collector that knows nothing of it passes it over.
 */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import {
  readServed,
  SERVED_ARMS,
  type Served,
  type ServedArm,
  sumOfServed,
} from "../stats/served-minutes.ts";
import type { SlotRange } from "./router-log.ts";

/** Names a minute of one arm. */
export interface ServedKey {
  readonly deployment: number;
  readonly slot: number;
  readonly arm: ServedArm;
}

/** What became of the requests of some minutes, by arm; one without a request is absent. */
export type ServedByArm = ReadonlyMap<ServedArm, Served>;

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS served (
    slot INTEGER, deployment INTEGER, arm TEXT, body TEXT NOT NULL, PRIMARY KEY (slot, deployment, arm)
  ) WITHOUT ROWID;
`;
/** Rows that one call forgets, so that no client waits long behind it. */
const FORGOTTEN_ROWS = 1_000;

/** The table in an open file. */
export class ServedTable {
  readonly #get: StatementSync;
  readonly #put: StatementSync;
  readonly #between: StatementSync;
  readonly #forget: StatementSync;

  constructor(database: DatabaseSync) {
    database.exec(SCHEMA);
    this.#get = database.prepare("SELECT body FROM served WHERE slot = ? AND deployment = ? AND arm = ?");
    this.#put = database.prepare("INSERT OR REPLACE INTO served VALUES (?, ?, ?, ?)");
    this.#between = database.prepare(
      "SELECT arm, body FROM served WHERE slot BETWEEN ? AND ? AND deployment = ?",
    );
    this.#forget = database.prepare(
      `DELETE FROM served WHERE (slot, deployment, arm) IN
       (SELECT slot, deployment, arm FROM served WHERE slot < ? LIMIT ${FORGOTTEN_ROWS})`,
    );
  }

  /** Adds to a minute. */
  add({ slot, deployment, arm }: ServedKey, served: Served): void {
    const row = this.#get.get(slot, deployment, arm);
    const before = row === undefined ? [] : [bodyOf(row["body"])];
    const { latencies, ...counts } = sumOfServed([...before, served]);
    this.#put.run(slot, deployment, arm, JSON.stringify({ ...counts, latencies: [...latencies] }));
  }

  /** The sums of some minutes. */
  sums(deployment: number, { first, last }: SlotRange): ServedByArm {
    const rows = Map.groupBy(this.#between.all(first, last, deployment), (row) => row["arm"]);
    return new Map(
      SERVED_ARMS.flatMap((arm) => {
        const minutes = rows.get(arm)?.map((row) => bodyOf(row["body"]));
        return minutes === undefined ? [] : [[arm, sumOfServed(minutes)]];
      }),
    );
  }

  /** Forgets some of the minutes before a slot. True when there may be more. */
  forgetSome(before: number): boolean {
    return this.#forget.run(before).changes === FORGOTTEN_ROWS;
  }
}

/** @throws {ServedMinutesError} for a damaged row: no part of it may pass for the whole. */
function bodyOf(text: unknown): Served {
  return readServed(JSON.parse(String(text)), "served");
}
