/**
 * Reading of JSON whose shape nobody has checked: each accessor gives the value if it has the type, and
 * undefined otherwise. For objects of other APIs, whose fields may be absent or new; our own kinds are checked
 * against their schema as a whole.
 */

/** A JSON object of unknown content. */
export type JsonRecord = Readonly<Record<string, unknown>>;

/** The value as an object, if it is one. */
export function asRecord(value: unknown): JsonRecord | undefined {
  return isRecord(value) ? value : undefined;
}

/** The value as a list; an empty one if it is none. */
export function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** The value as a string, if it is one. */
export function asString(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

/** The value as a finite number, if it is one. */
export function asNumber(value: unknown): number | undefined {
  return typeof value === "number" && Number.isFinite(value) ? value : undefined;
}

/** The value that stands at a path of field names, or undefined. */
export function valueAt(value: unknown, ...path: readonly string[]): unknown {
  let current: unknown = value;
  for (const field of path) current = asRecord(current)?.[field];
  return current;
}

/** The text as JSON, or undefined when it is none. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Whether the value is an object, and neither null nor a list. */
export function isRecord(value: unknown): value is JsonRecord {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
