/**
 * What a call does to an object on its way to the server: a copy without undefined fields. Parts that come from the
 * store are frozen and never change, so they are not copied. What is below the copy's own fields is frozen as well: what
 * is worked out about it (`field-set.ts`) then holds until it is in the store, and there.
 */
import { isRecord, type JsonRecord } from "../../src/api/json.ts";

/** A copy of the fields as it would come over the wire. */
export function asJson(value: JsonRecord): Record<string, unknown> {
  const copy: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(value)) {
    if (field !== undefined) copy[name] = jsonCopy(field);
  }
  return copy;
}

function jsonCopy(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  if (Array.isArray(value)) return Object.freeze(value.map((item: unknown) => jsonCopy(item ?? null)));
  return isRecord(value) ? Object.freeze(asJson(value)) : value;
}
