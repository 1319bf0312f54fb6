/**
 * Reads the body of a request into memory, never beyond its bound and never without it being counted.
 */
import type { IncomingMessage } from "node:http";
import type { Clock } from "../core/clock.ts";
import { BoundedBody } from "../process/bounded-body.ts";
import type { Ticket } from "./admission.ts";
import { ServeError } from "./serve-error.ts";

/** How long the rest of a refused body is read and thrown away, so that the client can read the answer. */
const LINGER_MILLISECONDS = 1_000;

/**
 * Reads a body of which `declaredBytes` are counted already.
 *
 * @throws {ServeError} TooLarge, Overloaded, or RequestTimeout when it ends early.
 */
export function readBody(
  request: IncomingMessage,
  declaredBytes: number,
  maximumBytes: number,
  ticket: Ticket,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const body = new BoundedBody(maximumBytes, tooLarge);
    const fail = (error: unknown) => {
      request.removeAllListeners("data");
      reject(error);
    };
    request.on("data", (chunk: Buffer) => {
      try {
        body.add(chunk);
        // A body without a declared length is counted as it comes.
        const uncountedBytes = body.sizeBytes - declaredBytes;
        if (uncountedBytes > 0) ticket.grow(Math.min(chunk.length, uncountedBytes));
      } catch (error) {
        fail(error);
      }
    });
    request.on("end", () => resolve(body.whole()));
    request.on("close", () => {
      if (!request.complete) {
        reject(endedEarly());
      }
    });
    request.on("error", (error) => fail(endedEarly(error)));
  });
}

/** Reads on for a moment without keeping anything: closing at once would take the answer from the client. */
export function discardBody(request: IncomingMessage, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    const cancel = clock.schedule(LINGER_MILLISECONDS, resolve);
    const done = () => {
      cancel();
      resolve();
    };
    request.once("end", done);
    request.once("close", done);
    request.once("error", done);
    request.resume();
  });
}

/** The body is larger than the server takes. */
export function tooLarge(maximumBytes: number): ServeError {
  return new ServeError("TooLarge", `expected a body of at most ${maximumBytes} bytes`);
}

function endedEarly(cause?: unknown): ServeError {
  return new ServeError("RequestTimeout", "the body ended early", { cause });
}
