/**
 * What keeps the collector of a namespace from being made right, for the conditions of the ModelDeployments there.
 *
 * Kept in memory alone: whoever leads next finds out anew, with its first look at the namespace.
 */

/** The problems of all namespaces. */
export class CollectorProblems {
  readonly #problems = new Map<string, string>();
  readonly #onChange: (namespace: string) => void;

  /** @param onChange told a namespace of which something else is to be said by now. */
  constructor(onChange: (namespace: string) => void) {
    this.#onChange = onChange;
  }

  /** Why nothing may be written for the collector of a namespace; undefined when nothing is in the way. */
  of(namespace: string): string | undefined {
    return this.#problems.get(namespace);
  }

  /** Takes down what the latest look found. */
  note(namespace: string, problem: string | undefined): void {
    if (this.#problems.get(namespace) === problem) return;
    if (problem === undefined) this.#problems.delete(namespace);
    else this.#problems.set(namespace, problem);
    this.#onChange(namespace);
  }
}
