/**
 * The collector's file: SQLite, as Node has it, with a write-ahead log that is synced at every commit, so that what was
 * committed survives a kill and a loss of power.
 *
 * One process writes, in one transaction at a time. Statements only; what they mean stands in the ledger. Two processes
 * on one file would each believe their own counts: the second is refused.
 */
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { ScoreTable } from "./score-table.ts";
import { ServedTable } from "./served-table.ts";
import { SightTable } from "./sight-table.ts";
import { WatchTable } from "./watch-table.ts";

/** The file cannot be used. */
export class StoreError extends Error {
  override readonly name = "StoreError";
}

/** What one cell of the evidence is about: one sum of one arm in one slot of one epoch. */
export interface CellKey {
  readonly deployment: number;
  readonly slot: number;
  readonly epoch: number;
  readonly arm: number;
  /** Number of the sum. */
  readonly sum: number;
}

/** A stored cell: its key and the numbers of its groups, encoded. */
export interface Cell extends CellKey {
  readonly vector: Uint8Array;
}

/** A sum of one metric that the store keeps. */
export interface StoredSum {
  readonly id: number;
  readonly deployment: number;
  /** What the sum is made of, as text: another definition is another sum. */
  readonly definition: string;
  /** Requests from this key on are not in it yet; undefined when all are. */
  readonly rebuildFrom: Uint8Array | undefined;
  /** Slots before this one are not covered: their requests had been forgotten when the sum began. */
  readonly firstSlot: number;
}

/** Version of the tables. A file of another version is not touched. */
const SCHEMA_VERSION = 1;
const SCHEMA = `
  CREATE TABLE request (key BLOB PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
  CREATE TABLE event_id (hash BLOB PRIMARY KEY, request BLOB NOT NULL) WITHOUT ROWID;
  CREATE TABLE cell (
    deployment INTEGER, slot INTEGER, epoch INTEGER, arm INTEGER, sum INTEGER, vector BLOB NOT NULL,
    PRIMARY KEY (deployment, slot, epoch, arm, sum)
  ) WITHOUT ROWID;
  CREATE TABLE label (id INTEGER PRIMARY KEY, deployment INTEGER, name TEXT, UNIQUE (deployment, name));
  CREATE TABLE sum (
    id INTEGER PRIMARY KEY, deployment INTEGER, definition TEXT, rebuild_from BLOB, first_slot INTEGER,
    UNIQUE (deployment, definition)
  );
  CREATE TABLE incarnation (name TEXT PRIMARY KEY, state TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE number (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
`;
/** The first id of a metric's sum; lower ones are those of the ledger. */
const FIRST_SUM = 16;
/** Page cache in KiB: the part of the file in which labels fall. */
const CACHE_KIB = 64 * 1_024;
/** Pages in the write-ahead log before they are moved into the file: 32 MiB, so that a restart reads little. */
const CHECKPOINT_PAGES = 8_192;

