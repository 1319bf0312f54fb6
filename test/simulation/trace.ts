/**
 * What happened in a run, line by line: steps of the world and the writes that followed. People read the end of
 * it when an invariant breaks; its hash tells whether two runs were the same.
 */
import { createHash } from "node:crypto";

interface Entry {
  readonly step: number;
  readonly text: string;
}

/** The record of one run. */
export class Trace {
  readonly #entries: Entry[] = [];
  #step = 0;

  /** Number of the step that runs; 0 before the first. */
  get step(): number {
    return this.#step;
  }

  /** Begins a step. */
  beginStep(text: string): void {
    this.#step += 1;
    this.#entries.push({ step: this.#step, text: `#${this.#step} ${text}` });
  }

  /** Adds something that happened within the step. */
  note(text: string): void {
    this.#entries.push({ step: this.#step, text: `    ${text}` });
  }

  /** The lines of the last `count` steps. */
  lastSteps(count: number): readonly string[] {
    return this.#entries.flatMap(({ step, text }) => (step > this.#step - count ? [text] : []));
  }

  /** SHA-256 over all lines, in hexadecimal. */
  hash(): string {
    const hash = createHash("sha256");
    for (const { text } of this.#entries) hash.update(`${text}\n`);
    return hash.digest("hex");
  }
}
