/**
 * One request on its way: what its headers, inputs and outputs say of it, as they become known.
 *
 * The inputs are looked at before the model runs, for the model takes their memory. Only what the settings name is
 * copied, and only of the first rows and of one row that is drawn from all: the cost of a request has a bound, however
 * large the request is.
 */
import { halfPrecision } from "./half-precision.ts";
import type { ObservedSettings, TensorPlace } from "./observed-settings.ts";
import { emptyEvent, type TapEvent } from "./tap-event.ts";

/** A tensor as far as it is looked at. Half-precision elements are bits; texts count as missing. */
export interface ObservedTensor {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
  readonly elements: ArrayLike<number | bigint | string>;
}

/** An event that is being filled. */
export class Observation {
  readonly event: TapEvent;
  readonly #settings: ObservedSettings;
  readonly #random: () => number;
  /** The row of the request that is drawn. */
  #drawn = 0;

  /** `random` gives numbers from 0 to below 1. */
  constructor(settings: ObservedSettings, random: () => number) {
    this.#settings = settings;
    this.#random = random;
    this.event = emptyEvent(0);
  }

  /** Takes what is observed of the inputs. */
  takeInputs(inputs: readonly ObservedTensor[]): void {
    this.#take(inputs, "input");
    const { featureTime } = this.#settings;
    if (featureTime === undefined || "header" in featureTime || this.event.describedRows === 0) return;
    const tensor = inputs.find(({ name }) => name === featureTime.tensor);
    if (tensor !== undefined) this.takeFeatureTime(numberAt(tensor, this.#drawn, featureTime.column));
  }

  /** Takes what is observed of the outputs. */
  takeOutputs(outputs: readonly ObservedTensor[]): void {
    this.#take(outputs, "output");
  }

  /** Says when the features were made, in seconds since the Unix epoch. What is no such time is not known. */
  takeFeatureTime(seconds: number): void {
    // An infinite age would stay in the sum of all ages.
    if (!Number.isFinite(seconds) || seconds < 0) return;
    // By clocks that differ, features may be from the future.
    this.event.featureAgeSeconds = Math.max(0, this.event.timeMilliseconds / 1_000 - seconds);
  }

  #take(tensors: readonly ObservedTensor[], from: "input" | "output"): void {
    const { columns } = this.#settings;
    for (let index = 0; index < columns.length; index++) {
      const column = columns[index];
      if (column === undefined || column.from !== from) continue;
      const tensor = tensors.find(({ name }) => name === column.tensor);
      if (tensor === undefined) continue;
      if (this.event.describedRows === 0) this.#describe(rowsOf(tensor));
      this.#copy(tensor, column, index);
    }
  }

  /** Chooses the rows, once it is known how many there are. */
  #describe(rows: number): void {
    const { maximumRows, columns } = this.#settings;
    const { event } = this;
    event.rows = rows;
    event.columns = columns.length;
    this.#drawn = Math.floor(this.#random() * rows);
    const first = Math.min(rows, maximumRows);
    const isAmongFirst = this.#drawn < first;
    event.drawnRow = isAmongFirst ? this.#drawn : first;
    event.describedRows = isAmongFirst || rows === 0 ? first : first + 1;
    event.values = new Float64Array(event.describedRows * columns.length).fill(Number.NaN);
  }

  #copy(tensor: ObservedTensor, { column }: TensorPlace, index: number): void {
    const { values, columns, describedRows, drawnRow } = this.event;
    for (let described = 0; described < describedRows; described++) {
      const row = described === drawnRow ? this.#drawn : described;
      values[described * columns + index] = numberAt(tensor, row, column);
    }
  }
}

/** Rows of a tensor: its first dimension, or one where it has none. */
export function rowsOf({ shape }: ObservedTensor): number {
  return shape[0] ?? 1;
}

/** A number of a row; NaN where there is none. */
export function numberAt(tensor: ObservedTensor, row: number, column: number): number {
  const { elements, datatype } = tensor;
  const rows = rowsOf(tensor);
  const stride = rows === 0 ? 0 : elements.length / rows;
  if (row >= rows || column >= stride) return Number.NaN;
  const element = elements[row * stride + column];
  if (typeof element === "number") return datatype === "FP16" ? halfPrecision(element) : element;
  return typeof element === "bigint" ? Number(element) : Number.NaN;
}
