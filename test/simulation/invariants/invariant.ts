/**
 * The two forms of what must hold in a simulated world. Both are pure over what they are given.
 */
import type { Facts } from "../facts.ts";
import type { Write } from "../world.ts";

/** Must hold at every write, in the moment in which it takes effect. */
export interface Invariant {
  readonly name: string;
  /** What a write breaks; undefined when it breaks nothing. */
  brokenBy(write: Write, facts: Facts): string | undefined;
}

/** Must hold once everything has come to rest. */
export interface RestInvariant {
  readonly name: string;
  /** Everything that is not as it should be. */
  problems(facts: Facts): readonly string[];
}
