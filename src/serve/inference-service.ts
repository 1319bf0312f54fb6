/**
 * The Open Inference Protocol without a transport: one model, its state, its metadata, and inference. REST and
 * gRPC are thin readers and writers around it.
 *
 * It is ready only between the warm-up and the drain. While it drains it still serves, so that nothing fails
 * before the routers have noticed.
 */
import type { Clock } from "../core/clock.ts";
import { errorMessage } from "../core/log.ts";
import type { Executor, LoadedModel } from "./executor.ts";
import type { InferenceRequest, InferenceResponse } from "./inference.ts";
import {
  checkInputs,
  inferenceCount,
  type ModelSignature,
  metadataShape,
  selectOutputs,
  type TensorSignature,
} from "./model-signature.ts";
import { ServeError } from "./serve-error.ts";
import type { ServeMetrics } from "./serve-metrics.ts";

/** Extensions of the protocol that this server has. */
const EXTENSIONS = ["binary_tensor_data"] as const;
/** The protocol's name for an ONNX model. */
const PLATFORM = "onnx_onnxv1";

/** What the server says of itself. */
export interface ServerMetadata {
  readonly name: string;
  readonly version: string;
  readonly extensions: readonly string[];
}

/** An input or output in the metadata of a model; -1 is a dimension of any size. */
export interface TensorMetadata {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
}

/** What the server says of its model. */
export interface ModelMetadata {
  readonly name: string;
  readonly versions: readonly string[];
  readonly platform: string;
  readonly inputs: readonly TensorMetadata[];
  readonly outputs: readonly TensorMetadata[];
}

/** Where the server is in its life. `Failed` and `Draining` are final. */
export type ServiceState =
  | { readonly type: "Loading" }
  | { readonly type: "Ready"; readonly signature: ModelSignature }
  | { readonly type: "Draining"; readonly signature: ModelSignature | undefined }
  | { readonly type: "Failed"; readonly reason: string };

/** What the service is made of. */
export interface InferenceServiceOptions {
  readonly serverVersion: string;
  readonly model: { readonly name: string; readonly version: string };
  readonly executor: Executor;
  readonly metrics: ServeMetrics;
  readonly clock: Clock;
}

/** Serves one model. */
export class InferenceService {
  readonly #options: InferenceServiceOptions;
  #state: ServiceState = { type: "Loading" };

  constructor(options: InferenceServiceOptions) {
    this.#options = options;
  }

  get state(): ServiceState {
    return this.#state;
  }

  /** Why the server is not ready, or undefined when it is. */
  get notReadyReason(): string | undefined {
    return notReadyReason(this.#state);
  }

  /**
   * Loads the model and becomes ready.
   *
   * @throws {Error} when it cannot load; the reason is also kept as the reason of not being ready.
   */
  async load(): Promise<LoadedModel> {
    const { executor, metrics } = this.#options;
    try {
      const loaded = await executor.load();
      metrics.loaded(loaded.loadMilliseconds);
      if (this.#state.type === "Loading") {
        this.#state = { type: "Ready", signature: loaded.signature };
      }
      return loaded;
    } catch (error) {
      this.fail(`the model cannot load: ${errorMessage(error)}`);
      throw error;
    }
  }

  /** Stops being ready, for good. */
  fail(reason: string): void {
    if (this.#state.type !== "Draining") {
      this.#state = { type: "Failed", reason };
    }
  }

  /** Stops being ready because the server will stop; it serves on. */
  drain(): void {
    this.#state = {
      type: "Draining",
      signature: this.#state.type === "Ready" ? this.#state.signature : undefined,
    };
  }

  serverMetadata(): ServerMetadata {
    return { name: "petrel", version: this.#options.serverVersion, extensions: EXTENSIONS };
  }

  /** Name and version of the model. */
  get model(): { readonly name: string; readonly version: string } {
    return this.#options.model;
  }

  /**
   * Refuses a model or version that is not served here; an empty version is any.
   *
   * @throws {ServeError} NotFound.
   */
  checkModel(name: string, version: string): void {
    const { model } = this.#options;
    if (name !== model.name) {
      throw new ServeError("NotFound", `Request for unknown model: '${cut(name)}' is not found`);
    }
    if (version !== "" && version !== model.version) {
      throw new ServeError(
        "NotFound",
        `Request for unknown model: '${cut(name)}' version '${cut(version)}' is not found`,
      );
    }
  }

  /**
   * The signature of the model.
   *
   * @throws {ServeError} NotFound, or NotReady when it is not loaded.
   */
  signature(name: string, version: string): ModelSignature {
    this.checkModel(name, version);
    if ("signature" in this.#state && this.#state.signature !== undefined) {
      return this.#state.signature;
    }
    throw new ServeError("NotReady", this.notReadyReason ?? "the model is not loaded");
  }

  /** @throws {ServeError} NotFound or NotReady. */
  modelMetadata(name: string, version: string): ModelMetadata {
    const { inputs, outputs } = this.signature(name, version);
    const { model } = this.#options;
    return {
      name: model.name,
      versions: [model.version],
      platform: PLATFORM,
      inputs: inputs.map(tensorMetadata),
      outputs: outputs.map(tensorMetadata),
    };
  }

  /**
   * Checks a request against the model and runs it.
   *
   * @throws {ServeError} as {@link signature}, the checks and {@link Executor.run} do.
   */
  async infer(request: InferenceRequest, isCancelled: () => boolean): Promise<InferenceResponse> {
    const { executor, metrics, clock, model } = this.#options;
    const signature = this.signature(request.modelName, request.modelVersion);
    checkInputs(signature, request.inputs);
    const outputs = selectOutputs(signature, request.outputs);
    const inferences = inferenceCount(signature, request.inputs);
    const start = clock.monotonic();
    try {
      const result = await executor.run({ inputs: request.inputs, outputs, isCancelled });
      metrics.ran(result, inferences, clock.monotonic() - start);
      return { modelName: model.name, modelVersion: model.version, id: request.id, outputs: result.outputs };
    } catch (error) {
      metrics.failed();
      throw error;
    }
  }
}

function notReadyReason(state: ServiceState): string | undefined {
  switch (state.type) {
    case "Loading":
      return "the model is loading";
    case "Ready":
      return undefined;
    case "Draining":
      return "the server is draining";
    case "Failed":
      return state.reason;
  }
}

function tensorMetadata(signature: TensorSignature): TensorMetadata {
  return { name: signature.name, datatype: signature.datatype, shape: metadataShape(signature) };
}

function cut(text: string): string {
  return text.length > 80 ? `${text.slice(0, 80)}...` : text;
}
