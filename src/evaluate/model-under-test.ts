/**
 * A model in the very server that serves it in a pod, on ports of loopback that the system chooses: what is measured is
 * what users would be answered, from the reading of a request to the writing of its scores.
 */
import { asString, valueAt } from "../api/json.ts";
import type { Clock } from "../core/clock.ts";
import { errorMessage, type Logger } from "../core/log.ts";
import { ModelServer } from "../serve/model-server.ts";
import { inferBody, type ModelMetadata, scoresOf, type TensorMetadata } from "./infer-body.ts";
import type { LabelledRequest } from "./labelled-requests.ts";

/** A model cannot be loaded, or does not answer. */
export class ModelError extends Error {
  override readonly name = "ModelError";
}

/** How a model is run: as `petrel serve` has it. */
export interface ModelOptions {
  readonly directory: string;
  readonly executionProvider: string;
  readonly intraOpThreads: number;
  readonly requestTimeoutMilliseconds: number;
}

const NAME = "evaluated";
const LOOPBACK = "127.0.0.1";
const MAXIMUM_REQUEST_BYTES = 64 * 2 ** 20;
/** Requests that are under way at once, of {@link ModelUnderTest.score}'s caller. */
export const MAXIMUM_CONCURRENT_REQUESTS = 32;

/** A model that is loaded. */
export class ModelUnderTest {
  readonly #directory: string;
  readonly #server: ModelServer;
  readonly #inferUrl: string;
  readonly #inputs: readonly TensorMetadata[];
  readonly #output: string;
  readonly #index: number;

  private constructor(
    directory: string,
    server: ModelServer,
    inferUrl: string,
    inputs: readonly TensorMetadata[],
    output: string,
    index: number,
  ) {
    this.#directory = directory;
    this.#server = server;
    this.#inferUrl = inferUrl;
    this.#inputs = inputs;
    this.#output = output;
    this.#index = index;
  }

  /**
   * Loads a model, and finds the score in what it gives.
   *
   * @throws {ModelError} when it does not load, or takes an input, or lacks an output, that is not in the settings.
   */
  static async start(
    { directory, ...options }: ModelOptions,
    expected: {
      readonly inputs: readonly string[];
      readonly output: string | undefined;
      readonly index: number;
    },
    edges: { readonly clock: Clock; readonly log: Logger; readonly signal: AbortSignal },
  ): Promise<ModelUnderTest> {
    const server = new ModelServer(
      {
        ...options,
        serverVersion: "",
        modelDirectory: directory,
        modelName: NAME,
        modelVersion: "1",
        versionPolicy: "Latest",
        modelRevision: "",
        listenAddress: LOOPBACK,
        restPort: 0,
        grpcPort: 0,
        metricsPort: 0,
        livenessPort: 0,
        batching: undefined,
        maximumRequestBytes: MAXIMUM_REQUEST_BYTES,
        maximumConcurrentRequests: MAXIMUM_CONCURRENT_REQUESTS,
        maximumQueuedRequests: MAXIMUM_CONCURRENT_REQUESTS,
        drainDelayMilliseconds: 0,
        drainTimeoutMilliseconds: 0,
      },
      // A lost model answers every request with the reason.
      { ...edges, onModelLost: () => {} },
    );
    // A load that nobody waits for any more ends with the server.
    const stop = () => void server.close();
    edges.signal.addEventListener("abort", stop, { once: true });
    try {
      const { rest } = await server.listen();
      await server.load();
      const url = `http://${LOOPBACK}:${rest}/v2/models/${NAME}`;
      const metadata = (await answerOf(await fetch(url))) as ModelMetadata;
      const output = outputOf(metadata, expected.output);
      const unknown = metadata.inputs.find(({ name }) => !expected.inputs.includes(name));
      if (unknown !== undefined) throw new Error(`expected "inputs" to say where ${unknown.name} is`);
      return new ModelUnderTest(directory, server, `${url}/infer`, metadata.inputs, output, expected.index);
    } catch (error) {
      await server.close();
      throw new ModelError(`the model in ${directory}: ${errorMessage(error)}`, { cause: error });
    } finally {
      edges.signal.removeEventListener("abort", stop);
    }
  }

  /**
   * The scores of a request's rows.
   *
   * @throws {RecordError} for a request that is none of this model; {ModelError} when the model refuses it, or gives no
   *   score.
   */
  async score(request: LabelledRequest, signal: AbortSignal): Promise<readonly number[]> {
    const body = inferBody(request, this.#inputs, this.#output);
    const response = await fetch(this.#inferUrl, { method: "POST", body, signal });
    try {
      return scoresOf(await answerOf(response), this.#output, this.#index, request);
    } catch (error) {
      if (signal.aborted) throw error;
      throw new ModelError(`the model in ${this.#directory}, line ${request.line}: ${errorMessage(error)}`);
    }
  }

  /** Stops the server. Gives whether the model has stopped too; if not, the process must be killed. */
  close(): Promise<boolean> {
    return this.#server.close();
  }
}

async function answerOf(response: Response): Promise<unknown> {
  const answer: unknown = await response.json();
  if (response.ok) return answer;
  throw new Error(asString(valueAt(answer, "error")) ?? `HTTP ${response.status}`);
}

function outputOf({ outputs }: ModelMetadata, named: string | undefined): string {
  const names = outputs.map(({ name }) => name);
  const [only = ""] = names;
  if (named === undefined && names.length === 1) return only;
  if (named !== undefined && names.includes(named)) return named;
  throw new Error(`expected "score.output" to be one of ${names.join(", ")}, got ${named ?? "nothing"}`);
}
