/**
 * The tables of who was seen in which epoch. A file that has none gets them, and a collector that knows nothing of them
 * passes them over. Statements only; what they mean stands in `first-sights.ts`.
 */
import type { DatabaseSync, StatementSync } from "node:sqlite";

/** One epoch in which users are told apart. */
export interface SightedEpoch {
  readonly deployment: number;
  readonly epoch: number;
  /** Earlier sights do not count. */
  readonly fromSlot: number;
  /** Users that count. */
  sights: number;
}

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS sight (
    deployment INTEGER, epoch INTEGER, user BLOB, PRIMARY KEY (deployment, epoch, user)
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS sighted_epoch (
    deployment INTEGER, epoch INTEGER, from_slot INTEGER, sights INTEGER, is_left INTEGER,
    PRIMARY KEY (deployment, epoch)
  ) WITHOUT ROWID;
`;

/** The tables in an open file. */
export class SightTable {
  readonly #add: StatementSync;
  readonly #epochs: StatementSync;
  readonly #putEpoch: StatementSync;
  readonly #leaveEpoch: StatementSync;
  readonly #leftEpoch: StatementSync;
  readonly #deleteSome: StatementSync;
  readonly #deleteEpoch: StatementSync;

  constructor(database: DatabaseSync) {
    database.exec(SCHEMA);
    this.#add = database.prepare("INSERT OR IGNORE INTO sight VALUES (?, ?, ?)");
    this.#epochs = database.prepare(
      "SELECT deployment, epoch, from_slot, sights FROM sighted_epoch WHERE is_left = 0",
    );
    this.#putEpoch = database.prepare("INSERT OR REPLACE INTO sighted_epoch VALUES (?, ?, ?, ?, 0)");
    this.#leaveEpoch = database.prepare(
      "UPDATE sighted_epoch SET is_left = 1 WHERE deployment = ? AND epoch = ?",
    );
    this.#leftEpoch = database.prepare(
      "SELECT deployment, epoch FROM sighted_epoch WHERE is_left = 1 LIMIT 1",
    );
    this.#deleteSome = database.prepare(`
      DELETE FROM sight WHERE (deployment, epoch, user) IN
        (SELECT deployment, epoch, user FROM sight WHERE deployment = ? AND epoch = ? LIMIT ?)
    `);
    this.#deleteEpoch = database.prepare("DELETE FROM sighted_epoch WHERE deployment = ? AND epoch = ?");
  }

  /** Notes a user in an epoch; false when that was noted before. */
  add(deployment: number, epoch: number, user: Uint8Array): boolean {
    return Number(this.#add.run(deployment, epoch, user).changes) === 1;
  }

  /** The epochs that are not left. */
  epochs(): readonly SightedEpoch[] {
    return this.#epochs.all().map((row) => ({
      deployment: Number(row["deployment"]),
      epoch: Number(row["epoch"]),
      fromSlot: Number(row["from_slot"]),
      sights: Number(row["sights"]),
    }));
  }

  /** Keeps an epoch. */
  putEpoch({ deployment, epoch, fromSlot, sights }: SightedEpoch): void {
    this.#putEpoch.run(deployment, epoch, fromSlot, sights);
  }

  /** Leaves an epoch: its users may be forgotten. */
  leaveEpoch({ deployment, epoch }: SightedEpoch): void {
    this.#leaveEpoch.run(deployment, epoch);
  }

  /** Forgets at most so many users of an epoch that was left; tells whether there are more, of it or another one. */
  forgetSome(limit: number): boolean {
    const left = this.#leftEpoch.get();
    if (left === undefined) return false;
    const [deployment, epoch] = [Number(left["deployment"]), Number(left["epoch"])];
    const { changes } = this.#deleteSome.run(deployment, epoch, limit);
    if (Number(changes) < limit) this.#deleteEpoch.run(deployment, epoch);
    return true;
  }
}
