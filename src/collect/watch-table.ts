/**
 * The table of watched series. A file that has none gets it, and a collector that knows nothing of it passes it over.
 * Statements only; what they mean stands in `anomaly-watches.ts`.
 */
import type { DatabaseSync, StatementSync } from "node:sqlite";

/** What is kept of the watch of one series. */
export interface StoredWatch {
  /** The window that it looks at next. */
  readonly next: number;
  /** What the watch remembers, as JSON. */
  readonly memory: string;
}

/** Names a series. */
export interface WatchKey {
  readonly deployment: number;
  readonly series: string;
}

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS watch (
    deployment INTEGER, series TEXT, next INTEGER NOT NULL, memory TEXT NOT NULL, PRIMARY KEY (deployment, series)
  ) WITHOUT ROWID;
`;

/** The table in an open file. */
export class WatchTable {
  readonly #get: StatementSync;
  readonly #put: StatementSync;
  readonly #keys: StatementSync;
  readonly #delete: StatementSync;

  constructor(database: DatabaseSync) {
    database.exec(SCHEMA);
    this.#get = database.prepare("SELECT next, memory FROM watch WHERE deployment = ? AND series = ?");
    this.#put = database.prepare("INSERT OR REPLACE INTO watch VALUES (?, ?, ?, ?)");
    this.#keys = database.prepare("SELECT deployment, series FROM watch");
    this.#delete = database.prepare("DELETE FROM watch WHERE deployment = ? AND series = ?");
  }

  /** What is kept of a series; undefined where nothing is. */
  get({ deployment, series }: WatchKey): StoredWatch | undefined {
    const row = this.#get.get(deployment, series);
    return row === undefined ? undefined : { next: Number(row["next"]), memory: String(row["memory"]) };
  }

  /** Keeps the watch of a series. */
  put({ deployment, series }: WatchKey, { next, memory }: StoredWatch): void {
    this.#put.run(deployment, series, next, memory);
  }

  /** All series that are kept. */
  keys(): readonly WatchKey[] {
    return this.#keys
      .all()
      .map((row) => ({ deployment: Number(row["deployment"]), series: String(row["series"]) }));
  }

  /** Forgets a series. */
  delete({ deployment, series }: WatchKey): void {
    this.#delete.run(deployment, series);
  }
}
