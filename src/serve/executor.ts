/**
 * What runs the model, seen from the service: load it once, run it, stop it.
 *
 * How runs are scheduled (one worker thread, batches of several requests, inline on the main thread) is hidden
 * behind this interface, so that neither the service nor a codec knows it.
 */
import type { ModelSignature } from "./model-signature.ts";
import type { Tensor } from "./tensor.ts";

/** One run of the model. */
export interface Run {
  /** Checked inputs. Their memory belongs to the executor from now on. */
  readonly inputs: readonly Tensor[];
  /** Names of the outputs to compute, in the order of the answer. */
  readonly outputs: readonly string[];
  /** When the answer is of no use any more, on the monotonic clock. */
  readonly deadlineMilliseconds: number;
  /** True once nobody waits for the answer; such a run is dropped while it still waits in the queue. */
  readonly isCancelled: () => boolean;
}

/** What a run gave. */
export interface RunResult {
  readonly outputs: readonly Tensor[];
  /** Time in the queue before the run began. */
  readonly queueMilliseconds: number;
  /** Time that the model itself took, for all requests that it ran together. */
  readonly computeMilliseconds: number;
  /** How often the model ran for it: 1, and 0 for all but the first of the requests that it ran together. */
  readonly executions: 0 | 1;
}

/** Where a loaded model runs: light ones on the main thread, and in the worker what would keep it too long. */
export type Placement = "Inline" | "Worker";

/** A model that is loaded and has answered its warm-up input. */
export interface LoadedModel {
  readonly signature: ModelSignature;
  /** Time from the start to the end of the warm-up. */
  readonly loadMilliseconds: number;
  readonly placement: Placement;
}

/** Runs one model. */
export interface Executor {
  /**
   * Loads the model and warms it up. Called once.
   *
   * @throws {Error} when the model cannot load; the message is the reason.
   */
  load(): Promise<LoadedModel>;
  /**
   * Runs the model, after the runs that came before.
   *
   * @throws {ServeError} Overloaded, NotReady, InvalidArgument (the model failed on this input alone),
   *   DeadlineExceeded, Internal.
   */
  run(run: Run): Promise<RunResult>;
  /** Number of runs that wait or are under way. */
  readonly pendingRuns: number;
  /**
   * Frees the model. Runs that are not done fail with NotReady. May be called at any time and again.
   *
   * Gives false when the model is stuck in a load or run that does not end: then the process must not exit
   * through Node, but be killed.
   */
  stop(): Promise<boolean>;
}
