/**
 * The messages between the main thread and the worker thread that holds the model. Both ends are this
 * program, so the types are the contract and nothing is checked again.
 */

import type { ModelSignature } from "./model-signature.ts";
import type { SessionOptions } from "./onnx-session.ts";
import type { Tensor } from "./tensor.ts";

/** What the worker is started with. */
export interface ModelWorkerData extends SessionOptions {
  /** Whether the rows of the model are to be proven independent of each other before it counts as loaded. */
  readonly checkIndependentRows: boolean;
}

/** What the worker found out about the cost of the model. */
export interface ModelCost {
  /**
   * Time for making the session once more; infinite for a model that may not run on the main thread anyway: a
   * large file, or one whose run can take any time, because there is a loop.
   */
  readonly createMilliseconds: number;
  /** Time of one run of the warm-up input. */
  readonly runMilliseconds: number;
  /** The size that it gives to every dimension of any size. */
  readonly warmUpSize: number;
  /** Elements of that input. */
  readonly warmUpElements: number;
}

/** To the worker. */
export type ModelWorkerRequest =
  | {
      readonly type: "Run";
      readonly id: number;
      readonly inputs: readonly Tensor[];
      readonly outputs: readonly string[];
    }
  /** Free the model and end the thread. */
  | { readonly type: "Stop" };

/** From the worker. `Loaded` or `LoadFailed` comes first and once; then one `Done` or `Failed` for each run. */
export type ModelWorkerReply =
  | { readonly type: "Loaded"; readonly signature: ModelSignature; readonly cost: ModelCost }
  | { readonly type: "LoadFailed"; readonly message: string }
  | {
      readonly type: "Done";
      readonly id: number;
      readonly outputs: readonly Tensor[];
      readonly computeMilliseconds: number;
    }
  | {
      readonly type: "Failed";
      readonly id: number;
      readonly message: string;
      /** Whether the model still answers its warm-up input, so that this run failed by its own input. */
      readonly modelIsHealthy: boolean;
    };
