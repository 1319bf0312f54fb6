/**
 * What a model takes and gives, and the check of a request against it. The check is the same for REST and
 * gRPC and happens once, before the request may wait in the queue.
 *
 * It must refuse whatever the model cannot take, with the input's name, what was expected and what came, so
 * that ONNX Runtime is never the first to notice.
 */
import type { Datatype } from "./datatype.ts";
import { invalidArgument, quoted } from "./serve-error.ts";
import { formatShape, type Tensor } from "./tensor.ts";

/** An input or output of a model. A dimension of any size is its symbolic name, which may be empty. */
export interface TensorSignature {
  readonly name: string;
  readonly datatype: Datatype;
  readonly shape: readonly (number | string)[];
}

/** All inputs and outputs of a model, in the order of the model. */
export interface ModelSignature {
  readonly inputs: readonly TensorSignature[];
  readonly outputs: readonly TensorSignature[];
}

/** The shape as the protocol shows it in metadata: -1 for a dimension of any size. */
export function metadataShape({ shape }: TensorSignature): number[] {
  return shape.map((dimension) => (typeof dimension === "number" ? dimension : -1));
}

/**
 * Checks the inputs of a request: each input of the model exactly once, nothing else, each of the right
 * datatype and shape. Dimensions of the same symbolic name must agree across inputs.
 *
 * @throws {ServeError} InvalidArgument.
 */
export function checkInputs(signature: ModelSignature, inputs: readonly Tensor[]): void {
  const sizes: KnownSizes = new Map();
  const seen = new Set<string>();
  for (const tensor of inputs) {
    const expected = signature.inputs.find(({ name }) => name === tensor.name);
    if (expected === undefined) {
      throw invalidArgument(
        `unknown input ${quoted(tensor.name)}: the model takes ${quotedNames(signature.inputs)}`,
      );
    }
    if (seen.has(tensor.name)) {
      throw invalidArgument(`input ${quoted(tensor.name)} is given twice`);
    }
    seen.add(tensor.name);
    if (tensor.datatype !== expected.datatype) {
      throw invalidArgument(
        `input ${quoted(tensor.name)}: expected datatype ${expected.datatype}, got ${tensor.datatype}`,
      );
    }
    checkShape(expected, tensor, sizes);
  }
  const missing = signature.inputs.find(({ name }) => !seen.has(name));
  if (missing !== undefined) {
    throw invalidArgument(
      `missing input ${quoted(missing.name)}: expected ${missing.datatype} of shape ${formatShape(metadataShape(missing))}`,
    );
  }
}

/**
 * The names of the outputs to compute: those asked for, or all when none is.
 *
 * @throws {ServeError} InvalidArgument for an unknown one or one that is asked for twice.
 */
export function selectOutputs(signature: ModelSignature, requested: readonly string[]): readonly string[] {
  if (requested.length === 0) {
    return signature.outputs.map(({ name }) => name);
  }
  const seen = new Set<string>();
  for (const name of requested) {
    if (!signature.outputs.some((output) => output.name === name)) {
      throw invalidArgument(
        `unknown output ${quoted(name)}: the model gives ${quotedNames(signature.outputs)}`,
      );
    }
    if (seen.has(name)) {
      throw invalidArgument(`output ${quoted(name)} is asked for twice`);
    }
    seen.add(name);
  }
  return requested;
}

/**
 * Number of inferences in a request, as Triton counts them: the size of the first dimension where every input
 * has a first dimension of any size (a batch), else one.
 */
export function inferenceCount(signature: ModelSignature, inputs: readonly Tensor[]): number {
  const batched = signature.inputs.every(({ shape }) => typeof shape[0] === "string");
  return batched ? (inputs[0]?.shape[0] ?? 1) : 1;
}

/** Sizes of the dimensions with a symbolic name, and the input that set them. */
type KnownSizes = Map<string, { readonly size: number; readonly input: string }>;

function checkShape(expected: TensorSignature, { name, shape }: Tensor, sizes: KnownSizes): void {
  let fits = shape.length === expected.shape.length;
  for (let axis = 0; fits && axis < shape.length; axis++) {
    const dimension = expected.shape[axis];
    fits = typeof dimension === "string" || dimension === shape[axis];
  }
  if (!fits) {
    throw invalidArgument(
      `input ${quoted(name)}: expected shape ${formatShape(metadataShape(expected))} (-1 is any size), got ${formatShape(shape)}`,
    );
  }
  for (let axis = 0; axis < shape.length; axis++) {
    const size = shape[axis];
    const symbol = expected.shape[axis];
    if (size === undefined || typeof symbol !== "string" || symbol === "") {
      continue;
    }
    const known = sizes.get(symbol);
    if (known !== undefined && known.size !== size) {
      throw invalidArgument(
        `input ${quoted(name)}: expected dimension ${axis} to be ${known.size} as ${quoted(symbol)} in input ${quoted(known.input)}, got ${size}`,
      );
    }
    sizes.set(symbol, { size, input: name });
  }
}

function quotedNames(signatures: readonly TensorSignature[]): string {
  return signatures.map(({ name }) => JSON.stringify(name)).join(", ");
}
