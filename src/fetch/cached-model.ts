/**
 * The cache as a fetch uses it: a model from it is brought and verified like one from any source, and trouble
 * with it is told and gone around, never a failure.
 */
import { pathToFileURL } from "node:url";
import { errorMessage, type Logger } from "../core/log.ts";
import { fileSource } from "../sources/file.ts";
import { type Bringing, type BroughtModel, bringModel } from "./bring-model.ts";
import type { Digest } from "./digest.ts";
import { FetchFailure } from "./failure.ts";
import type { CacheableFile, ModelCache } from "./model-cache.ts";
import { StagedModel } from "./model-directory.ts";

/** A model from the cache, staged and verified against its digest. */
export interface CachedModel {
  readonly staged: StagedModel;
  readonly brought: BroughtModel;
}

/**
 * Brings a model from the cache; undefined when it is not there, not what its name says, or cannot be taken.
 *
 * Only an entry that is read and is another model is dropped: it is everybody's, and what one pod cannot do with it
 * says nothing about the entry. Nor does an entry that is too large say anything about the model: its bytes are not
 * verified yet.
 */
export async function bringFromCache(
  cache: ModelCache,
  digest: Digest,
  target: string,
  bringing: Bringing,
): Promise<CachedModel | undefined> {
  const { logger, signal } = bringing;
  const path = await cache.find(digest);
  if (path === undefined) return undefined;
  const staged = await StagedModel.create(target);
  const outcome = await bringEntry(path, staged, bringing);
  if (outcome.brought?.digest === digest) return { staged, brought: outcome.brought };
  await staged[Symbol.asyncDispose]();
  signal.throwIfAborted();
  if (outcome.brought === undefined && !isNoModel(outcome.error)) {
    logger.warn("what the cache holds cannot be taken, and is gone around", { error: outcome.error });
    return undefined;
  }
  const found = outcome.brought === undefined ? errorMessage(outcome.error) : outcome.brought.digest;
  logger.warn("what the cache holds does not verify and is dropped", { expected: digest, found });
  await quietly(logger, () => cache.drop(digest));
  return undefined;
}

async function bringEntry(
  path: string,
  staged: StagedModel,
  bringing: Bringing,
): Promise<{ readonly brought: BroughtModel } | { readonly brought?: undefined; readonly error: unknown }> {
  try {
    return { brought: await bringModel(pathToFileURL(path), fileSource, staged, bringing) };
  } catch (error) {
    return { error };
  }
}

/** Whether it was read, and has not the shape of a model. */
function isNoModel(error: unknown): boolean {
  return error instanceof FetchFailure && error.check === "Source";
}

/**
 * Keeps a verified model in the cache, as it came from its source. Its time is that of the fetch; what is not done by
 * then is given up.
 */
export async function keepInCache(
  cache: ModelCache,
  digest: Digest,
  files: readonly CacheableFile[],
  { logger, signal }: Pick<Bringing, "logger" | "signal">,
): Promise<void> {
  await quietly(logger, async () => {
    const removed = await cache.clean();
    if (removed > 0)
      logger.info("removed what killed writers left in the cache", { "petrel.cache.drafts": removed });
    const isNew = await cache.keep(digest, files, signal);
    logger.info(isNew ? "the model is kept in the cache" : "the cache has the model already", {
      "petrel.model.digest": digest,
    });
  });
}

async function quietly(logger: Logger, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    logger.warn("the cache cannot be written; the model is not kept", { error });
  }
}
