/**
 * The Open Inference Protocol's bodies over HTTP: an infer request read from JSON, with or without the binary
 * tensor extension, and its answer written in the form that the client asked for.
 *
 * With the extension the body is the JSON, of the length that the header `Inference-Header-Content-Length`
 * gives, followed by the binary tensors in order; a length of 0 is a raw request: the whole body is the one
 * input of the model. Nothing of the body is trusted: each part is checked before it is used.
 */
import { datatypeNamed, type Elements, FORMATS } from "./datatype.ts";
import { isText, parseExactJson } from "./exact-json.ts";
import {
  type InferenceRequest,
  type InferenceResponse,
  MAXIMUM_TENSORS,
  requireShortId,
  TIMEOUT_PARAMETER,
  timeoutMilliseconds,
  UNSUPPORTED_PARAMETERS,
} from "./inference.ts";
import { decodeJsonElements, encodeJsonElements } from "./json-tensor.ts";
import type { ModelSignature } from "./model-signature.ts";
import { invalidArgument, quoted, ServeError } from "./serve-error.ts";
import {
  decodeBinaryElements,
  elementCount,
  encodeBinaryElements,
  formatShape,
  parseShape,
  requireFewTexts,
  type Tensor,
  type TensorLimits,
} from "./tensor.ts";

/** Name of the header that holds the number of JSON bytes in front of the binary tensors. */
export const JSON_LENGTH_HEADER = "inference-header-content-length";

type JsonObject = Readonly<Record<string, unknown>>;

/** An infer request as it came over HTTP. */
export interface RestInferRequest {
  /** From the path; the version is empty when the path has none. */
  readonly modelName: string;
  readonly modelVersion: string;
  /** Value of {@link JSON_LENGTH_HEADER}. */
  readonly jsonLength: string | undefined;
  readonly body: Buffer;
}

/** Which outputs the client wants as binary data: those named, and the others. */
export interface BinaryOutputs {
  readonly byName: ReadonlyMap<string, boolean>;
  readonly others: boolean;
}

/** A decoded infer request and the form that its answer must have. */
export interface DecodedRestRequest {
  readonly request: InferenceRequest;
  readonly binaryOutputs: BinaryOutputs;
}

/** The body of an answer; `jsonLength` is the value of {@link JSON_LENGTH_HEADER} when it has binary data. */
export interface RestInferResponse {
  readonly jsonLength: number | undefined;
  readonly body: Buffer;
}

/**
 * Reads an infer request. The signature of the model is used for raw requests alone.
 *
 * @throws {ServeError} InvalidArgument, or Unsupported.
 */
export function decodeRestRequest(
  { modelName, modelVersion, jsonLength, body }: RestInferRequest,
  signature: ModelSignature,
  limits: TensorLimits,
): DecodedRestRequest {
  if (jsonLength === undefined) {
    return decodeDocument(modelName, modelVersion, body, undefined, limits);
  }
  const length = /^[0-9]{1,15}$/.test(jsonLength) ? Number(jsonLength) : Number.NaN;
  if (!(length <= body.length)) {
    throw invalidArgument(
      `expected header Inference-Header-Content-Length to be from 0 to the ${body.length} bytes of the body, got ${quoted(jsonLength)}`,
    );
  }
  if (length === 0) {
    return decodeRaw(modelName, modelVersion, body, signature, limits);
  }
  return decodeDocument(modelName, modelVersion, body.subarray(0, length), body.subarray(length), limits);
}

/**
 * Writes the answer.
 *
 * @throws {ServeError} InvalidArgument when an output is to be JSON and cannot.
 */
export function encodeRestResponse(
  { modelName, modelVersion, id, outputs }: InferenceResponse,
  binaryOutputs: BinaryOutputs,
): RestInferResponse {
  const chunks: Buffer[] = [];
  const tensors = outputs.map((output) => {
    const head = `{"name":${JSON.stringify(output.name)},"datatype":"${output.datatype}","shape":${formatShape(output.shape)}`;
    if (!(binaryOutputs.byName.get(output.name) ?? binaryOutputs.others)) {
      return `${head},"data":${encodeJsonElements(output)}}`;
    }
    const bytes = encodeBinaryElements(output);
    chunks.push(bytes);
    return `${head},"parameters":{"binary_data_size":${bytes.length}}}`;
  });
  const idMember = id === "" ? "" : `"id":${JSON.stringify(id)},`;
  const json = Buffer.from(
    `{${idMember}"model_name":${JSON.stringify(modelName)},"model_version":${JSON.stringify(modelVersion)},"outputs":[${tensors.join(",")}]}`,
  );
  return chunks.length === 0
    ? { jsonLength: undefined, body: json }
    : { jsonLength: json.length, body: Buffer.concat([json, ...chunks]) };
}

