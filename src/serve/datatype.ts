/**
 * The datatypes of the Open Inference Protocol and all that differs between them: their name in ONNX Runtime,
 * their width, their range, how their elements are held in memory and where gRPC puts them.
 *
 * This is the one table; a codec asks it and never switches over datatypes on its own. A datatype that is not
 * here (BF16, strings of other encodings) is refused when the model loads or the request is read.
 */

/** In-memory elements of each datatype. FP16 is held as its bits; BYTES as text, for ONNX strings are UTF-8. */
export interface ElementsOf {
  readonly BOOL: Uint8Array;
  readonly UINT8: Uint8Array;
  readonly UINT16: Uint16Array;
  readonly UINT32: Uint32Array;
  readonly UINT64: BigUint64Array;
  readonly INT8: Int8Array;
  readonly INT16: Int16Array;
  readonly INT32: Int32Array;
  readonly INT64: BigInt64Array;
  readonly FP16: Uint16Array;
  readonly FP32: Float32Array;
  readonly FP64: Float64Array;
  readonly BYTES: readonly string[];
}

/** Name of a datatype in the Open Inference Protocol. */
export type Datatype = keyof ElementsOf;
/** Elements of a tensor of any datatype. */
export type Elements = ElementsOf[Datatype];

/** Names of ONNX Runtime for the same datatypes. */
export type OnnxType =
  | "bool"
  | "uint8"
  | "uint16"
  | "uint32"
  | "uint64"
  | "int8"
  | "int16"
  | "int32"
  | "int64"
  | "float16"
  | "float32"
  | "float64"
  | "string";

/** The repeated field of gRPC's `InferTensorContents` that carries a datatype; FP16 has none and is always raw. */
export type ContentsField =
  | "boolContents"
  | "intContents"
  | "int64Contents"
  | "uintContents"
  | "uint64Contents"
  | "fp32Contents"
  | "fp64Contents"
  | "bytesContents";

interface Common {
  readonly onnx: OnnxType;
  readonly contentsField: ContentsField | undefined;
}

/** Integers that a JavaScript number holds exactly. */
export interface IntegerFormat extends Common {
  readonly kind: "integer";
  readonly bytesPerElement: number;
  readonly minimum: number;
  readonly maximum: number;
  readonly allocate: (
    count: number,
  ) => Uint8Array | Uint16Array | Uint32Array | Int8Array | Int16Array | Int32Array;
}

/** 64-bit integers, exact only as BigInt. */
export interface BigIntegerFormat extends Common {
  readonly kind: "bigint";
  readonly bytesPerElement: 8;
  readonly minimum: bigint;
  readonly maximum: bigint;
  readonly allocate: (count: number) => BigInt64Array | BigUint64Array;
}

/** Floating point. */
export interface FloatFormat extends Common {
  readonly kind: "float";
  readonly bytesPerElement: number;
  readonly allocate: (count: number) => Float32Array | Float64Array;
}

/** Half-precision floating point, moved as bits and never computed with. */
export interface BitsFormat extends Common {
  readonly kind: "bits";
  readonly bytesPerElement: 2;
  readonly allocate: (count: number) => Uint16Array;
}

/** One byte, 0 or 1. */
export interface BooleanFormat extends Common {
  readonly kind: "boolean";
  readonly bytesPerElement: 1;
  readonly allocate: (count: number) => Uint8Array;
}

/** Text of any length; its binary form is a little-endian 32-bit length and that many bytes of UTF-8. */
export interface TextFormat extends Common {
  readonly kind: "text";
}

/** How one datatype is held, checked and sent. */
export type Format = IntegerFormat | BigIntegerFormat | FloatFormat | BitsFormat | BooleanFormat | TextFormat;

/** The table. */
export const FORMATS: { readonly [D in Datatype]: Format } = {
  BOOL: {
    kind: "boolean",
    onnx: "bool",
    contentsField: "boolContents",
    bytesPerElement: 1,
    allocate: (count) => new Uint8Array(count),
  },
  UINT8: integer("uint8", "uintContents", 1, 0, 0xff, (count) => new Uint8Array(count)),
  UINT16: integer("uint16", "uintContents", 2, 0, 0xffff, (count) => new Uint16Array(count)),
  UINT32: integer("uint32", "uintContents", 4, 0, 0xffff_ffff, (count) => new Uint32Array(count)),
  UINT64: {
    kind: "bigint",
    onnx: "uint64",
    contentsField: "uint64Contents",
    bytesPerElement: 8,
    minimum: 0n,
    maximum: 2n ** 64n - 1n,
    allocate: (count) => new BigUint64Array(count),
  },
  INT8: integer("int8", "intContents", 1, -0x80, 0x7f, (count) => new Int8Array(count)),
  INT16: integer("int16", "intContents", 2, -0x8000, 0x7fff, (count) => new Int16Array(count)),
  INT32: integer("int32", "intContents", 4, -0x8000_0000, 0x7fff_ffff, (count) => new Int32Array(count)),
  INT64: {
    kind: "bigint",
    onnx: "int64",
    contentsField: "int64Contents",
    bytesPerElement: 8,
    minimum: -(2n ** 63n),
    maximum: 2n ** 63n - 1n,
    allocate: (count) => new BigInt64Array(count),
  },
  FP16: {
    kind: "bits",
    onnx: "float16",
    contentsField: undefined,
    bytesPerElement: 2,
    allocate: (count) => new Uint16Array(count),
  },
  FP32: {
    kind: "float",
    onnx: "float32",
    contentsField: "fp32Contents",
    bytesPerElement: 4,
    allocate: (count) => new Float32Array(count),
  },
  FP64: {
    kind: "float",
    onnx: "float64",
    contentsField: "fp64Contents",
    bytesPerElement: 8,
    allocate: (count) => new Float64Array(count),
  },
  BYTES: { kind: "text", onnx: "string", contentsField: "bytesContents" },
};

/** All datatypes, in the order of the table. */
export const DATATYPES: readonly Datatype[] = Object.keys(FORMATS).filter(isDatatype);

/** The datatype of that name, or undefined. */
export function datatypeNamed(name: unknown): Datatype | undefined {
  return DATATYPES.find((datatype) => datatype === name);
}

/** The datatype that ONNX Runtime calls `onnxType`, or undefined for one that the protocol cannot carry. */
export function datatypeOfOnnx(onnxType: string): Datatype | undefined {
  return DATATYPES.find((datatype) => FORMATS[datatype].onnx === onnxType);
}

function isDatatype(name: string): name is Datatype {
  return Object.hasOwn(FORMATS, name);
}

function integer(
  onnx: OnnxType,
  contentsField: ContentsField,
  bytesPerElement: number,
  minimum: number,
  maximum: number,
  allocate: IntegerFormat["allocate"],
): IntegerFormat {
  return { kind: "integer", onnx, contentsField, bytesPerElement, minimum, maximum, allocate };
}