/** An open file. */
export class Store {
  /** Who was seen in which epoch. */
  readonly sights: SightTable;
  /** Sums over scores. */
  readonly scores: ScoreTable;
  /** What clients got, of deployments that are watched. */
  readonly served: ServedTable;
  /** What was learned of series that are watched. */
  readonly watches: WatchTable;
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  /**
   * Opens a file and makes it when there is none.
   *
   * @throws {StoreError} when it is of another version, in use or damaged.
   */
  constructor(path: string) {
    try {
      this.#database = new DatabaseSync(path, { timeout: 5_000 });
      // The lock is held as long as the file is open: there is one writer.
      this.#database.exec(`
        PRAGMA locking_mode = EXCLUSIVE;
        PRAGMA journal_mode = WAL;
        PRAGMA synchronous = FULL;
        PRAGMA cache_size = -${CACHE_KIB};
        PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES};
        PRAGMA journal_size_limit = ${2 * CHECKPOINT_PAGES * 4_096};
      `);
      this.#migrate();
      this.sights = new SightTable(this.#database);
      this.scores = new ScoreTable(this.#database);
      this.served = new ServedTable(this.#database);
      this.watches = new WatchTable(this.#database);
    } catch (error) {
      throw error instanceof StoreError
        ? error
        : new StoreError(`expected a file of petrel collect that nobody else has open at ${path}`, {
            cause: error,
          });
    }
  }

  /** Runs work in one transaction: all of it is stored and synced, or nothing. */
  transaction<Result>(work: () => Result): Result {
    this.#database.exec("BEGIN IMMEDIATE");
    try {
      const result = work();
      this.#database.exec("COMMIT");
      return result;
    } catch (error) {
      // After a full disk SQLite may have rolled back by itself.
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
      throw error;
    }
  }

  /** What is kept of a request. */
  request(key: Uint8Array): Uint8Array | undefined {
    return blob(this.#get("SELECT body FROM request WHERE key = ?", key)?.["body"]);
  }

  /** Keeps a request that is not kept yet; false when it is, and then nothing is changed. */
  addRequest(key: Uint8Array, body: Uint8Array): boolean {
    return this.#run("INSERT OR IGNORE INTO request VALUES (?, ?)", key, body) === 1;
  }

  /** Keeps a request. */
  putRequest(key: Uint8Array, body: Uint8Array): void {
    this.#run(
      "INSERT INTO request VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET body = excluded.body",
      key,
      body,
    );
  }

  /** Kept requests from a key on, in order. */
  requestsFrom(key: Uint8Array, limit: number): readonly { key: Uint8Array; body: Uint8Array }[] {
    return this.#all("SELECT key, body FROM request WHERE key >= ? ORDER BY key LIMIT ?", key, limit).map(
      (row) => ({ key: blob(row["key"]) ?? new Uint8Array(), body: blob(row["body"]) ?? new Uint8Array() }),
    );
  }

  /** Forgets a request. */
  deleteRequest(key: Uint8Array): void {
    this.#run("DELETE FROM request WHERE key = ?", key);
  }

  /** Notes that an event with an id belongs to a request; false when it was there already. */
  addEventId(hash: Uint8Array, request: Uint8Array): boolean {
    return this.#run("INSERT OR IGNORE INTO event_id VALUES (?, ?)", hash, request) === 1;
  }

  /** Forgets the id of an event. */
  deleteEventId(hash: Uint8Array): void {
    this.#run("DELETE FROM event_id WHERE hash = ?", hash);
  }

  /** The numbers of one cell. */
  cell({ deployment, slot, epoch, arm, sum }: CellKey): Uint8Array | undefined {
    const row = this.#get(
      "SELECT vector FROM cell WHERE deployment = ? AND slot = ? AND epoch = ? AND arm = ? AND sum = ?",
      deployment,
      slot,
      epoch,
      arm,
      sum,
    );
    return blob(row?.["vector"]);
  }

  /** Keeps the numbers of one cell. */
  putCell({ deployment, slot, epoch, arm, sum }: CellKey, vector: Uint8Array): void {
    this.#run(
      "INSERT OR REPLACE INTO cell VALUES (?, ?, ?, ?, ?, ?)",
      deployment,
      slot,
      epoch,
      arm,
      sum,
      vector,
    );
  }

  /** The cells of a deployment that hold one of these sums, by slot, epoch and arm. Of the others the numbers are not even read. */
  *cells(
    deployment: number,
    firstSlot: number,
    lastSlot: number,
    sums: ReadonlySet<number>,
  ): Generator<Cell> {
    const rows = this.#statement(`
      SELECT slot, epoch, arm, sum, vector FROM cell
      WHERE deployment = ? AND slot BETWEEN ? AND ? AND sum IN (SELECT value FROM json_each(?))
      ORDER BY slot, epoch, arm, sum
    `).iterate(deployment, firstSlot, lastSlot, JSON.stringify([...sums]));
    for (const row of rows) {
      yield {
        deployment,
        slot: Number(row["slot"]),
        epoch: Number(row["epoch"]),
        arm: Number(row["arm"]),
        sum: Number(row["sum"]),
        vector: blob(row["vector"]) ?? new Uint8Array(),
      };
    }
  }

  /** The deployments that have cells. */
  deploymentsWithCells(): readonly number[] {
    const found: number[] = [];
    // Each step jumps over all cells of one deployment.
    for (let after = -1; ; ) {
      const row = this.#get("SELECT min(deployment) AS next FROM cell WHERE deployment > ?", after);
      if (typeof row?.["next"] !== "number") return found;
      after = row["next"];
      found.push(after);
    }
  }

  /** The oldest slot of a deployment. */
  oldestSlot(deployment: number): number | undefined {
    return this.slotFrom(deployment, 0);
  }

  /** The newest slot of a deployment. */
  newestSlot(deployment: number): number | undefined {
    const slot = this.#get("SELECT max(slot) AS slot FROM cell WHERE deployment = ?", deployment)?.["slot"];
    return typeof slot === "number" ? slot : undefined;
  }

  /** The first slot of a deployment that has cells, from one on. */
  slotFrom(deployment: number, first: number): number | undefined {
    const sql = "SELECT min(slot) AS slot FROM cell WHERE deployment = ? AND slot >= ?";
    const slot = this.#get(sql, deployment, first)?.["slot"];
    return typeof slot === "number" ? slot : undefined;
  }

  /** Forgets one slot of a deployment. */
  deleteSlot(deployment: number, slot: number): void {
    this.#run("DELETE FROM cell WHERE deployment = ? AND slot = ?", deployment, slot);
  }

  /** The number of a label; it is given one when it has none. */
  labelId(deployment: number, name: string): number {
    this.#run("INSERT OR IGNORE INTO label (deployment, name) VALUES (?, ?)", deployment, name);
    const row = this.#get("SELECT id FROM label WHERE deployment = ? AND name = ?", deployment, name);
    return Number(row?.["id"]);
  }

  /** All sums of metrics. */
  sums(): readonly StoredSum[] {
    return this.#all("SELECT id, deployment, definition, rebuild_from, first_slot FROM sum").map((row) => ({
      id: Number(row["id"]),
      deployment: Number(row["deployment"]),
      definition: String(row["definition"]),
      rebuildFrom: blob(row["rebuild_from"]),
      firstSlot: Number(row["first_slot"]),
    }));
  }

  /** Adds a sum, and gives it its number. */
  addSum(sum: Omit<StoredSum, "id">): StoredSum {
    const { next } = { next: 0, ...this.#get("SELECT coalesce(max(id) + 1, ?) AS next FROM sum", FIRST_SUM) };
    const { deployment, definition, rebuildFrom = null, firstSlot } = sum;
    this.#run("INSERT INTO sum VALUES (?, ?, ?, ?, ?)", next, deployment, definition, rebuildFrom, firstSlot);
    return { ...sum, id: Number(next) };
  }

  /** Says how far a sum has come. */
  setRebuildFrom(id: number, key: Uint8Array | null): void {
    this.#run("UPDATE sum SET rebuild_from = ? WHERE id = ?", key, id);
  }

  /** All incarnations of routers, as they were kept. */
  incarnations(): ReadonlyMap<string, string> {
    const rows = this.#all("SELECT name, state FROM incarnation");
    return new Map(rows.map((row) => [String(row["name"]), String(row["state"])]));
  }

  /** Keeps an incarnation. */
  putIncarnation(name: string, state: string): void {
    this.#run("INSERT OR REPLACE INTO incarnation VALUES (?, ?)", name, state);
  }

  /** Forgets an incarnation. */
  deleteIncarnation(name: string): void {
    this.#run("DELETE FROM incarnation WHERE name = ?", name);
  }

  /** A number by its name; 0 when it was never kept. */
  number(name: string): number {
    return Number(this.#get("SELECT value FROM number WHERE name = ?", name)?.["value"] ?? 0);
  }

  /** Keeps a number. */
  setNumber(name: string, value: number): void {
    this.#run("INSERT OR REPLACE INTO number VALUES (?, ?)", name, value);
  }

  /** Size of the file without its log. */
  get sizeBytes(): number {
    const pages = Number(this.#get("PRAGMA page_count")?.["page_count"]);
    return pages * Number(this.#get("PRAGMA page_size")?.["page_size"]);
  }

  /** Moves the log into the file and closes it. */
  close(): void {
    this.#statements.clear();
    this.#database.close();
  }

  #migrate(): void {
    const version = this.#get("PRAGMA user_version")?.["user_version"];
    if (version === SCHEMA_VERSION) return;
    if (version !== 0) {
      throw new StoreError(`expected a file of version ${SCHEMA_VERSION}, got version ${version}`);
    }
    this.transaction(() => {
      this.#database.exec(`${SCHEMA} PRAGMA user_version = ${SCHEMA_VERSION};`);
    });
  }

  #statement(sql: string): StatementSync {
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    const statement = this.#database.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }

  #get(sql: string, ...values: Value[]): Readonly<Record<string, unknown>> | undefined {
    return this.#statement(sql).get(...values);
  }

  #all(sql: string, ...values: Value[]): readonly Readonly<Record<string, unknown>>[] {
    return this.#statement(sql).all(...values);
  }

  #run(sql: string, ...values: Value[]): number {
    return Number(this.#statement(sql).run(...values).changes);
  }
}

type Value = number | string | Uint8Array | null;

function blob(value: unknown): Uint8Array | undefined {
  return value instanceof Uint8Array ? value : undefined;
}
