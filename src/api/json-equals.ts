/**
 * Equality of JSON values, without a text of either: to make one costs several times as much.
 */
import { isRecord, type JsonRecord } from "./json.ts";

/** Whether two JSON values are equal, whatever the order of their fields. An absent field is as one that is undefined. */
export function jsonEquals(left: unknown, right: unknown): boolean {
  if (left === right) return true;
  if (Array.isArray(left) && Array.isArray(right)) {
    return left.length === right.length && left.every((item, index) => jsonEquals(item, right[index]));
  }
  if (!isRecord(left) || !isRecord(right)) return false;
  return hasFieldsOf(left, right) && hasFieldsOf(right, left) && haveEqualFields(left, right);
}

/** Asked for own fields alone: a label may be called `__proto__`. */
function hasFieldsOf(record: JsonRecord, other: JsonRecord): boolean {
  for (const name in other) {
    if (other[name] !== undefined && !Object.hasOwn(record, name)) return false;
  }
  return true;
}

function haveEqualFields(left: JsonRecord, right: JsonRecord): boolean {
  for (const name in left) {
    if (left[name] !== undefined && !jsonEquals(left[name], right[name])) return false;
  }
  return true;
}
