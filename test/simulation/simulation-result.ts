/**
 * How a run of the simulation went: what is told of it, and what is counted. Plain data, and nothing that acts.
 */
import type { CoverageCells } from "./coverage.ts";

/** What broke. */
export interface Violation {
  readonly invariant: string;
  readonly details: string;
  /** The step in which it broke; the number of steps and more once everything was left alone. */
  readonly step: number;
}

/** How a run went. Plain data: it goes from thread to thread. */
export interface SimulationResult {
  readonly seed: number;
  readonly steps: number;
  /** The first that broke; absent when all went well. */
  readonly violation?: Violation;
  readonly traceHash: string;
  /** The lines of the last steps, for people. */
  readonly lastLines: readonly string[];
  readonly coverage: CoverageCells;
  /** Writes of the operator, the Lease left out. */
  readonly operatorWrites: number;
}
