/**
 * A reference for drift out of a file that a training log wrote: of each request the row that was drawn.
 *
 * So the reference of the next weeks is the log of a week in which all was well, and no tool is needed in between.
 */
import { readFileSync, statSync } from "node:fs";
import { type ReferenceDistribution, referenceOf } from "../stats/reference-distribution.ts";
import { SettingsError, shown } from "../tap/settings-checks.ts";

const MAXIMUM_BYTES = 256 * 2 ** 20;
/** More say nothing more; the first ones are taken. */
const MAXIMUM_REQUESTS = 100_000;

/**
 * References of the named columns; undefined for one that no line has.
 *
 * @throws {SettingsError} when a line is none, or a column has too few values.
 */
export function readReferences(
  path: string,
  columns: readonly string[],
): readonly (ReferenceDistribution | undefined)[] {
  const { size } = statSync(path);
  if (size > MAXIMUM_BYTES) {
    throw new SettingsError(`${path}: expected a file of at most ${MAXIMUM_BYTES} bytes, got ${size}`);
  }
  const samples = columns.map((): (number | undefined)[] => []);
  const lines = readFileSync(path, "utf8").split("\n", MAXIMUM_REQUESTS);
  for (const [index, line] of lines.entries()) {
    if (line.trim() === "") continue;
    const { drawn, values } = requestOf(line, `${path}: line ${index + 1}`);
    for (const [column, name] of columns.entries()) {
      const ofColumn = Object.hasOwn(values, name) ? values[name] : undefined;
      if (!Array.isArray(ofColumn)) continue;
      const value: unknown = ofColumn[drawn];
      // An infinite value is text there; it is in no bin.
      if (typeof value !== "string") samples[column]?.push(typeof value === "number" ? value : undefined);
    }
  }
  return samples.map((sample, column) => {
    if (sample.length === 0) return undefined;
    try {
      return referenceOf(sample);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new SettingsError(`${path}: column ${columns[column]}: ${reason}`);
    }
  });
}

function requestOf(line: string, place: string) {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw new SettingsError(`${place}: expected JSON as a training log has it`);
  }
  const { drawn, values }: { drawn?: unknown; values?: unknown } =
    typeof value === "object" && value !== null ? value : {};
  if (typeof drawn !== "number" || typeof values !== "object" || values === null) {
    throw new SettingsError(`${place}: expected "drawn" and "values", got ${shown(value)}`);
  }
  const named: Readonly<Record<string, unknown>> = { ...values };
  return { drawn, values: named };
}
