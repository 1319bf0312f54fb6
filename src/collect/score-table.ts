/**
 * The tables of sums over scores. A file that has none gets them, and a collector that knows nothing of them passes them
 * over. Statements only; what they mean stands in `score-cells.ts`.
 */
import type { DatabaseSync, StatementSync } from "node:sqlite";

/** What one cell is about: one metric over the scores of one revision, in one arm and half hour of one epoch. */
export interface ScoreCellKey {
  readonly deployment: number;
  /** First slot of the half hour. */
  readonly slot: number;
  readonly epoch: number;
  readonly arm: number;
  /** Tag of the revision that made the scores: of an arm that fell back it is another one's. */
  readonly revision: number;
  /** Number of the metric's sums. */
  readonly sum: number;
}

/** A stored cell. */
export interface ScoreCell extends ScoreCellKey {
  readonly vector: Uint8Array;
}

/** The sums of one metric that the file keeps. */
export interface StoredScoreSum {
  readonly id: number;
  readonly deployment: number;
  /** What they are made of, as text: another definition has other sums. */
  readonly definition: string;
  /** Requests of earlier slots are not in them. */
  readonly firstSlot: number;
}

// A number that was given back must not be given again: there may be cells of it.
const SCHEMA = `
  CREATE TABLE IF NOT EXISTS score_sum (
    id INTEGER PRIMARY KEY AUTOINCREMENT, deployment INTEGER, definition TEXT, first_slot INTEGER,
    told_through INTEGER, UNIQUE (deployment, definition)
  );
  CREATE TABLE IF NOT EXISTS score_cell (
    deployment INTEGER, slot INTEGER, epoch INTEGER, arm INTEGER, revision INTEGER, sum INTEGER, vector BLOB NOT NULL,
    PRIMARY KEY (deployment, slot, epoch, arm, revision, sum)
  ) WITHOUT ROWID;
`;

/** The tables in an open file. */
export class ScoreTable {
  readonly #sums: StatementSync;
  readonly #addSum: StatementSync;
  readonly #deleteSum: StatementSync;
  readonly #toldThrough: StatementSync;
  readonly #setToldThrough: StatementSync;
  readonly #cell: StatementSync;
  readonly #putCell: StatementSync;
  readonly #cells: StatementSync;
  readonly #deleteSome: StatementSync;
  readonly #nextDeployment: StatementSync;

  constructor(database: DatabaseSync) {
    database.exec(SCHEMA);
    this.#sums = database.prepare("SELECT id, deployment, definition, first_slot FROM score_sum");
    this.#addSum = database.prepare(
      "INSERT INTO score_sum (deployment, definition, first_slot, told_through) VALUES (?, ?, ?, -1) RETURNING id",
    );
    this.#deleteSum = database.prepare("DELETE FROM score_sum WHERE id = ?");
    this.#toldThrough = database.prepare("SELECT told_through FROM score_sum WHERE id = ?");
    this.#setToldThrough = database.prepare("UPDATE score_sum SET told_through = ? WHERE id = ?");
    const isCell = "deployment = ? AND slot = ? AND epoch = ? AND arm = ? AND revision = ? AND sum = ?";
    this.#cell = database.prepare(`SELECT vector FROM score_cell WHERE ${isCell}`);
    this.#putCell = database.prepare("INSERT OR REPLACE INTO score_cell VALUES (?, ?, ?, ?, ?, ?, ?)");
    this.#cells = database.prepare(`
      SELECT epoch, arm, revision, vector FROM score_cell WHERE deployment = ? AND slot = ? AND sum = ?
      ORDER BY epoch, arm, revision
    `);
    this.#nextDeployment = database.prepare(
      "SELECT min(deployment) AS next FROM score_cell WHERE deployment > ?",
    );
    this.#deleteSome = database.prepare(`
      DELETE FROM score_cell WHERE (deployment, slot, epoch, arm, revision, sum) IN
        (SELECT deployment, slot, epoch, arm, revision, sum FROM score_cell WHERE deployment = ? AND slot < ? LIMIT ?)
    `);
  }

  /** All sums. */
  sums(): readonly StoredScoreSum[] {
    return this.#sums.all().map((row) => ({
      id: Number(row["id"]),
      deployment: Number(row["deployment"]),
      definition: String(row["definition"]),
      firstSlot: Number(row["first_slot"]),
    }));
  }

  /** Adds sums, and gives them their number. */
  addSum(sum: Omit<StoredScoreSum, "id">): StoredScoreSum {
    const row = this.#addSum.get(sum.deployment, sum.definition, sum.firstSlot);
    return { ...sum, id: Number(row?.["id"]) };
  }

  /** Forgets sums; their cells go when they are old. */
  deleteSum(id: number): void {
    this.#deleteSum.run(id);
  }

  /** The last slot that was told of; -1 where none was. */
  toldThrough(id: number): number {
    return Number(this.#toldThrough.get(id)?.["told_through"] ?? -1);
  }

  /** Notes it. */
  setToldThrough(id: number, slot: number): void {
    this.#setToldThrough.run(slot, id);
  }

  /** The numbers of one cell. */
  cell({ deployment, slot, epoch, arm, revision, sum }: ScoreCellKey): Uint8Array | undefined {
    return bytesOf(this.#cell.get(deployment, slot, epoch, arm, revision, sum)?.["vector"]);
  }

  /** Keeps the numbers of one cell. */
  putCell(key: ScoreCellKey, vector: Uint8Array): void {
    const { deployment, slot, epoch, arm, revision, sum } = key;
    this.#putCell.run(deployment, slot, epoch, arm, revision, sum, vector);
  }

  /** The cells of one metric's sums in one half hour, the oldest epoch first. */
  cells(deployment: number, slot: number, sum: number): readonly ScoreCell[] {
    return this.#cells.all(deployment, slot, sum).map((row) => ({
      ...{ deployment, slot, sum },
      epoch: Number(row["epoch"]),
      arm: Number(row["arm"]),
      revision: Number(row["revision"]),
      vector: bytesOf(row["vector"]) ?? new Uint8Array(),
    }));
  }

  /** The deployments that have cells. */
  deployments(): readonly number[] {
    const found: number[] = [];
    // Each step jumps over all cells of one deployment.
    for (let after = -1; ; ) {
      const next = this.#nextDeployment.get(after)?.["next"];
      if (typeof next !== "number") return found;
      after = next;
      found.push(after);
    }
  }

  /** Forgets at most so many cells of slots before one, and tells how many it were. */
  forgetSome(deployment: number, slot: number, limit: number): number {
    return Number(this.#deleteSome.run(deployment, slot, limit).changes);
  }
}

function bytesOf(value: unknown): Uint8Array | undefined {
  return value instanceof Uint8Array ? value : undefined;
}
