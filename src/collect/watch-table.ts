/**
 * The table of watched series. A file that has none gets it, and a collector that knows nothing of it passes it over.
 * Statements only; what they mean stands in `anomaly-watches.ts`.
 *
 * A window that is no whole number is never kept, and one that a file has nevertheless is not read: compared with it, no
 * window would ever be due.
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

/** What became of work that may fail by itself. */
export type Attempt<Result> = { readonly result: Result } | { readonly failure: unknown };

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS watch (
    deployment INTEGER, series TEXT, next INTEGER NOT NULL, memory TEXT NOT NULL, PRIMARY KEY (deployment, series)
  ) WITHOUT ROWID;
`;

/** The table in an open file. */
export class WatchTable {
  readonly #database: DatabaseSync;
  readonly #get: StatementSync;
  readonly #put: StatementSync;
  readonly #keys: StatementSync;
  readonly #delete: StatementSync;

  constructor(database: DatabaseSync) {
    this.#database = database;
    database.exec(SCHEMA);
    this.#get = database.prepare(`
      SELECT next, memory FROM watch
      WHERE deployment = ? AND series = ? AND typeof(next) = 'integer' AND next BETWEEN 0 AND ${Number.MAX_SAFE_INTEGER}
    `);
    this.#put = database.prepare("INSERT OR REPLACE INTO watch VALUES (?, ?, ?, ?)");
    this.#keys = database.prepare("SELECT deployment, series FROM watch");
    this.#delete = database.prepare("DELETE FROM watch WHERE deployment = ? AND series = ?");
  }

  /** What is kept of a series; undefined where nothing is. */
  get({ deployment, series }: WatchKey): StoredWatch | undefined {
    const row = this.#get.get(deployment, series);
    return row === undefined ? undefined : { next: Number(row["next"]), memory: String(row["memory"]) };
  }

  /**
   * Keeps the watch of a series.
   *
   * @throws {RangeError} when its window is no safe integer from 0 on.
   */
  put({ deployment, series }: WatchKey, { next, memory }: StoredWatch): void {
    if (!(Number.isSafeInteger(next) && next >= 0)) throw new RangeError(`expected a window, got ${next}`);
    this.#put.run(deployment, series, next, memory);
  }

  /**
   * Runs work inside a transaction. When it fails, nothing of it stays, and the transaction goes on without it.
   *
   * @throws what the work threw, when the transaction is gone as well: as after a full disk.
   */
  attempt<Result>(work: () => Result): Attempt<Result> {
    this.#database.exec("SAVEPOINT watch");
    try {
      const result = work();
      this.#database.exec("RELEASE watch");
      return { result };
    } catch (failure) {
      if (!this.#database.isTransaction) throw failure;
      this.#database.exec("ROLLBACK TO watch; RELEASE watch");
      return { failure };
    }
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
