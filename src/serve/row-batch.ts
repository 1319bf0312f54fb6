/**
 * Several requests as one run of the model: their rows one after another, and the outputs cut apart again.
 *
 * Only for models whose rows do not depend on each other, which {@link checkIndependentRows} proves at load.
 * Requests whose rows differ in anything but their number are never joined.
 */
import { type Datatype, type Elements, FORMATS } from "./datatype.ts";
import type { Run } from "./executor.ts";
import type { ModelSignature, TensorSignature } from "./model-signature.ts";
import { elementCount, type Tensor } from "./tensor.ts";

/** How requests are joined. */
export interface Batching {
  /** Most rows that requests are joined to. A request of more runs alone. */
  readonly maximumRows: number;
  /** Longest time that a request waits for others while the model is busy and the batch is not full. */
  readonly maximumDelayMilliseconds: number;
}

/** An input or output that has no first dimension of any size, so that its rows cannot be joined. */
export function tensorWithoutRows({ inputs, outputs }: ModelSignature): TensorSignature | undefined {
  return [...inputs, ...outputs].find(({ shape }) => typeof shape[0] !== "string");
}

/** Rows of a request: the first dimension of all its inputs, or undefined when they do not agree. */
export function rowCount({ inputs }: Pick<Run, "inputs">): number | undefined {
  const rows = inputs[0]?.shape[0];
  return inputs.every(({ shape }) => shape[0] === rows) ? rows : undefined;
}

/** Whether the rows of two requests can be in one run: same inputs, same shape of a row, same outputs. */
export function fitTogether(a: Pick<Run, "inputs" | "outputs">, b: Pick<Run, "inputs" | "outputs">): boolean {
  return (
    a.inputs.length === b.inputs.length &&
    a.inputs.every((input, index) => {
      const other = b.inputs[index];
      return other !== undefined && input.name === other.name && sameRow(input.shape, other.shape);
    }) &&
    (a.outputs === b.outputs ||
      (a.outputs.length === b.outputs.length && a.outputs.every((name, index) => name === b.outputs[index])))
  );
}

/** The inputs of several requests that {@link fitTogether}, row after row. */
export function joinRows(requests: readonly (readonly Tensor[])[]): Tensor[] {
  const [first = []] = requests;
  return first.map(({ name, datatype, shape }, index) => {
    const parts = requests.flatMap((inputs) => inputs[index] ?? []);
    const rows = parts.reduce((sum, part) => sum + (part.shape[0] ?? 0), 0);
    const elements = joinElements(
      datatype,
      parts.map((part) => part.elements),
    );
    return { name, datatype, shape: [rows, ...shape.slice(1)], elements };
  });
}

/**
 * The outputs of each request, of `rows[i]` rows each.
 *
 * @throws {Error} when an output has not as many rows as went in.
 */
export function splitRows(outputs: readonly Tensor[], rows: readonly number[]): Tensor[][] {
  const total = rows.reduce((sum, count) => sum + count, 0);
  for (const { name, shape } of outputs) {
    if (shape[0] !== total) {
      throw new Error(
        `output ${JSON.stringify(name)}: expected ${total} rows as went in, got ${shape[0] ?? "none"}`,
      );
    }
  }
  let start = 0;
  return rows.map((count) => {
    const from = start;
    start += count;
    return outputs.map(({ name, datatype, shape, elements }) => {
      const perRow = elementCount(shape.slice(1));
      return {
        name,
        datatype,
        shape: [count, ...shape.slice(1)],
        elements: part(elements, from * perRow, start * perRow),
      };
    });
  });
}

function sameRow(a: readonly number[], b: readonly number[]): boolean {
  if (a.length !== b.length) {
    return false;
  }
  for (let axis = 1; axis < a.length; axis++) {
    if (a[axis] !== b[axis]) {
      return false;
    }
  }
  return true;
}

function joinElements(datatype: Datatype, parts: readonly Elements[]): Elements {
  const format = FORMATS[datatype];
  if (format.kind === "text") {
    return parts.flatMap((texts) => (ArrayBuffer.isView(texts) ? [] : texts));
  }
  const elements = format.allocate(parts.reduce((sum, one) => sum + one.length, 0));
  const bytes = new Uint8Array(elements.buffer);
  let offset = 0;
  for (const one of parts) {
    if (ArrayBuffer.isView(one)) {
      bytes.set(new Uint8Array(one.buffer, one.byteOffset, one.byteLength), offset);
      offset += one.byteLength;
    }
  }
  return elements;
}

function part(elements: Elements, start: number, end: number): Elements {
  return ArrayBuffer.isView(elements) ? elements.subarray(start, end) : elements.slice(start, end);
}
