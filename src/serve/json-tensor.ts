/**
 * Tensors in JSON: reading `data`, flat or nested, into elements, and writing elements as a flat list.
 *
 * A number must arrive as exactly the number that was written: what does not fit the datatype is an error,
 * never rounded into range, and 64-bit integers keep all their digits. JSON knows no NaN and no infinity, so
 * writing one is an error too, never `null`.
 */
import { type Datatype, type Elements, FORMATS, type Format } from "./datatype.ts";
import { isText, longInteger, type parseExactJson } from "./exact-json.ts";
import { invalidArgument, quoted, type ServeError } from "./serve-error.ts";
import { checkText, elementCount, formatShape, type Tensor } from "./tensor.ts";

type Fill = (values: readonly unknown[], offset: number) => void;

/**
 * Reads the `data` of a tensor, as {@link parseExactJson} gives it.
 *
 * @throws {ServeError} InvalidArgument, naming `where` and the element.
 */
export function decodeJsonElements(
  datatype: Datatype,
  shape: readonly number[],
  data: unknown,
  where: string,
): Elements {
  if (!isList(data)) {
    throw invalidArgument(`${where}: expected "data" to be a list, got ${quoted(data)}`);
  }
  const count = elementCount(shape);
  const nested = shape.length > 1 && isList(data[0]);
  if (!nested && data.length !== count) {
    throw invalidArgument(
      `${where}: expected ${count} elements of "data" for shape ${formatShape(shape)}, got ${data.length}`,
    );
  }
  const { elements, put } = allocateStore(FORMATS[datatype], count, where);
  const fill: Fill = (values, offset) => {
    for (let index = 0; index < values.length; index++) {
      if (!put(values[index], offset + index)) {
        throw invalidArgument(
          `${where}: expected ${datatype}, got ${quoted(values[index])} at element ${offset + index}`,
        );
      }
    }
  };
  if (nested) {
    fillNested(data, shape, 0, 0, fill, where);
  } else {
    fill(data, 0);
  }
  return elements;
}

/**
 * Writes the elements of a tensor as a flat JSON list.
 *
 * @throws {ServeError} InvalidArgument when JSON cannot carry them; binary data can.
 */
export function encodeJsonElements({ name, datatype, elements }: Tensor): string {
  const { kind } = FORMATS[datatype];
  if (kind === "bits") {
    throw notInJson(name, `is ${datatype}`);
  }
  if (!ArrayBuffer.isView(elements)) {
    return JSON.stringify(elements);
  }
  if (kind === "boolean") {
    return `[${Array.from<number | bigint, boolean>(elements, (element) => element === 1).join(",")}]`;
  }
  if (kind === "float") {
    let index = 0;
    for (const element of elements) {
      if (typeof element === "number" && !Number.isFinite(element)) {
        throw notInJson(name, `has ${element} at element ${index}`);
      }
      index++;
    }
  }
  return `[${elements.join(",")}]`;
}

/** `Array.isArray` that does not make the elements `any`. */
function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}

function fillNested(
  data: readonly unknown[],
  shape: readonly number[],
  axis: number,
  offset: number,
  fill: Fill,
  where: string,
): void {
  const [size = 0, ...inner] = shape.slice(axis);
  if (data.length !== size) {
    throw invalidArgument(
      `${where}: expected lists of ${size} at dimension ${axis} of "data" for shape ${formatShape(shape)}, got ${data.length}`,
    );
  }
  if (inner.length === 0) {
    fill(data, offset);
    return;
  }
  const stride = elementCount(inner);
  for (const [index, row] of data.entries()) {
    if (!isList(row)) {
      throw invalidArgument(
        `${where}: expected "data" nested as shape ${formatShape(shape)}, got ${quoted(row)} at dimension ${axis}`,
      );
    }
    fillNested(row, shape, axis + 1, offset + index * stride, fill, where);
  }
}

/** Memory for the elements of a tensor, and how to put a JSON value there. */
interface Store {
  readonly elements: Elements;
  /** Stores the value exactly, or gives false when it is none of the datatype. */
  readonly put: (value: unknown, index: number) => boolean;
}

function allocateStore(format: Format, count: number, where: string): Store {
  switch (format.kind) {
    case "integer": {
      const elements = format.allocate(count);
      const put = (value: unknown, index: number) => {
        if (typeof value !== "number" || !Number.isInteger(value)) {
          return false;
        }
        elements[index] = value;
        return value >= format.minimum && value <= format.maximum;
      };
      return { elements, put };
    }
    case "bigint": {
      const elements = format.allocate(count);
      const put = (value: unknown, index: number) => {
        const exact =
          typeof value === "number" && Number.isSafeInteger(value) ? BigInt(value) : longInteger(value);
        if (exact === undefined || exact < format.minimum || exact > format.maximum) {
          return false;
        }
        elements[index] = exact;
        return true;
      };
      return { elements, put };
    }
    case "float": {
      const elements = format.allocate(count);
      const put = (value: unknown, index: number) => {
        const number = typeof value === "number" ? value : longInteger(value);
        if (number === undefined) {
          return false;
        }
        elements[index] = Number(number);
        return Number.isFinite(elements[index]);
      };
      return { elements, put };
    }
    case "boolean": {
      const elements = format.allocate(count);
      const put = (value: unknown, index: number) => {
        elements[index] = value === true ? 1 : 0;
        return typeof value === "boolean";
      };
      return { elements, put };
    }
    case "text": {
      const elements: string[] = [];
      const put = (value: unknown, index: number) => {
        if (!isText(value)) {
          return false;
        }
        elements.push(checkText(value, index, where));
        return true;
      };
      return { elements, put };
    }
    case "bits":
      throw invalidArgument(`${where}: JSON cannot carry FP16: send it as binary data`);
  }
}

function notInJson(output: string, why: string): ServeError {
  return invalidArgument(
    `output ${quoted(output)} ${why}, which JSON cannot carry: ask for it with "binary_data": true`,
  );
}
