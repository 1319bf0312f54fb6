/**
 * In which fields two values differ. Pure.
 */
import { canonicalJson } from "../../api/content-hash.ts";
import { isRecord } from "../../api/json.ts";

/** A field that differs; a side that lacks it is undefined. */
export interface Difference {
  /** `model.uri`. */
  readonly field: string;
  readonly left: unknown;
  readonly right: unknown;
}

/** Every field that differs, to its depth, in the order of names. Lists are compared as a whole. */
export function differences(left: unknown, right: unknown, field = ""): readonly Difference[] {
  if (isRecord(left) && isRecord(right)) {
    const names = [...new Set([...Object.keys(left), ...Object.keys(right)])].toSorted();
    return names.flatMap((name) =>
      differences(left[name], right[name], field === "" ? name : `${field}.${name}`),
    );
  }
  return canonicalJson(left) === canonicalJson(right) ? [] : [{ field, left, right }];
}

/** A side as text; `-` where there is nothing. */
export function sideText(value: unknown): string {
  if (value === undefined) return "-";
  return typeof value === "string" ? value : canonicalJson(value);
}
