/**
 * A labelled set with the scores that models gave it, as numbers in a few long arrays: what all metrics are made of, in
 * the memory of the numbers alone.
 *
 * It keeps no input, no user and no text: a user is a group of 128, as in the evidence of a release.
 */
import { createHash } from "node:crypto";
import { USER_GROUPS } from "../stats/evidence.ts";

/** One request of the set: rows that were answered together. */
export interface ScoredRequest {
  /** Who asked; undefined when the set does not say. */
  readonly user: string | undefined;
  /** For each label of the settings the values of its rows. */
  readonly labels: readonly (readonly number[])[];
  /** For each model the scores of the rows. */
  readonly scores: readonly (readonly number[])[];
}

/** Numbers that become more. */
class NumberList {
  #values = new Float64Array(1_024);
  #length = 0;

  push(value: number): void {
    if (this.#length === this.#values.length) {
      const longer = new Float64Array(this.#length * 2);
      longer.set(this.#values);
      this.#values = longer;
    }
    this.#values[this.#length++] = value;
  }

  get values(): Float64Array {
    return this.#values.subarray(0, this.#length);
  }
}

/** Collects requests in the order of the set. */
export class ScoredSet {
  /** Of each request the number of the first row. */
  readonly #starts = new NumberList();
  readonly #groups = new NumberList();
  readonly #labels: readonly NumberList[];
  readonly #scores: readonly NumberList[];
  readonly #users = new Set<string>();
  #rows = 0;
  #requests = 0;

  constructor(labels: number, models: number) {
    this.#labels = Array.from({ length: labels }, () => new NumberList());
    this.#scores = Array.from({ length: models }, () => new NumberList());
  }

  /** Adds a request. Each of its lists has a number for each of its rows. */
  add({ user, labels, scores }: ScoredRequest): void {
    this.#starts.push(this.#rows);
    // Without users each request is for itself; they are dealt out, so that the groups are of one size.
    this.#groups.push(user === undefined ? this.#requests % USER_GROUPS : this.#groupOf(user));
    for (const [index, values] of labels.entries())
      for (const value of values) this.#labels[index]?.push(value);
    for (const [index, values] of scores.entries())
      for (const value of values) this.#scores[index]?.push(value);
    this.#rows += scores[0]?.length ?? 0;
    this.#requests++;
  }

  get rows(): number {
    return this.#rows;
  }

  get requests(): number {
    return this.#requests;
  }

  /** What is independent of each other: users, or requests where the set names no user. */
  get units(): number {
    return this.#users.size === 0 ? this.#requests : this.#users.size;
  }

  /** Scores of a model, by row. */
  scores(model: number): Float64Array {
    return this.#scores[model]?.values ?? new Float64Array(0);
  }

  /** Values of a label, by row. */
  labels(label: number): Float64Array {
    return this.#labels[label]?.values ?? new Float64Array(0);
  }

  /** Calls `visit` with the group, the first row and the row behind the last one of each request. */
  eachRequest(visit: (group: number, start: number, end: number) => void): void {
    const [starts, groups] = [this.#starts.values, this.#groups.values];
    for (let request = 0; request < this.#requests; request++) {
      visit(groups[request] ?? 0, starts[request] ?? 0, starts[request + 1] ?? this.#rows);
    }
  }

  #groupOf(user: string): number {
    const hash = createHash("sha256").update(user).digest();
    this.#users.add(hash.toString("base64", 0, 12));
    return hash.readUInt32BE(28) % USER_GROUPS;
  }
}
