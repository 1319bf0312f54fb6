/**
 * The unit of what happens in a simulated world: one thing that one part of it could do now.
 *
 * A {@link Controller} lists all the work that it has, and the scheduler chooses; when everybody is left alone, the
 * lists become empty. A {@link Disturbance} is never done: it acts only while faults are wanted.
 */
import type { SeededRandom } from "./seeded-random.ts";

/** One thing to do. It is done at once or not at all: nothing else happens in between. A promise is waited for. */
export interface Task {
  /** For the trace. */
  readonly what: string;
  run(): unknown;
}

/** A part of the cluster that works towards an end. */
export interface Controller {
  readonly name: string;
  /** Everything that it could do now; empty when it is content. */
  tasks(): readonly Task[];
}

/** Somebody or something that changes the world at will. */
export interface Disturbance {
  readonly name: string;
  /** Something to do now; undefined when there is nothing. */
  next(random: SeededRandom): Task | undefined;
}
