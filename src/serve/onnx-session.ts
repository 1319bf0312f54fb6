/**
 * One ONNX Runtime session: loading, warming up, running and freeing a model.
 *
 * Everything here blocks its thread (onnxruntime-node runs on the calling thread, microsoft/onnxruntime#19611),
 * so only a worker thread may import this module. Only CPU is here; the session never spins, for spinning
 * burns a core at a few hundred requests a second.
 */
import { InferenceSession, Tensor as OnnxTensor } from "onnxruntime-node";
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
/** Severity of ONNX Runtime's own lines on stderr: fatal alone, for every error comes as an exception too. */
const LOG_SEVERITY_FATAL = 4;

/** A loaded model. */
export class OnnxSession {
  readonly signature: ModelSignature;
  readonly #session: InferenceSession;
  #warmUpInputs: readonly Tensor[] = [];

  private constructor(session: InferenceSession, signature: ModelSignature) {
    this.#session = session;
    this.signature = signature;
  }

  /**
   * Loads a model and runs it once.
   *
   * @throws {Error} when the model cannot be read, has an input or output that the protocol cannot carry, or
   *   fails on every warm-up input.
   */
  static async load({ modelFile, executionProvider, intraOpThreads }: SessionOptions): Promise<OnnxSession> {
    const session = await InferenceSession.create(modelFile, {
      // ONNX Runtime writes the names in lower case.
      executionProviders: [executionProvider.toLowerCase()],
      intraOpNumThreads: intraOpThreads,
      interOpNumThreads: 1,
      logSeverityLevel: LOG_SEVERITY_FATAL,
      extra: { session: { intra_op: { allow_spinning: "0" } } },
    });
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
    const feeds = Object.fromEntries(inputs.map((input) => [input.name, toOnnx(input)]));
    const results = await this.#session.run(feeds, [...outputNames]);
    return outputNames.map((name) => fromOnnx(name, results[name]));
  }

  /** Whether the model still answers the input of its warm-up: if so, a run that failed failed by its input. */
  async isHealthy(): Promise<boolean> {
    try {
      await this.run(this.#warmUpInputs, this.#outputNames());
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
      const inputs = this.signature.inputs.map((input) => zeros(input, size));
      if (inputs.some((input) => input === undefined)) {
        break;
      }
      this.#warmUpInputs = inputs.filter((input) => input !== undefined);
      try {
        await this.run(this.#warmUpInputs, this.#outputNames());
        return;
      } catch (error) {
        failure = error;
      }
    }
    throw new Error("the model fails on its warm-up input", { cause: failure });
  }

  #outputNames(): string[] {
    return this.signature.outputs.map(({ name }) => name);
  }
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

function toOnnx({ datatype, shape, elements }: Tensor): OnnxTensor {
  const { onnx } = FORMATS[datatype];
  return new OnnxTensor(onnx, elements, shape);
}

function fromOnnx(name: string, value: OnnxTensor | undefined): Tensor {
  const datatype = value === undefined ? undefined : datatypeOfOnnx(value.type);
  if (value === undefined || datatype === undefined) {
    throw new Error(`output ${JSON.stringify(name)} has the unsupported type ${value?.type ?? "none"}`);
  }
  return { name, datatype, shape: value.dims, elements: value.data };
}
