/**
 * Models from a PersistentVolumeClaim of the user: `pvc://CLAIM/PATH`. The pod mounts the claim read-only for
 * `fetch` alone, which copies what it verifies: whoever can write to the claim cannot change what is served.
 *
 * It must never leave the claim, neither by dots nor by links.
 */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { pathBelow } from "./directory-files.ts";
import { locatePath, openPath } from "./file.ts";
import { type ModelSource, SourceError } from "./model-source.ts";
import { decodedPath } from "./model-uri.ts";

/** Source of `pvc:` URIs, from claims that are mounted in `claimsFolder`, each under its name. */
export function claimSource(claimsFolder: string): ModelSource {
  const pathOf = (url: URL) => pathBelow(join(claimsFolder, claimOf(url)), decodedPath(url));
  return {
    async locate({ url }) {
      const location = await locatePath(await pathOf(url));
      if (location.type === "File") return location;
      const files = location.files.map((file) => ({ ...file, url: below(url, file.path) }));
      return { ...location, files };
    },
    open: async (request) => openPath(await pathOf(request.url), request),
  };
}

function claimOf({ host }: URL): string {
  if (/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(host)) return host;
  const expected = "pvc://CLAIM/PATH";
  const message = `the URI names no claim: expected ${expected}, found ${JSON.stringify(host)}`;
  throw new SourceError({ message, expected, found: JSON.stringify(host), terminal: true });
}

/** The URI of a file below a directory's URI. */
function below(url: URL, path: string): URL {
  // The file system's own encoding of a path in a URL: it leaves no character with a meaning.
  return new URL(`${url.protocol}//${url.host}${pathToFileURL(join(decodedPath(url), path)).pathname}`);
}
