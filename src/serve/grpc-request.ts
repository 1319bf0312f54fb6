/**
 * Reads the small requests of gRPC.
 */
import { errorMessage } from "../core/log.ts";
import { decodeMessage } from "./grpc-messages.ts";
import { invalidArgument, quoted } from "./serve-error.ts";

/**
 * Reads a message.
 *
 * @throws {ServeError} InvalidArgument.
 */
export function readMessage(
  name: Parameters<typeof decodeMessage>[0],
  bytes: Buffer,
): Readonly<Record<string, unknown>> {
  try {
    return decodeMessage(name, bytes);
  } catch (error) {
    throw invalidArgument(`expected a ${name}, but cannot parse it: ${quoted(errorMessage(error))}`);
  }
}

/** Reads which model, and which version of it, is asked for; as {@link readMessage}. */
export function readModelRequest(
  messageName: Parameters<typeof decodeMessage>[0],
  bytes: Buffer,
): { readonly name: string; readonly version: string } {
  const { name, version } = readMessage(messageName, bytes);
  return { name: text(name), version: text(version) };
}

/** A field that should be a text; empty when it is none. */
export function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}