/** What the JSON of a request says, before its binary data is read. */
interface Plan {
  readonly id: string;
  readonly inputs: readonly PlannedInput[];
  readonly outputs: readonly string[];
  readonly binaryOutputs: BinaryOutputs;
  readonly timeoutMilliseconds: number;
}

/** An input whose elements were in the JSON, or are the next `size` bytes of the binary data. */
type PlannedInput = Omit<Tensor, "elements"> & {
  readonly where: string;
  readonly elements: Elements | undefined;
  readonly size: unknown;
};

/**
 * The plans of short JSON texts under some limits: clients that send their tensors as binary data send the same
 * text again and again. Texts with an `id` are not kept, for each is another one.
 */
const plansByLimits = new WeakMap<TensorLimits, Map<string, Plan>>();
const MAXIMUM_PLANS = 64;
const MAXIMUM_PLAN_BYTES = 1_024;

function decodeDocument(
  modelName: string,
  modelVersion: string,
  json: Buffer,
  binary: Buffer | undefined,
  limits: TensorLimits,
): DecodedRestRequest {
  const { id, inputs, outputs, binaryOutputs, timeoutMilliseconds } =
    binary !== undefined && json.length <= MAXIMUM_PLAN_BYTES
      ? knownPlan(json, limits)
      : makePlan(json, limits);
  const binaryInputs = new BinaryReader(binary);
  const tensors = inputs.map(({ name, datatype, shape, where, elements, size }) => ({
    name,
    datatype,
    shape,
    elements: elements ?? decodeBinaryElements(datatype, shape, binaryInputs.take(size, where), where),
  }));
  binaryInputs.end();
  return {
    request: { modelName, modelVersion, id, inputs: tensors, outputs, timeoutMilliseconds },
    binaryOutputs,
  };
}

function knownPlan(json: Buffer, limits: TensorLimits): Plan {
  const text = json.toString("latin1");
  const plans = plansByLimits.get(limits) ?? new Map<string, Plan>();
  const known = plans.get(text);
  if (known !== undefined) {
    return known;
  }
  const plan = makePlan(json, limits);
  if (plan.id === "" && plan.inputs.every(({ elements }) => elements === undefined)) {
    if (plans.size >= MAXIMUM_PLANS) {
      plans.clear();
    }
    plans.set(text, plan);
    plansByLimits.set(limits, plans);
  }
  return plan;
}

function makePlan(json: Buffer, limits: TensorLimits): Plan {
  const document = parseDocument(json);
  const id = optionalString(document, "id", "the request");
  requireShortId(id);
  const inputs = list(document, "inputs").map((value) => planInput(value, limits));
  requireFewTexts(inputs, limits);
  const parameters = parametersOf(document, "the request");
  const others = booleanParameter(parameters, "binary_data_output") ?? false;
  const byName = new Map<string, boolean>();
  const outputs = document["outputs"] === undefined ? [] : list(document, "outputs");
  const names = outputs.map((value) => {
    const output = object(value, "an output");
    const name = requiredName(output, "an output");
    const binaryData = booleanParameter(parametersOf(output, `output ${quoted(name)}`), "binary_data");
    byName.set(name, binaryData ?? others);
    return name;
  });
  return {
    id,
    inputs,
    outputs: names,
    binaryOutputs: { byName, others },
    timeoutMilliseconds: timeoutMilliseconds(parameters[TIMEOUT_PARAMETER]),
  };
}

function parseDocument(json: Buffer): JsonObject {
  let value: unknown;
  try {
    value = parseExactJson(json);
  } catch (error) {
    const why = error instanceof Error && error.name === "SyntaxError" ? error.message : "not UTF-8";
    throw invalidArgument(`expected the request to be a JSON object, but cannot parse it: ${quoted(why)}`);
  }
  return object(value, "the request");
}

function planInput(value: unknown, limits: TensorLimits): PlannedInput {
  const input = object(value, "an input");
  const name = requiredName(input, "an input");
  const where = `input ${quoted(name)}`;
  const datatype = datatypeNamed(input["datatype"]);
  if (datatype === undefined) {
    throw invalidArgument(
      `${where}: expected "datatype" to be one of ${Object.keys(FORMATS).join(", ")}, got ${quoted(input["datatype"])}`,
    );
  }
  const shape = parseShape(input["shape"], datatype, limits, where);
  const size = parametersOf(input, where)["binary_data_size"];
  const data = input["data"];
  if (size !== undefined && data !== undefined) {
    throw invalidArgument(`${where}: expected either "data" or "binary_data_size", got both`);
  }
  const elements = size === undefined ? decodeJsonElements(datatype, shape, data, where) : undefined;
  return { name, datatype, shape, where, elements, size };
}

