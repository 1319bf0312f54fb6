/**
 * Compares a text with a checked-in file, whole. With `PETREL_UPDATE_GOLDEN=1` the file is written instead, and
 * the change is reviewed as a diff.
 *
 * It must never write without being told to: a missing file is a failure like any other difference.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect } from "@jest/globals";

const update = process.env["PETREL_UPDATE_GOLDEN"] === "1";
const hint = "if the change is right, run the test with PETREL_UPDATE_GOLDEN=1 and review the diff";

/** The golden files of one folder below `test/golden`, each of which must be compared once. */
export class GoldenFolder {
  readonly #folder: string;
  readonly #compared = new Set<string>();

  constructor(name: string) {
    this.#folder = join(import.meta.dirname, name);
  }

  /** Fails when the file does not hold exactly this text. */
  expectFile(name: string, text: string): void {
    this.#compared.add(name);
    const path = join(this.#folder, name);
    if (update) {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, text);
      return;
    }
    if (!existsSync(path)) throw new Error(`${path} does not exist; ${hint}`);
    expect(text).toBe(readFileSync(path, "utf8"));
  }

  /** Fails when the folder holds a file that no test has compared. */
  expectNothingElse(): void {
    const left = readdirSync(this.#folder).filter((name) => !this.#compared.has(name));
    if (update) for (const name of left) rmSync(join(this.#folder, name));
    else expect(left).toEqual([]);
  }
}
