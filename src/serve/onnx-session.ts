/**
 * One ONNX Runtime session: loading, warming up, running and freeing a model.
 *
 * Everything here blocks its thread (onnxruntime-node runs on the calling thread, microsoft/onnxruntime#19611):
 * the main thread may only load what a worker thread has found to be light. The session never spins, for
 * spinning burns a core at a few hundred requests a second.
 */
import { InferenceSession, Tensor as OnnxTensor, type OnnxValue } from "onnxruntime-node";
import { datatypeOfOnnx, type Elements, FORMATS } from "./datatype.ts";
import { type ModelSignature, metadataShape, type TensorSignature } from "./model-signature.ts";
import { elementCount, type Tensor } from "./tensor.ts";

// onnxruntime-common wraps FP16 in Float16Array where there is one, which the native binding takes for zero
// bytes (microsoft/onnxruntime#32323). Without it in this thread both use Uint16Array.
Reflect.deleteProperty(globalThis, "Float16Array");

/** How a session is made. */
export interface SessionOptions {
  readonly modelFile: string;
  readonly executionProvider: string;
  /** Threads for one operator. */
  readonly intraOpThreads: number;
}

/**
 * Sizes that the warm-up gives to every dimension of any size: the smallest first; larger ones for models that
 * cannot take it, such as those with a window over time.
 */
const WARM_UP_SIZES = [1, 16, 256];
/** Largest input of a warm-up, in elements. */
const MAXIMUM_WARM_UP_ELEMENTS = 2 ** 22;
/** Most runs that are timed after the warm-up, and for how long; at least some are. */
const TIMED_RUNS = { least: 3, most: 200 };
const TIMED_MILLISECONDS = 100;
/** Severity of ONNX Runtime's own lines on stderr: fatal alone, for every error comes as an exception too. */
const LOG_SEVERITY_FATAL = 4;

/** A loaded model. */
export class OnnxSession {
  readonly signature: ModelSignature;
  /** The size that the warm-up gave to every dimension of any size. */
  warmUpSize = 0;
  /** Elements of all inputs of the warm-up. */
  warmUpElements = 0;
  readonly #session: InferenceSession;
  readonly #outputNames: readonly string[];
  #warmUpInputs: readonly Tensor[] = [];

  private constructor(session: InferenceSession, signature: ModelSignature) {
    this.#session = session;
    this.signature = signature;
    this.#outputNames = signature.outputs.map(({ name }) => name);
  }

  /**
   * Loads a model and runs it once.
   *
   * @throws {Error} when the model cannot be read, has an input or output that the protocol cannot carry, or
   *   fails on every warm-up input.
   */
  static async load(options: SessionOptions): Promise<OnnxSession> {
    const session = await InferenceSession.create(options.modelFile, nativeOptions(options));
    try {
      const loaded = new OnnxSession(session, {
        inputs: session.inputMetadata.map((metadata) => tensorSignature("input", metadata)),
        outputs: session.outputMetadata.map((metadata) => tensorSignature("output", metadata)),
      });
      await loaded.#warmUp();
      return loaded;
    } catch (error) {
      await session.release();
      throw error;
    }
  }

  /**
   * Runs the model on checked inputs.
   *
   * @throws {Error} of ONNX Runtime.
   */
  async run(inputs: readonly Tensor[], outputNames: readonly string[]): Promise<Tensor[]> {
    const feeds: Record<string, OnnxTensor> = {};
    for (const { name, datatype, shape, elements } of inputs) {
      feeds[name] = new OnnxTensor(FORMATS[datatype].onnx, elements, shape);
    }
    const results = await this.#session.run(feeds, outputNames);
    return outputNames.map((name) => fromOnnx(name, results[name]));
  }

