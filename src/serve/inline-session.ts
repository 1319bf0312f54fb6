/**
 * A session of ONNX Runtime that runs at once, on the thread that calls it.
 *
 * The public `run()` of onnxruntime-node puts the same call into `setImmediate` behind two promises
 * (microsoft/onnxruntime#19611), which for a small model costs more than the run, and hides how long the run
 * itself took. So this takes the binding that the public class wraps; its version is pinned, and the tests of
 * the inline runner run on it.
 */
import { Tensor as OnnxTensor } from "onnxruntime-node";
import { binding, initOrt } from "onnxruntime-node/dist/binding.js";
import { FORMATS } from "./datatype.ts";
import type { ModelSignature } from "./model-signature.ts";
import { fromOnnx, nativeOptions, type SessionOptions, warmUpInputs } from "./onnx-session.ts";
import type { Tensor } from "./tensor.ts";

/** A model on this thread. */
export class InlineSession {
  readonly #session: InstanceType<typeof binding.InferenceSession>;
  readonly #warmUpInputs: readonly Tensor[];
  readonly #warmUpOutputs: readonly string[];

  private constructor(
    session: InstanceType<typeof binding.InferenceSession>,
    warmUp: { readonly inputs: readonly Tensor[]; readonly outputs: readonly string[] },
  ) {
    this.#session = session;
    this.#warmUpInputs = warmUp.inputs;
    this.#warmUpOutputs = warmUp.outputs;
  }

  /**
   * Loads a model that a worker has loaded before, and warms it up.
   *
   * @throws {Error} of ONNX Runtime.
   */
  static load(options: SessionOptions, signature: ModelSignature, warmUpSize: number): InlineSession {
    initOrt();
    const session = new binding.InferenceSession();
    session.loadModel(options.modelFile, nativeOptions(options));
    const loaded = new InlineSession(session, {
      inputs: warmUpInputs(signature, warmUpSize) ?? [],
      outputs: signature.outputs.map(({ name }) => name),
    });
    loaded.run(loaded.#warmUpInputs, loaded.#warmUpOutputs);
    return loaded;
  }

  /**
   * Runs the model on checked inputs.
   *
   * @throws {Error} of ONNX Runtime.
   */
  run(inputs: readonly Tensor[], outputNames: readonly string[]): Tensor[] {
    const feeds: Record<string, OnnxTensor> = {};
    for (const { name, datatype, shape, elements } of inputs) {
      feeds[name] = new OnnxTensor(FORMATS[datatype].onnx, elements, shape);
    }
    const fetches: Record<string, null> = {};
    for (const name of outputNames) {
      fetches[name] = null;
    }
    const results = this.#session.run(feeds, fetches, {});
    return outputNames.map((name) => fromOnnx(name, results[name]));
  }

  /** Whether the model still answers the input of its warm-up. */
  isHealthy(): boolean {
    try {
      this.run(this.#warmUpInputs, this.#warmUpOutputs);
      return true;
    } catch {
      return false;
    }
  }

  /** Frees the model's memory. */
  release(): void {
    this.#session.dispose();
  }
}
