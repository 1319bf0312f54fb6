/**
 * How a condition writes its message and its time.
 */
import { truncateUtf8 } from "../short-text.ts";

/** Longest message that is reported, in bytes of UTF-8: of a condition, and of a pool. */
const MAXIMUM_MESSAGE_BYTES = 1024;

/** A message as it is reported; the rest of a longer one is cut off. */
export function reportedMessage(message: string): string {
  return truncateUtf8(message, MAXIMUM_MESSAGE_BYTES);
}

/** A time in milliseconds since the Unix epoch as `metav1.Time` has it, in whole seconds. */
export function reportedTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace(/\.\d+Z$/, "Z");
}