  /**
   * Milliseconds of one run of the warm-up input: the least of many, so that neither a busy machine nor code that
   * is still cold makes a model look heavy. Infinite when one fails, which is for the requests to find out.
   */
  async time(): Promise<number> {
    let least = Number.POSITIVE_INFINITY;
    let total = 0;
    for (let count = 0; count < TIMED_RUNS.most; count++) {
      if (count >= TIMED_RUNS.least && total > TIMED_MILLISECONDS) {
        break;
      }
      const start = performance.now();
      if (!(await this.isHealthy())) {
        return Number.POSITIVE_INFINITY;
      }
      const milliseconds = performance.now() - start;
      total += milliseconds;
      least = Math.min(least, milliseconds);
    }
    return least;
  }

  /** Whether the model still answers the input of its warm-up: if so, a run that failed failed by its input. */
  async isHealthy(): Promise<boolean> {
    try {
      await this.run(this.#warmUpInputs, this.#outputNames);
      return true;
    } catch {
      return false;
    }
  }

  /** Frees the model's memory, which dropping the session alone does not. */
  async release(): Promise<void> {
    await this.#session.release();
  }

  async #warmUp(): Promise<void> {
    let failure: unknown = new Error("its smallest input is too large");
    for (const size of WARM_UP_SIZES) {
      const inputs = warmUpInputs(this.signature, size);
      if (inputs === undefined) {
        break;
      }
      this.#warmUpInputs = inputs;
      this.warmUpSize = size;
      this.warmUpElements = this.#warmUpInputs.reduce((sum, { elements }) => sum + elements.length, 0);
      try {
        await this.run(this.#warmUpInputs, this.#outputNames);
        return;
      } catch (error) {
        failure = error;
      }
    }
    throw new Error("the model fails on its warm-up input", { cause: failure });
  }
}

/** How ONNX Runtime is asked to make a session. */
export function nativeOptions({ executionProvider, intraOpThreads }: SessionOptions) {
  return {
    // ONNX Runtime writes the names in lower case.
    executionProviders: [executionProvider.toLowerCase()],
    intraOpNumThreads: intraOpThreads,
    interOpNumThreads: 1,
    logSeverityLevel: LOG_SEVERITY_FATAL,
    extra: { session: { intra_op: { allow_spinning: "0" } } },
  } as const satisfies InferenceSession.SessionOptions;
}

/** Inputs of zeros, with that size for every dimension of any size; undefined when one would be too large. */
export function warmUpInputs({ inputs }: ModelSignature, size: number): Tensor[] | undefined {
  const tensors = inputs.map((input) => zeros(input, size)).filter((input) => input !== undefined);
  return tensors.length === inputs.length ? tensors : undefined;
}

function tensorSignature(what: string, metadata: InferenceSession.ValueMetadata): TensorSignature {
  if (!metadata.isTensor) {
    throw new Error(`${what} ${JSON.stringify(metadata.name)} is no tensor (a sequence, map or optional)`);
  }
  const datatype = datatypeOfOnnx(metadata.type);
  if (datatype === undefined) {
    throw new Error(`${what} ${JSON.stringify(metadata.name)} has the unsupported type ${metadata.type}`);
  }
  return { name: metadata.name, datatype, shape: metadata.shape };
}

function zeros(signature: TensorSignature, size: number): Tensor | undefined {
  const shape = metadataShape(signature).map((dimension) => (dimension < 0 ? size : dimension));
  const count = elementCount(shape);
  if (count > MAXIMUM_WARM_UP_ELEMENTS) {
    return undefined;
  }
  const format = FORMATS[signature.datatype];
  const elements: Elements = format.kind === "text" ? Array<string>(count).fill("") : format.allocate(count);
  return { name: signature.name, datatype: signature.datatype, shape, elements };
}

/**
 * An output as the server holds it.
 *
 * @throws {Error} when the protocol cannot carry it.
 */
export function fromOnnx(name: string, value: OnnxValue | undefined): Tensor {
  const datatype = value === undefined ? undefined : datatypeOfOnnx(value.type);
  if (value === undefined || datatype === undefined) {
    throw new Error(`output ${JSON.stringify(name)} has the unsupported type ${value?.type ?? "none"}`);
  }
  return { name, datatype, shape: value.dims, elements: value.data };
}
