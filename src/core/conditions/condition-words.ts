/**
 * How a condition is written: its message, its time, and since when it holds.
 */
import type { Condition } from "../../api/conditions.ts";
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

/** Of what conditions are told, and when. */
export interface ReportedObject {
  readonly generation: number;
  readonly nowMilliseconds: number;
  /** Those that stood before. */
  readonly conditions?: readonly Condition[] | undefined;
}

/** A condition as it is reported: its transition time moves only when its `status` does. */
export function reportedCondition(
  { generation, nowMilliseconds, conditions = [] }: ReportedObject,
  said: Pick<Condition, "type" | "status" | "reason" | "message">,
): Condition {
  const before = conditions.find(({ type }) => type === said.type);
  return {
    ...said,
    message: reportedMessage(said.message),
    observedGeneration: generation,
    lastTransitionTime:
      before?.status === said.status ? before.lastTransitionTime : reportedTime(nowMilliseconds),
  };
}
