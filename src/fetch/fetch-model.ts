/**
 * One fetch, from what lies at the target to a verified model there: keep, or bring, verify, unpack and show.
 *
 * It must never show a model of which it has not computed the digest itself, nor one whose signature, where one
 * is asked for, it has not verified itself.
 */
import type { KeyObject } from "node:crypto";
import { existsSync } from "node:fs";
import { formatDuration } from "../api/duration.ts";
import type { ArchiveFormat } from "../api/model-source.ts";
import { SourceError } from "../sources/model-source.ts";
import { type ModelUri, parseModelUri } from "../sources/model-uri.ts";
import { sourceFor } from "../sources/register.ts";
import type { SourceSettings } from "../sources/source-settings.ts";
import { type Bringing, type BroughtModel, bringModel, filesOf } from "./bring-model.ts";
import { bringFromCache, keepInCache } from "./cached-model.ts";
import { type Digest, isDigest } from "./digest.ts";
import { DEFAULT_PATIENCE, type SourcePatience } from "./download.ts";
import { asFetchFailure, FetchFailure } from "./failure.ts";
import { ModelCache } from "./model-cache.ts";
import { discardTarget, inspectTarget, removeLeftovers, StagedModel } from "./model-directory.ts";
import type { RetryEnvironment } from "./retrying.ts";
import { unpackArchive } from "./unpack-archive.ts";
import { bringSignature, readKeys, type Verification, verifyBytes, verifyFiles } from "./verify-signature.ts";

/** What to fetch, and the bounds. */
export interface FetchRequest {
  readonly uri: string;
  /** `sha256:HEX` of the file, or of the directory's manifest; undefined only where the URI itself is pinned. */
  readonly digest: string | undefined;
  /** Format of the archive that the model is packed in; undefined when it is none. */
  readonly archive?: ArchiveFormat | undefined;
  /** The signature that is asked for; undefined for none. */
  readonly verification?: Verification | undefined;
  /** The directory to make; its parent exists and is on the volume. */
  readonly target: string;
  /** Volume of a cache; undefined for none. */
  readonly cacheFolder?: string | undefined;
  readonly maxBytes: number;
  /** For everything, the verification of an existing target included. */
  readonly timeoutMilliseconds: number;
}

/** What a fetch gets from the process it runs in. */
export interface FetchEnvironment extends RetryEnvironment {
  readonly settings: SourceSettings;
  /** How long a source may be silent; {@link DEFAULT_PATIENCE} unless set. */
  readonly patience?: SourcePatience;
}

