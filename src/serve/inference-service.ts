/**
 * The Open Inference Protocol without a transport: the versions of one model, their state, their metadata, and
 * inference. REST and gRPC are thin readers and writers around it.
 *
 * It is ready only between the warm-up and the drain. While it drains it still serves, so that nothing fails
 * before the routers have noticed.
 */
import type { Clock } from "../core/clock.ts";
import type { Executor, LoadedModel } from "./executor.ts";
import { type Caller, type InferenceRequest, type InferenceResponse, requireWaiting } from "./inference.ts";
import {
  checkInputs,
  inferenceCount,
  type ModelSignature,
  metadataShape,
  selectOutputs,
  type TensorSignature,
} from "./model-signature.ts";
import { asServeError, ServeError } from "./serve-error.ts";
import type { ServeMetrics, VersionMetrics } from "./serve-metrics.ts";

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
  | { readonly type: "Loading" | "Ready" | "Draining" }
  | { readonly type: "Failed"; readonly reason: string };

/** A version of the model and what runs it. */
export interface VersionExecutor {
  readonly version: string;
  readonly executor: Executor;
}

/** What the service is made of. */
export interface InferenceServiceOptions {
  readonly serverVersion: string;
  readonly modelName: string;
  readonly metrics: ServeMetrics;
  readonly clock: Clock;
}

/** A version that is loaded. */
interface ServedVersion extends VersionExecutor {
  readonly signature: ModelSignature;
  readonly outputNames: readonly string[];
  readonly metrics: VersionMetrics;
}

/** Serves the versions of one model. */
export class InferenceService {
  readonly #options: InferenceServiceOptions;
  /** By version, the oldest first. */
  readonly #versions = new Map<string, ServedVersion>();
  /** The version that answers when none is named: the last one. */
  #latest: ServedVersion | undefined;
  #state: ServiceState = { type: "Loading" };
  #versionNames: readonly string[] = [];

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

  /** The model's name. */
  get modelName(): string {
    return this.#options.modelName;
  }

  /** The versions of the model, the oldest first; none until it is known which there are. */
  get versionNames(): readonly string[] {
    return this.#versionNames;
  }

  /**
   * Loads the versions one after another, and becomes ready with the last.
   *
   * @throws {Error} when one cannot load; the reason is also kept as the reason of not being ready.
   */
  async load(versions: readonly VersionExecutor[]): Promise<LoadedModel[]> {
    const { metrics } = this.#options;
    this.#versionNames = versions.map(({ version }) => version);
    const loadedVersions: LoadedModel[] = [];
    for (const { version, executor } of versions) {
      const loaded = await executor.load();
      const { signature } = loaded;
      metrics.loaded(version, loaded.loadMilliseconds);
      const outputNames = signature.outputs.map(({ name }) => name);
      const served = {
        version,
        executor,
        signature,
        outputNames,
        metrics: metrics.version(version, () => executor.pendingRuns),
      };
      this.#versions.set(version, served);
      this.#latest = served;
      loadedVersions.push(loaded);
    }
    if (this.#state.type === "Loading") {
      this.#state = { type: "Ready" };
    }
    return loadedVersions;
  }

  /** Stops being ready, for good. */
  fail(reason: string): void {
    if (this.#state.type !== "Draining") {
      this.#state = { type: "Failed", reason };
    }
  }

  /** Stops being ready because the server will stop; it serves on. */
  drain(): void {
    this.#state = { type: "Draining" };
  }

  serverMetadata(): ServerMetadata {
    return { name: "petrel", version: this.#options.serverVersion, extensions: EXTENSIONS };
  }

  /**
   * Refuses a model or version that is not served here; an empty version is the latest.
   *
   * @throws {ServeError} NotFound.
   */
  checkModel(name: string, version: string): void {
    if (this.hasModel(name, version)) return;
    const ofVersion = name === this.#options.modelName ? ` version '${cut(version)}'` : "";
    throw new ServeError("NotFound", `Request for unknown model: '${cut(name)}'${ofVersion} is not found`);
  }

  /** Whether there is such a model, and such a version of it; until the model is loaded, any version may be. */
  hasModel(name: string, version: string): boolean {
    const isVersion =
      version === "" || this.#versionNames.length === 0 || this.#versionNames.includes(version);
    return name === this.#options.modelName && isVersion;
  }

  /**
   * The signature of a version of the model.
   *
   * @throws {ServeError} NotFound, or NotReady when it is not loaded.
   */
  signature(name: string, version: string): ModelSignature {
    return this.#served(name, version).signature;
  }

  /** @throws {ServeError} NotFound or NotReady. */
  modelMetadata(name: string, version: string): ModelMetadata {
    const { inputs, outputs } = this.signature(name, version);
    return {
      name: this.#options.modelName,
      versions: this.#versionNames,
      platform: PLATFORM,
      inputs: inputs.map(tensorMetadata),
      outputs: outputs.map(tensorMetadata),
    };
  }

  /**
   * Checks a request against the model and runs it, as long as its caller waits.
   *
   * @throws {ServeError} as {@link signature}, {@link requireWaiting}, the checks and {@link Executor.run} do.
   */
  async infer(request: InferenceRequest, caller: Caller): Promise<InferenceResponse> {
    const { clock, modelName } = this.#options;
    const served = this.#served(request.modelName, request.modelVersion);
    checkInputs(served.signature, request.inputs);
    const outputs =
      request.outputs.length === 0 ? served.outputNames : selectOutputs(served.signature, request.outputs);
    const start = clock.monotonic();
    const deadlineMilliseconds = Math.min(
      caller.deadlineMilliseconds,
      caller.arrivedMilliseconds + request.timeoutMilliseconds,
    );
    try {
      requireWaiting({ deadlineMilliseconds, isGone: caller.isGone }, start);
      caller.observation?.takeInputs(request.inputs);
      const result = await served.executor.run({
        inputs: request.inputs,
        outputs,
        deadlineMilliseconds,
        isCancelled: caller.isGone,
      });
      caller.observation?.takeOutputs(result.outputs);
      caller.marked?.takeOutputs(result.outputs);
      const inferences = inferenceCount(served.signature, request.inputs);
      served.metrics.ran(result, inferences, clock.monotonic() - start);
      return { modelName, modelVersion: served.version, id: request.id, outputs: result.outputs };
    } catch (error) {
      served.metrics.failed(asServeError(error).reason);
      throw error;
    }
  }

  /**
   * Counts an inference that was refused before its body was read. Over gRPC it is not known then which version it
   * is for: an empty version is the latest.
   */
  rejected(version: string): void {
    this.#version(version)?.metrics.failed("Overloaded");
  }

  #version(version: string): ServedVersion | undefined {
    return version === "" ? this.#latest : this.#versions.get(version);
  }

  #served(name: string, version: string): ServedVersion {
    this.checkModel(name, version);
    const served = this.#version(version);
    if (served !== undefined && (this.#state.type === "Ready" || this.#state.type === "Draining")) {
      return served;
    }
    throw new ServeError("NotReady", this.notReadyReason ?? "the model is not loaded");
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
