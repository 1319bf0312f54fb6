/**
 * Infer requests and answers over gRPC. A tensor comes either as typed contents, in the repeated field of its
 * datatype, or raw, in the binary form of the REST extension; the answer takes the form of the request.
 *
 * It fills the same {@link InferenceRequest} as the REST codec, under the same checks of datatype, shape and
 * size, so that the rest of the server cannot tell them apart.
 */
import { datatypeNamed, type Elements, FORMATS } from "./datatype.ts";
import {
  type ContentsMessage,
  decodeInferRequestMessage,
  encodeMessage,
  type InferRequestMessage,
  type ParametersMessage,
  type TensorMessage,
} from "./grpc-messages.ts";
import { type InferenceRequest, type InferenceResponse, UNSUPPORTED_PARAMETERS } from "./inference.ts";
import { invalidArgument, quoted, ServeError } from "./serve-error.ts";
import {
  decodeBinaryElements,
  decodeText,
  elementCount,
  encodeBinaryElements,
  formatShape,
  parseShape,
  type Tensor,
  type TensorLimits,
} from "./tensor.ts";

/** A decoded infer request and the form that its answer must have. */
export interface DecodedGrpcRequest {
  readonly request: InferenceRequest;
  /** Whether the outputs go into `raw_output_contents`. */
  readonly rawOutputs: boolean;
}

/**
 * Reads a `ModelInferRequest`.
 *
 * @throws {ServeError} InvalidArgument, or Unsupported.
 */
export function decodeGrpcRequest(bytes: Uint8Array, limits: TensorLimits): DecodedGrpcRequest {
  const message = parseMessage(bytes);
  const { modelName, modelVersion, id, inputs, outputs, rawInputContents } = message;
  const isRaw = rawInputContents.length > 0;
  if (isRaw && rawInputContents.length !== inputs.length) {
    throw invalidArgument(
      `expected raw_input_contents for all ${inputs.length} inputs or none, got ${rawInputContents.length}`,
    );
  }
  const tensors = inputs.map((input, index) => decodeInput(input, rawInputContents[index], limits));
  for (const { name, parameters } of outputs) {
    checkParameters(parameters, `output ${quoted(name)}`);
  }
  return {
    request: { modelName, modelVersion, id, inputs: tensors, outputs: outputs.map(({ name }) => name) },
    // A request without inputs says nothing of the form that its client reads; raw carries every datatype.
    rawOutputs: isRaw || inputs.length === 0,
  };
}

/** Writes a `ModelInferResponse`. An FP16 output has no typed contents and makes all of them raw. */
export function encodeGrpcResponse(response: InferenceResponse, rawOutputs: boolean): Buffer {
  const { modelName, modelVersion, id, outputs } = response;
  const isRaw = rawOutputs || outputs.some(({ datatype }) => FORMATS[datatype].contentsField === undefined);
  return encodeMessage("inference.ModelInferResponse", {
    modelName,
    modelVersion,
    id,
    outputs: outputs.map((output) => {
      const { name, datatype, shape } = output;
      return { name, datatype, shape, ...(isRaw ? {} : { contents: typedContents(output) }) };
    }),
    rawOutputContents: isRaw ? outputs.map(encodeBinaryElements) : [],
  });
}

function parseMessage(bytes: Uint8Array): InferRequestMessage {
  try {
    return decodeInferRequestMessage(bytes);
  } catch (error) {
    const why = error instanceof Error ? error.message : "unknown";
    throw invalidArgument(`expected a ModelInferRequest, but cannot parse it: ${quoted(why)}`);
  }
}

function decodeInput(input: TensorMessage, raw: Uint8Array | undefined, limits: TensorLimits): Tensor {
  const { name } = input;
  const where = `input ${quoted(name)}`;
  checkParameters(input.parameters, where);
  const datatype = datatypeNamed(input.datatype);
  if (datatype === undefined) {
    throw invalidArgument(
      `${where}: expected the datatype to be one of ${Object.keys(FORMATS).join(", ")}, got ${quoted(input.datatype)}`,
    );
  }
  const shape = parseShape(input.shape.map(Number), limits, where);
  if (raw === undefined) {
    const elements = decodeContents({ ...input, datatype, shape }, where);
    return { name, datatype, shape, elements };
  }
  if (filledFields(input.contents).length > 0) {
    throw invalidArgument(`${where}: expected either contents or raw_input_contents, got both`);
  }
  return { name, datatype, shape, elements: decodeBinaryElements(datatype, shape, raw, where) };
}

function decodeContents(
  { datatype, shape, contents }: Pick<Tensor, "datatype" | "shape"> & Pick<TensorMessage, "contents">,
  where: string,
): Elements {
  const format = FORMATS[datatype];
  const count = elementCount(shape);
  const field = format.contentsField;
  if (field === undefined) {
    throw invalidArgument(`${where}: contents cannot carry ${datatype}: send it in raw_input_contents`);
  }
  const other = filledFields(contents).find((name) => name !== field);
  if (other !== undefined) {
    throw invalidArgument(`${where}: expected ${datatype} in ${field} of the contents, got ${other}`);
  }
  const values: readonly (boolean | number | bigint | Uint8Array)[] = contents?.[field] ?? [];
  if (values.length !== count) {
    throw invalidArgument(
      `${where}: expected ${count} elements in ${field} for shape ${formatShape(shape)}, got ${values.length}`,
    );
  }
  if (format.kind === "text") {
    return (contents?.bytesContents ?? []).map((bytes, index) => decodeText(bytes, index, where));
  }
  if (format.kind === "bigint") {
    const elements = format.allocate(count);
    for (const [index, value] of values.entries()) {
      elements[index] = BigInt(typeof value === "bigint" ? value : 0);
    }
    return elements;
  }
  const elements = format.allocate(count);
  for (const [index, value] of values.entries()) {
    const number = Number(value);
    if (format.kind === "integer" && (number < format.minimum || number > format.maximum)) {
      throw invalidArgument(`${where}: expected ${datatype}, got ${number} at element ${index}`);
    }
    elements[index] = number;
  }
  return elements;
}

function typedContents({ datatype, elements }: Tensor): Readonly<Record<string, unknown>> {
  const { kind, contentsField = "" } = FORMATS[datatype];
  if (!ArrayBuffer.isView(elements)) {
    return { [contentsField]: elements.map((text) => Buffer.from(text)) };
  }
  if (kind === "boolean") {
    return { [contentsField]: Array.from<number | bigint, boolean>(elements, (element) => element === 1) };
  }
  return {
    [contentsField]: Array.from<number | bigint, number | string>(elements, (e) =>
      typeof e === "bigint" ? e.toString() : e,
    ),
  };
}

function filledFields(contents: ContentsMessage | null): string[] {
  return Object.entries(contents ?? {})
    .filter(([, values]) => values.length > 0)
    .map(([name]) => name);
}

function checkParameters(parameters: ParametersMessage, where: string): void {
  const unsupported = UNSUPPORTED_PARAMETERS.find((name) => Object.hasOwn(parameters, name));
  if (unsupported !== undefined) {
    throw new ServeError("Unsupported", `${where}: parameter ${quoted(unsupported)} is not supported`);
  }
}
