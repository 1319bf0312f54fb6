/**
 * What is kept of a watch between two looks: numbers and lists of numbers by name, so that it can be stored as JSON.
 *
 * Whoever reads it must never trust it: what is missing, or of another kind, is as if it had never been there, and then the
 * watch learns that part anew.
 */

/** `null` in a list stands for a number that is not known. */
export type Memory = Readonly<Record<string, number | readonly (number | null)[]>>;

/** The numbers of a list; none where there is no such list. */
export function listOf(memory: Memory, name: string): readonly number[] {
  return optionalListOf(memory, name).filter((entry) => entry !== null);
}

/** A list in which numbers may be missing. */
export function optionalListOf(memory: Memory, name: string): readonly (number | null)[] {
  const value = memory[name];
  return typeof value === "object" ? value : [];
}

/** A number, or what it is where it is missing. */
export function numberOf(memory: Memory, name: string, missing: number): number {
  const value = memory[name];
  return typeof value === "number" ? value : missing;
}

function memoryOf(value: unknown): Memory {
  if (typeof value !== "object" || value === null) return {};
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, entry]): [string, number | readonly (number | null)[]][] => {
      if (isNumber(entry)) return [[name, entry]];
      return Array.isArray(entry) && entry.every((one) => one === null || isNumber(one))
        ? [[name, entry]]
        : [];
    }),
  );
}

/** What JSON gave as memories by name. */
export function memoriesOf(value: unknown): Readonly<Record<string, Memory>> {
  if (typeof value !== "object" || value === null) return {};
  return Object.fromEntries(Object.entries(value).map(([name, memory]) => [name, memoryOf(memory)]));
}

function isNumber(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value);
}
