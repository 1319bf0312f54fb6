/** Names on the command line, as Kubernetes and models have them. */
import { InvalidArgumentError } from "commander";

/** A parser for an option of commander: a name. */
export function parseName(text: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,252}$/.test(text)) return text;
  throw new InvalidArgumentError("Expected 1 to 253 letters, digits, '.', '_' or '-'.");
}
