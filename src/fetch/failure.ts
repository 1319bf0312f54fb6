/**
 * Why a fetch failed, in the terms that the operator shows in a condition: which check, what it expected
 * and what it found.
 */
import { SourceError } from "../sources/model-source.ts";

/** The checks a fetch can fail. Part of the termination message, so a wire format. */
export type FetchCheck =
  /** The model could not be opened or read completely. */
  | "Source"
  /** The model is larger than allowed. */
  | "Size"
  /** The whole fetch took longer than allowed. */
  | "Timeout"
  /** The bytes are not those of the digest, or the digest is not one. */
  | "Digest"
  /** No key that is trusted has signed these bytes, or there is no signature. */
  | "Signature"
  /** The archive is none, or holds what no model may hold. */
  | "Archive"
  /** A Secret or ConfigMap that the spec names is not there, or holds something else. */
  | "Settings"
  /** The model could not be written to the volume. */
  | "Write";

/** The parts of a {@link FetchFailure}. None holds a secret. */
export interface FetchFailureInit {
  readonly check: FetchCheck;
  readonly message: string;
  readonly expected: string;
  readonly found: string;
  /** True when the same command cannot succeed later without a change by a person. */
  readonly terminal: boolean;
  readonly cause?: unknown;
}

/** A fetch failed one of its checks; nothing is visible at the target. */
export class FetchFailure extends Error {
  override readonly name = "FetchFailure";
  readonly check: FetchCheck;
  readonly expected: string;
  readonly found: string;
  readonly terminal: boolean;

  constructor(init: FetchFailureInit) {
    super(init.message, { cause: init.cause });
    this.check = init.check;
    this.expected = init.expected;
    this.found = init.found;
    this.terminal = init.terminal;
  }
}

/** A source's error as a failure of a check. Anything else is returned as it is. */
export function asFetchFailure(error: unknown, check: FetchCheck = "Source"): unknown {
  if (!(error instanceof SourceError)) return error;
  const { message, expected, found, terminal } = error;
  return new FetchFailure({ check, message, expected, found, terminal, cause: error });
}
