/**
 * How far an import has come, so that one that was interrupted goes on where it was: how many objects were answered,
 * what the answers were, and a digest of those objects, by which another file is told from this one.
 *
 * It is written only once a batch is answered. A batch whose answer got lost is sent again, which does no harm.
 */
import { createHash, type Hash } from "node:crypto";
import { readFile, rename, writeFile } from "node:fs/promises";
import { EVENT_RESULTS, type EventResult } from "../../api/event-result.ts";
import { errorMessage } from "../../core/log.ts";
import { errorCode } from "../../sources/error-code.ts";
import { CommandError, EXIT } from "../exit-code.ts";

/** How many events got each answer. */
export type AnswerCounts = Record<EventResult, number>;

/** An import under way. */
export class ImportProgress {
  /** Objects that were answered before, and are to be passed over. */
  readonly resumedFrom: number;
  readonly counts: AnswerCounts;
  readonly #path: string | undefined;
  readonly #expectedDigest: string | undefined;
  readonly #hash: Hash = createHash("sha256");
  #objects = 0;

  private constructor(path: string | undefined, stored: Stored | undefined) {
    this.#path = path;
    this.resumedFrom = stored?.objects ?? 0;
    this.#expectedDigest = stored?.digest;
    const none = Object.fromEntries(EVENT_RESULTS.map((answer) => [answer, 0])) as AnswerCounts;
    this.counts = { ...none, ...stored?.counts };
  }

  /**
   * Begins, or goes on where the file says; a file that is not there is a beginning.
   *
   * @throws {CommandError} when it holds something else.
   */
  static async begin(path: string | undefined): Promise<ImportProgress> {
    if (path === undefined) return new ImportProgress(path, undefined);
    let text: string;
    try {
      text = await readFile(path, "utf8");
    } catch (error) {
      if (errorCode(error) === "ENOENT") return new ImportProgress(path, undefined);
      throw new CommandError(EXIT.usage, `cannot read ${path}: ${errorMessage(error)}`);
    }
    const stored = parsedProgress(text);
    if (stored === undefined) {
      throw new CommandError(EXIT.usage, `expected the progress of an import in ${path}, got something else`);
    }
    return new ImportProgress(path, stored);
  }

  /** Objects of the file that are done. */
  get objects(): number {
    return this.#objects;
  }

  /**
   * Passes over an object that was answered before.
   *
   * @throws {CommandError} with the last one when the objects are not those of the file that was begun.
   */
  pass(text: string): void {
    this.#take(text);
    if (this.#objects === this.resumedFrom && this.#digest() !== this.#expectedDigest) {
      throw new CommandError(
        EXIT.usage,
        `expected the file whose import was begun, but its first ${this.#objects} objects are others`,
      );
    }
  }

  /** @throws {CommandError} when the file ended before what was answered did. */
  requirePassed(): void {
    if (this.#objects < this.resumedFrom) {
      throw new CommandError(
        EXIT.usage,
        `expected the file whose import was begun, with at least ${this.resumedFrom} objects, got ${this.#objects}`,
      );
    }
  }

  /** Notes that objects were answered. */
  async answered(texts: readonly string[]): Promise<void> {
    for (const text of texts) this.#take(text);
    if (this.#path === undefined) return;
    const stored: Stored = { objects: this.#objects, digest: this.#digest(), counts: this.counts };
    // All of it or nothing: a torn file would lose what was done.
    const next = `${this.#path}.next`;
    await writeFile(next, `${JSON.stringify(stored)}\n`);
    await rename(next, this.#path);
  }

  #take(text: string): void {
    this.#hash.update(text).update("\n");
    this.#objects++;
  }

  #digest(): string {
    return this.#hash.copy().digest("hex");
  }
}

interface Stored {
  readonly objects: number;
  readonly digest: string;
  readonly counts: AnswerCounts;
}

function parsedProgress(text: string): Stored | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const [objects, digest, counts]: readonly unknown[] = ["objects", "digest", "counts"].map((name) =>
    Reflect.get(value, name),
  );
  if (!isCount(objects) || typeof digest !== "string" || typeof counts !== "object" || counts === null)
    return undefined;
  const read: Partial<AnswerCounts> = {};
  for (const answer of EVENT_RESULTS) {
    const count: unknown = Reflect.get(counts, answer);
    if (!isCount(count)) return undefined;
    read[answer] = count;
  }
  return { objects, digest, counts: read as AnswerCounts };
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}
