/**
 * Checks of what a file of settings says. Each names the place, what was expected and what came, so that a person finds
 * the line; an unknown member is an error, for a misspelt one must not be a setting that never works.
 */

/** A file that does not say what it should. */
export class SettingsError extends Error {
  override readonly name = "SettingsError";
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;
const HEADER = /^[a-z0-9][a-z0-9_-]{0,63}$/;
const LONGEST_TEXT = 512;

/** The members of an object that has only `known` ones. */
export function membersOf(
  value: unknown,
  place: string,
  known: readonly string[],
): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new SettingsError(`expected ${place} to be an object, got ${shown(value)}`);
  }
  const unknown = Object.keys(value).find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new SettingsError(`expected ${place} to have only ${known.join(", ")}, got ${shown(unknown)}`);
  }
  return { ...value };
}

/** A list of at most `maximum`. */
export function listOf(value: unknown, place: string, maximum: number): readonly unknown[] {
  if (Array.isArray(value) && value.length <= maximum) return value;
  const got = Array.isArray(value) ? `one of ${value.length}` : shown(value);
  throw new SettingsError(`expected ${place} to be a list of at most ${maximum}, got ${got}`);
}

/** A short name that may stand as the value of a label. */
export function nameOf(value: unknown, place: string): string {
  if (typeof value === "string" && NAME.test(value)) return value;
  throw new SettingsError(
    `expected ${place} to be 1 to 63 letters, digits, '.', '_' or '-', got ${shown(value)}`,
  );
}

/** The name of a header, in small letters. */
export function headerOf(value: unknown, place: string): string {
  if (typeof value === "string" && HEADER.test(value)) return value;
  throw new SettingsError(
    `expected ${place} to be a header such as "x-user-id", in small letters, got ${shown(value)}`,
  );
}

/** A text of at most so many characters, not empty. */
export function textOf(value: unknown, place: string, longest = LONGEST_TEXT): string {
  if (typeof value === "string" && value !== "" && value.length <= longest) return value;
  throw new SettingsError(
    `expected ${place} to be a text of 1 to ${longest} characters, got ${shown(value)}`,
  );
}

/** A number within bounds. */
export function numberOf(value: unknown, place: string, minimum: number, maximum: number): number {
  if (typeof value === "number" && value >= minimum && value <= maximum) return value;
  throw new SettingsError(
    `expected ${place} to be a number from ${minimum} to ${maximum}, got ${shown(value)}`,
  );
}

/** A whole number within bounds. */
export function wholeNumberOf(value: unknown, place: string, minimum: number, maximum: number): number {
  if (Number.isInteger(value)) return numberOf(value, place, minimum, maximum);
  throw new SettingsError(
    `expected ${place} to be a whole number from ${minimum} to ${maximum}, got ${shown(value)}`,
  );
}

/** True or false. */
export function booleanOf(value: unknown, place: string): boolean {
  if (typeof value === "boolean") return value;
  throw new SettingsError(`expected ${place} to be true or false, got ${shown(value)}`);
}

/** Refuses a name that is there twice. */
export function requireDistinct(names: readonly string[], place: string): void {
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new SettingsError(`expected ${place} to differ, got ${twice} twice`);
}

/** A value in a message: short, whatever it is. */
export function shown(value: unknown): string {
  if (typeof value === "string")
    return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}...` : value);
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === "object" && value !== null) return "an object";
  return value === undefined ? "nothing" : String(value);
}
