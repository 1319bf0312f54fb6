/**
 * One fetch, from what lies at the target to a verified model there: keep, or download, verify and show.
 *
 * It must never show a model whose digest it has not computed itself.
 */
import { formatDuration } from "../api/duration.ts";
import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/log.ts";
import { SourceError } from "../sources/model-source.ts";
import { parseModelUri } from "../sources/model-uri.ts";
import { sourceFor } from "../sources/register.ts";
import { type Digest, isDigest } from "./digest.ts";
import { DEFAULT_PATIENCE, download, type SourcePatience } from "./download.ts";
import { asFetchFailure, FetchFailure } from "./failure.ts";
import { discardTarget, inspectTarget, removeLeftovers, StagedModel } from "./model-directory.ts";
import { progressLogger } from "./progress.ts";

/** What to fetch, and the bounds. */
export interface FetchRequest {
  readonly uri: string;
  /** `sha256:HEX` of the model file. */
  readonly digest: string;
  /** The directory to make; its parent exists and is on the volume. */
  readonly target: string;
  readonly maxBytes: number;
  /** For everything, the verification of an existing target included. */
  readonly timeoutMilliseconds: number;
}

/** What a fetch gets from the process it runs in. */
export interface FetchEnvironment {
  readonly clock: Clock;
  /** A number of [0, 1). */
  readonly random: () => number;
  readonly logger: Logger;
  /** Aborted when the process is asked to end. */
  readonly signal: AbortSignal;
  /** How long a source may be silent; {@link DEFAULT_PATIENCE} unless set. */
  readonly patience?: SourcePatience;
}

/** How a successful fetch ended: the model was there already, or is now. */
export interface FetchResult {
  readonly type: "Kept" | "Downloaded";
  readonly sizeBytes: number;
}

/**
 * Makes the model appear at the target.
 *
 * @throws FetchFailure when a check fails; the target is then absent, or somebody else's and untouched.
 * @throws the reason of `environment.signal` when that ended it.
 */
export async function fetchModel(request: FetchRequest, environment: FetchEnvironment): Promise<FetchResult> {
  const { clock } = environment;
  const { timeoutMilliseconds } = request;
  const timeout = new AbortController();
  const cancelTimeout = clock.schedule(timeoutMilliseconds, () => timeout.abort());
  const signal = AbortSignal.any([environment.signal, timeout.signal]);
  try {
    return await fetchUntilAborted(request, { ...environment, signal });
  } catch (error) {
    environment.signal.throwIfAborted();
    if (timeout.signal.aborted) throw timedOut(timeoutMilliseconds, error);
    throw asFetchFailure(error);
  } finally {
    cancelTimeout();
  }
}

async function fetchUntilAborted(request: FetchRequest, environment: FetchEnvironment): Promise<FetchResult> {
  const { clock, logger, signal } = environment;
  const { maxBytes, target } = request;
  const digest = parseDigest(request.digest);
  const uri = parseModelUri(request.uri);
  const source = sourceFor(uri);

  const leftovers = await removeLeftovers(target);
  if (leftovers.length > 0) logger.info("removed what an earlier attempt left", { "file.name": leftovers });
  const state = await inspectTarget(target, digest, signal);
  if (state.type === "Verified") return { type: "Kept", sizeBytes: state.sizeBytes };
  if (state.type === "Foreign") throw foreignTarget(target, state.found);
  if (state.type === "Unverified") {
    logger.warn("the target does not verify and is replaced", { expected: digest, found: state.found });
    await discardTarget(target);
  }

  await using staged = await StagedModel.create(target);
  await download({
    ...environment,
    source,
    uri,
    sink: staged,
    maxBytes,
    patience: environment.patience ?? DEFAULT_PATIENCE,
    onProgress: progressLogger(clock, logger),
  });
  const found = staged.finishDigest();
  if (found !== digest) throw wrongDigest(uri.display, digest, found, staged.sizeBytes);
  signal.throwIfAborted();
  await staged.publish();
  return { type: "Downloaded", sizeBytes: staged.sizeBytes };
}

function parseDigest(text: string): Digest {
  if (isDigest(text)) return text;
  const expected = "sha256: and 64 lower-case hexadecimal digits";
  const found = JSON.stringify(text.slice(0, 100));
  const message = `the digest is not valid: expected ${expected}, found ${found}`;
  throw new FetchFailure({ check: "Digest", message, expected, found, terminal: true });
}

function wrongDigest(display: string, expected: Digest, found: Digest, sizeBytes: number): FetchFailure {
  return new FetchFailure({
    check: "Digest",
    message: `the model at ${display} has the wrong digest: expected ${expected}, found ${found} (${sizeBytes} bytes)`,
    expected,
    found,
    terminal: true,
  });
}

function foreignTarget(target: string, found: string): FetchFailure {
  const expected = "a model directory or nothing";
  return new FetchFailure({
    check: "Write",
    message: `${target} is not of petrel fetch and is not touched: expected ${expected}, found ${found}`,
    expected,
    found,
    terminal: true,
  });
}

function timedOut(timeoutMilliseconds: number, cause: unknown): FetchFailure {
  const limit = formatDuration(timeoutMilliseconds);
  const found = cause instanceof SourceError ? cause.found : "no verified model";
  return new FetchFailure({
    check: "Timeout",
    message: `the fetch took too long: expected at most ${limit}, found ${found}`,
    expected: `at most ${limit}`,
    found,
    terminal: false,
    cause,
  });
}