/** The whole body is the model's one input, of which at most one dimension may be of any size. */
function decodeRaw(
  modelName: string,
  modelVersion: string,
  body: Buffer,
  signature: ModelSignature,
  limits: TensorLimits,
): DecodedRestRequest {
  const [input, ...others] = signature.inputs;
  if (input === undefined || others.length > 0) {
    throw invalidArgument(
      `expected a JSON request: a raw one needs a model with one input, this one has ${signature.inputs.length}`,
    );
  }
  const { name, datatype } = input;
  const where = `input ${quoted(name)}`;
  const format = FORMATS[datatype];
  const fixed = elementCount(input.shape.filter((dimension) => typeof dimension === "number"));
  const anySize = input.shape.filter((dimension) => typeof dimension === "string").length;
  if (anySize > 1 || format.kind === "text") {
    throw invalidArgument(
      `${where}: expected a JSON request, for the shape of a raw one cannot be known from its size`,
    );
  }
  const size = fixed === 0 ? 0 : Math.floor(body.length / (fixed * format.bytesPerElement));
  const shape = parseShape(
    input.shape.map((dimension) => (typeof dimension === "number" ? dimension : size)),
    datatype,
    limits,
    where,
  );
  const elements = decodeBinaryElements(datatype, shape, body, where);
  return {
    request: {
      modelName,
      modelVersion,
      id: "",
      inputs: [{ name, datatype, shape, elements }],
      outputs: [],
      timeoutMilliseconds: Number.POSITIVE_INFINITY,
    },
    binaryOutputs: { byName: new Map(), others: true },
  };
}

/** Hands out the binary part of a body piece by piece; all of it must be used. */
class BinaryReader {
  readonly #bytes: Buffer | undefined;
  #offset = 0;

  constructor(bytes: Buffer | undefined) {
    this.#bytes = bytes;
  }

  take(size: unknown, where: string): Buffer {
    if (this.#bytes === undefined) {
      throw invalidArgument(
        `${where}: "binary_data_size" needs the header Inference-Header-Content-Length, which is missing`,
      );
    }
    const left = this.#bytes.length - this.#offset;
    if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0 || size > left) {
      throw invalidArgument(
        `${where}: expected "binary_data_size" to be from 0 to the ${left} bytes that are left, got ${quoted(size)}`,
      );
    }
    const start = this.#offset;
    this.#offset += size;
    return this.#bytes.subarray(start, this.#offset);
  }

  end(): void {
    const length = this.#bytes?.length ?? 0;
    if (this.#offset !== length) {
      throw invalidArgument(`expected ${this.#offset} bytes of binary data as the inputs say, got ${length}`);
    }
  }
}

function object(value: unknown, what: string): JsonObject {
  if (!isObject(value)) {
    throw invalidArgument(`expected ${what} to be a JSON object, got ${quoted(value)}`);
  }
  return value;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function list(owner: JsonObject, key: string): readonly unknown[] {
  const value: unknown = owner[key];
  if (!Array.isArray(value) || value.length > MAXIMUM_TENSORS) {
    throw invalidArgument(
      `expected "${key}" of the request to be a list of at most ${MAXIMUM_TENSORS}, got ${quoted(value)}`,
    );
  }
  return value;
}

function optionalString(owner: JsonObject, key: string, what: string): string {
  const value = owner[key] ?? "";
  if (!isText(value)) {
    throw invalidArgument(`expected "${key}" of ${what} to be a string, got ${quoted(value)}`);
  }
  return value;
}

function requiredName(owner: JsonObject, what: string): string {
  const name = optionalString(owner, "name", what);
  if (name === "") {
    throw invalidArgument(`expected ${what} to have a "name"`);
  }
  return name;
}

function parametersOf(owner: JsonObject, where: string): JsonObject {
  const value = owner["parameters"];
  if (value === undefined || value === null) {
    return {};
  }
  if (!isObject(value)) {
    throw invalidArgument(`${where}: expected "parameters" to be a JSON object, got ${quoted(value)}`);
  }
  const unsupported = UNSUPPORTED_PARAMETERS.find((name) => value[name] !== undefined);
  if (unsupported !== undefined) {
    throw new ServeError("Unsupported", `${where}: parameter ${quoted(unsupported)} is not supported`);
  }
  return value;
}

function booleanParameter(parameters: JsonObject, name: string): boolean | undefined {
  const value = parameters[name];
  if (value !== undefined && typeof value !== "boolean") {
    throw invalidArgument(`expected parameter "${name}" to be true or false, got ${quoted(value)}`);
  }
  return value;
}
