/**
 * The messages between the main thread and the worker thread that holds the model. Both ends are this
 * program, so the types are the contract and nothing is checked again.
 */

import type { ModelSignature } from "./model-signature.ts";
import type { SessionOptions } from "./onnx-session.ts";
import type { Tensor } from "./tensor.ts";

/** What the worker is started with. */
export interface ModelWorkerData extends Omit<SessionOptions, "modelFile"> {
  readonly modelDirectory: string;
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
  | { readonly type: "Loaded"; readonly signature: ModelSignature }
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
