/**
 * Partitions: a namespace has a fixed number of collectors, and each has the groups of users whose number leaves its own
 * as the remainder. All of a user's requests and labels are so in one place, in every arm.
 *
 * A client knows nothing of this: its post reaches any collector, which keeps its own objects and hands the others on,
 * once, and answers when all are stored. Where another collector is away the whole post is refused, and sent again by
 * the client: what was stored is then a duplicate.
 */
import { isEventResult } from "../api/event-result.ts";
import { errorMessage } from "../core/log.ts";
import { CollectError } from "./collect-error.ts";
import type { FeedbackAnswer } from "./feedback.ts";
import type { SaidFeedback } from "./feedback-body.ts";

/** Which partition this is. */
export interface Partition {
  /** From 0. */
  readonly index: number;
  readonly count: number;
}

/** The partition that has a group. */
export function partitionOf(group: number, count: number): number {
  return group % count;
}

/** Hands objects on to another partition, and gives its answers in the same order. */
export type HandOn = (partition: number, said: readonly SaidFeedback[]) => Promise<readonly FeedbackAnswer[]>;

const TIMEOUT_MILLISECONDS = 5_000;

/**
 * Hands on over HTTP. `urlTemplate` is the internal address of a collector, in which `{partition}` stands for its
 * number; `accessToken` gives what it demands.
 */
export function httpHandOn(urlTemplate: string, accessToken: () => string): HandOn {
  return async (partition, said) => {
    const url = `${urlTemplate.replaceAll("{partition}", String(partition))}/feedback`;
    try {
      const response = await fetch(url, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${accessToken()}` },
        body: JSON.stringify(said.map(asBody)),
        signal: AbortSignal.timeout(TIMEOUT_MILLISECONDS),
        redirect: "error",
      });
      if (!response.ok) throw new Error(`expected status 200, got ${response.status}`);
      return answersOf(await response.json(), said.length);
    } catch (error) {
      throw new CollectError(
        "CannotStore",
        `expected partition ${partition} to take its part: ${errorMessage(error)}`,
        { cause: error },
      );
    }
  };
}

/** An object as a client would have written it. */
function asBody({ token, shown, final, events }: SaidFeedback): unknown {
  return {
    token,
    shown,
    final,
    events: events.map((event) => {
      if ("problem" in event) return null;
      const { label, row, position, at, value, id } = event;
      return {
        label,
        row,
        pos: position,
        value,
        id,
        at: at === undefined ? undefined : new Date(at).toISOString(),
      };
    }),
  };
}

function answersOf(body: unknown, count: number): readonly FeedbackAnswer[] {
  const results: unknown =
    typeof body === "object" && body !== null && "results" in body ? body.results : undefined;
  if (!Array.isArray(results) || results.length !== count) {
    throw new Error(`expected ${count} results`);
  }
  return results.map((result: unknown): FeedbackAnswer => {
    const { events, error }: { events?: unknown; error?: unknown } =
      typeof result === "object" && result !== null ? result : {};
    if (!Array.isArray(events) || !events.every(isEventResult))
      throw new Error("expected the results of events");
    return { events, ...(typeof error === "string" ? { error } : {}) };
  });
}