/** How a successful fetch ended. */
export interface FetchResult {
  /** It was there already, is now there from the source or the cache, or is mounted where it was verified. */
  readonly type: "Kept" | "Downloaded" | "Cached" | "Mounted";
  readonly sizeBytes: number;
  readonly digest: Digest;
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

/** Sources from which a copy is worth keeping: the others are on this machine, or on a claim of the user's. */
const CACHED_SCHEMES: ReadonlySet<string> = new Set(["http", "https", "s3"]);

async function fetchUntilAborted(request: FetchRequest, environment: FetchEnvironment): Promise<FetchResult> {
  const { logger, patience = DEFAULT_PATIENCE, settings, signal } = environment;
  const { archive, cacheFolder, maxBytes, target, verification } = request;
  const uri = parseModelUri(request.uri);
  const bringing: Bringing = { ...environment, patience, maxBytes, archive };
  // First of all, so that a key that is missing costs no download.
  const keys = verification === undefined ? [] : await readKeys(verification);
  if (uri.scheme === "oci") return await verifyMounted(uri, keys, request, bringing, settings);
  const digest = parseDigest(request.digest);
  const source = sourceFor(uri, settings);

  const leftovers = await removeLeftovers(target);
  if (leftovers.length > 0) logger.info("removed what an earlier attempt left", { "file.name": leftovers });
  // Of an archive nothing is left by which its digest could be seen; a signature is asked for anew.
  const isVerifiable = archive === undefined && verification === undefined;
  const state = await inspectTarget(target, isVerifiable ? digest : undefined, signal);
  if (state.type === "Verified") return { type: "Kept", sizeBytes: state.sizeBytes, digest };
  if (state.type === "Foreign") throw foreignTarget(target, state.found);
  if (state.type === "Unverified") {
    logger.warn("the target does not verify and is replaced", { expected: digest, found: state.found });
    await discardTarget(target);
  }

  const isCached = cacheFolder !== undefined && CACHED_SCHEMES.has(uri.scheme);
  const cache = isCached ? new ModelCache(cacheFolder) : undefined;
  const cached = cache === undefined ? undefined : await bringFromCache(cache, digest, target, bringing);
  await using staged = cached?.staged ?? (await StagedModel.create(target));
  const brought = cached?.brought ?? (await bringModel(uri.url, source, staged, bringing));
  if (brought.digest !== digest) throw wrongDigest(uri.display, digest, brought);
  await verifyAndUnpack(uri, keys, brought, staged, request, bringing, settings);
  signal.throwIfAborted();
  await staged.publish();
  if (cache !== undefined && cached === undefined) {
    const files = filesOf(brought).map(({ path, from }) => ({ path, from: staged.shownPath(from) }));
    await keepInCache(cache, digest, files, { logger, signal });
  }
  return { type: cached === undefined ? "Downloaded" : "Cached", sizeBytes: brought.sizeBytes, digest };
}

/** A detached signature is of the bytes as they came, so it is verified before anything of them is parsed. */
async function verifyAndUnpack(
  uri: ModelUri,
  keys: readonly KeyObject[],
  brought: BroughtModel,
  staged: StagedModel,
  { archive, maxBytes, verification }: FetchRequest,
  bringing: Bringing,
  settings: SourceSettings,
): Promise<void> {
  const sourceOf = (other: ModelUri) => sourceFor(other, settings);
  const signature =
    verification === undefined
      ? undefined
      : await bringSignature(verification, uri, brought.type, sourceOf, bringing);
  if (verification?.type === "DetachedSignature" && signature !== undefined) {
    await verifyBytes(keys, signature, brought);
  }
  const unpacked =
    archive === undefined || brought.type !== "File"
      ? undefined
      : await unpackArchive({
          archive: brought.path,
          archiveBytes: brought.sizeBytes,
          format: archive,
          staged,
          maxBytes,
          signal: bringing.signal,
        });
  if (verification?.type === "ModelSigning" && signature !== undefined) {
    const whole = brought.type === "File" ? brought : brought.files;
    verifyFiles(keys, signature, unpacked?.files ?? whole);
  }
}

/** A model in a mounted image stays where it is: the server sees it only because this container has succeeded. */
async function verifyMounted(
  uri: ModelUri,
  keys: readonly KeyObject[],
  { archive, digest: asked, verification }: FetchRequest,
  bringing: Bringing,
  settings: SourceSettings,
): Promise<FetchResult> {
  if (archive !== undefined) throw packedImage(archive);
  if (!existsSync(settings.imageFolder)) throw unmountedImage(uri.display);
  const mounted = { mountedAt: settings.imageFolder };
  const brought = await bringModel(uri.url, sourceFor(uri, settings), mounted, bringing);
  const digest = asked === undefined ? brought.digest : parseDigest(asked);
  if (brought.digest !== digest) throw wrongDigest(uri.display, digest, brought);
  if (verification !== undefined && brought.type === "Directory") {
    const sourceOf = (other: ModelUri) => sourceFor(other, settings);
    const signature = await bringSignature(verification, uri, brought.type, sourceOf, bringing);
    if (verification.type === "DetachedSignature") await verifyBytes(keys, signature, brought);
    else verifyFiles(keys, signature, brought.files);
  }
  return { type: "Mounted", sizeBytes: brought.sizeBytes, digest };
}

function parseDigest(text: string | undefined): Digest {
  if (text !== undefined && isDigest(text)) return text;
  const expected = "sha256: and 64 lower-case hexadecimal digits";
  const found = text === undefined ? "none" : JSON.stringify(text.slice(0, 100));
  const message = `the digest is not valid: expected ${expected}, found ${found}`;
  throw new FetchFailure({ check: "Digest", message, expected, found, terminal: true });
}

function wrongDigest(
  display: string,
  expected: Digest,
  { digest, sizeBytes, type }: BroughtModel,
): FetchFailure {
  const of = type === "File" ? "" : " of its manifest";
  return new FetchFailure({
    check: "Digest",
    message: `the model at ${display} has the wrong digest${of}: expected ${expected}, found ${digest} (${sizeBytes} bytes)`,
    expected,
    found: digest,
    terminal: true,
  });
}

function packedImage(archive: ArchiveFormat): FetchFailure {
  const expected = "a model in the image as files";
  const message = `an image is not unpacked: expected ${expected}, found archive ${archive}`;
  return new FetchFailure({
    check: "Archive",
    message,
    expected,
    found: `archive ${archive}`,
    terminal: true,
  });
}

/** An API server that does not know volumes of images leaves them out of pods without a word. */
function unmountedImage(display: string): FetchFailure {
  const expected = "a cluster that mounts images: Kubernetes 1.35 or later, or the feature gate ImageVolume";
  const message = `the model at ${display} is not mounted: expected ${expected}, found no volume`;
  return new FetchFailure({ check: "Source", message, expected, found: "no volume", terminal: true });
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
