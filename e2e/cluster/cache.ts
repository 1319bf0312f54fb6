/**
 * The folder that outlives a run: built tools, images, and the state of clusters.
 *
 * An entry is made in a folder next to its place and renamed into it, under a lock: it is there whole or not
 * at all, and two runs never build the same thing twice. Never inside the repository.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { withLock } from "./lock.ts";

/** `$PETREL_CACHE`, or `~/.cache/petrel`. */
export function cacheFolder(): string {
  const chosen = process.env["PETREL_CACHE"];
  return chosen === undefined || chosen === "" ? join(homedir(), ".cache/petrel") : resolve(chosen);
}

/** The file to lock for a name. */
export function lockFile(name: string): string {
  return join(cacheFolder(), "locks", `${name}.lock`);
}

/** A short hash over parts whose borders count: `["ab", "c"]` and `["a", "bc"]` differ. */
export function hashOf(parts: readonly (string | Buffer)[]): string {
  const hash = createHash("sha256");
  for (const part of parts) {
    hash.update(`${Buffer.byteLength(part)}:`);
    hash.update(part);
  }
  return hash.digest("hex").slice(0, 12);
}

/**
 * The folder of an entry, made by `make` in a folder given to it unless it is there.
 * When `make` fails, nothing of it counts as made.
 */
export async function cached(
  kind: string,
  key: string,
  make: (folder: string) => Promise<void>,
): Promise<string> {
  const place = join(cacheFolder(), kind, key);
  if (existsSync(place)) return place;
  return withLock(lockFile(`${kind}-${key}`), async () => {
    if (existsSync(place)) return place;
    const draft = `${place}.draft`;
    rmSync(draft, { recursive: true, force: true });
    mkdirSync(draft, { recursive: true });
    try {
      await make(draft);
      renameSync(draft, place);
    } finally {
      rmSync(draft, { recursive: true, force: true });
    }
    return place;
  });
}
