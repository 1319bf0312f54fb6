/**
 * Infer requests and answers over gRPC. A tensor comes either as typed contents, in the repeated field of its
 * datatype, or raw, in the binary form of the REST extension; the answer takes the form of the request.
 *
 * It fills the same {@link InferenceRequest} as the REST codec, under the same checks of datatype, shape and
 * size, so that the rest of the server cannot tell them apart.
 */
import { datatypeNamed, FORMATS } from "./datatype.ts";
import { decodeContents, hasElements } from "./grpc-contents.ts";
import { type KnownParameters, readInferRequest, type TensorMessage } from "./grpc-infer-request.ts";
import { encodeMessage } from "./grpc-messages.ts";
import {
  type InferenceRequest,
  type InferenceResponse,
  requireShortId,
  TIMEOUT_PARAMETER,
  timeoutMilliseconds,
  UNSUPPORTED_PARAMETERS,
} from "./inference.ts";
import { invalidArgument, quoted, ServeError } from "./serve-error.ts";
import {
  decodeBinaryElements,
  encodeBinaryElements,
  parseShape,
  requireFewTexts,
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
  const message = parsed("a ModelInferRequest", () => readInferRequest(bytes, limits.maximumDimensions));
  const { modelName, modelVersion, id, parameters, inputs, outputs, rawInputContents } = message;
  requireShortId(id);
  const isRaw = rawInputContents.length > 0;
  if (isRaw && rawInputContents.length !== inputs.length) {
    throw invalidArgument(
      `expected raw_input_contents for all ${inputs.length} inputs or none, got ${rawInputContents.length}`,
    );
  }
  const headers = inputs.map((input) => decodeHeader(input, limits));
  requireFewTexts(headers, limits);
  const tensors = headers.map((header, index) =>
    decodeInput(header, inputs[index]?.contents ?? [], rawInputContents[index]),
  );
  for (const { name, parameters } of outputs) {
    checkParameters(parameters, `output ${quoted(name)}`);
  }
  return {
    request: {
      modelName,
      modelVersion,
      id,
      inputs: tensors,
      outputs: outputs.map(({ name }) => name),
      timeoutMilliseconds: timeoutMilliseconds(parameters.get(TIMEOUT_PARAMETER)),
    },
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

/** What `read` gives; an error of the protobuf reader is the client's fault. */
function parsed<T>(what: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof ServeError) {
      throw error;
    }
    const why = error instanceof Error ? error.message : "unknown";
    throw invalidArgument(`expected ${what}, but cannot parse it: ${quoted(why)}`);
  }
}

/** An input before its elements are read. */
interface TensorHeader extends Omit<Tensor, "elements"> {
  readonly where: string;
}

function decodeHeader(input: TensorMessage, limits: TensorLimits): TensorHeader {
  const { name } = input;
  const where = `input ${quoted(name)}`;
  checkParameters(input.parameters, where);
  const datatype = datatypeNamed(input.datatype);
  if (datatype === undefined) {
    throw invalidArgument(
      `${where}: expected the datatype to be one of ${Object.keys(FORMATS).join(", ")}, got ${quoted(input.datatype)}`,
    );
  }
  return { name, datatype, shape: parseShape(input.shape, datatype, limits, where), where };
}

function decodeInput(
  { name, datatype, shape, where }: TensorHeader,
  contents: readonly Uint8Array[],
  raw: Uint8Array | undefined,
): Tensor {
  if (raw === undefined) {
    const elements = parsed(`the contents of ${where}`, () =>
      decodeContents({ datatype, shape }, contents, where),
    );
    return { name, datatype, shape, elements };
  }
  if (parsed(`the contents of ${where}`, () => hasElements(contents))) {
    throw invalidArgument(`${where}: expected either contents or raw_input_contents, got both`);
  }
  return { name, datatype, shape, elements: decodeBinaryElements(datatype, shape, raw, where) };
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

function checkParameters(parameters: KnownParameters, where: string): void {
  const unsupported =
    parameters.size === 0 ? undefined : UNSUPPORTED_PARAMETERS.find((name) => parameters.has(name));
  if (unsupported !== undefined) {
    throw new ServeError("Unsupported", `${where}: parameter ${quoted(unsupported)} is not supported`);
  }
}
