/**
 * The tensors of a body of the Open Inference Protocol over HTTP, in JSON or with binary data behind it, as far as they
 * are observed. It is read beside the way of the request, so what cannot be read is an error here and nowhere else.
 */
import type { ReadTensors } from "./foreign-request.ts";
import { elementsOf } from "./tensor-bytes.ts";

/** Longer text would hold the requests beside it for too long. */
const MAXIMUM_JSON_BYTES = 262_144;
const MAXIMUM_TENSORS = 1_024;
const MAXIMUM_DIMENSIONS = 32;

/**
 * Reads the tensors with these names. `jsonLength` is the header `inference-header-content-length`, if there is one.
 *
 * @throws {RangeError} for text that is too long, {Error} for anything that is no such body.
 */
export function readRestTensors(
  body: Buffer,
  jsonLength: string | undefined,
  from: "inputs" | "outputs",
  names: ReadonlySet<string>,
): ReadTensors {
  const jsonBytes = jsonLength === undefined ? body.length : Number(jsonLength);
  if (!(jsonBytes >= 0 && jsonBytes <= body.length)) throw new Error("expected the length of the JSON");
  if (jsonBytes > MAXIMUM_JSON_BYTES) throw new RangeError("expected less JSON");
  const value: unknown = JSON.parse(body.toString("utf8", 0, jsonBytes));
  const tensors: unknown = typeof value === "object" && value !== null ? Reflect.get(value, from) : undefined;
  if (!Array.isArray(tensors) || tensors.length > MAXIMUM_TENSORS) throw new Error(`expected ${from}`);
  const entries: readonly unknown[] = tensors;
  let offset = jsonBytes;
  let rows = 1;
  const read = entries.flatMap((entry, index) => {
    const { name, datatype, shape, data, binaryBytes } = tensorOf(entry);
    if (index === 0) rows = shape[0] ?? 1;
    const bytes = body.subarray(offset, offset + binaryBytes);
    offset += binaryBytes;
    if (!names.has(name)) return [];
    const elements =
      data === undefined ? elementsOf(datatype, bytes) : data.flat(MAXIMUM_DIMENSIONS).map(numberOf);
    // Text has half-precision numbers as numbers.
    return [{ name, datatype: data === undefined ? datatype : "FP64", shape, elements }];
  });
  return { tensors: read, rows };
}

function tensorOf(value: unknown) {
  const entry: Readonly<Record<string, unknown>> =
    typeof value === "object" && value !== null ? { ...value } : {};
  const { name, datatype, shape, data, parameters } = entry;
  if (typeof name !== "string" || typeof datatype !== "string" || !Array.isArray(shape)) {
    throw new Error("expected a tensor");
  }
  const size: unknown =
    typeof parameters === "object" && parameters !== null
      ? Reflect.get(parameters, "binary_data_size")
      : undefined;
  const dimensions: readonly unknown[] = shape;
  return {
    name,
    datatype,
    shape: dimensions.map((dimension) => {
      if (typeof dimension === "number" && Number.isSafeInteger(dimension) && dimension >= 0)
        return dimension;
      throw new Error("expected a shape");
    }),
    data: Array.isArray(data) ? data : undefined,
    binaryBytes: typeof size === "number" && Number.isSafeInteger(size) && size >= 0 ? size : 0,
  };
}

function numberOf(value: unknown): number {
  return typeof value === "number" || typeof value === "boolean" ? Number(value) : Number.NaN;
}
