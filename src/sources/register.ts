/**
 * The register of model sources: URI scheme to source. A new source is one file, one line here and one
 * row in the conformance test. A scheme that is not here is refused, never guessed.
 */
import { fileSource } from "./file.ts";
import { httpSource } from "./http.ts";
import { type ModelSource, SourceError } from "./model-source.ts";
import type { ModelUri } from "./model-uri.ts";
import { imageSource } from "./oci.ts";
import { claimSource } from "./pvc.ts";
import { s3Source } from "./s3.ts";
import type { SourceSettings } from "./source-settings.ts";

/** How the source of each scheme is made. */
export const MODEL_SOURCES: ReadonlyMap<string, (settings: SourceSettings) => ModelSource> = new Map([
  ["file", () => fileSource],
  ["http", ({ http }: SourceSettings) => httpSource(http)],
  ["https", ({ http }: SourceSettings) => httpSource(http)],
  ["oci", ({ imageFolder }: SourceSettings) => imageSource(imageFolder)],
  ["pvc", ({ claimsFolder }: SourceSettings) => claimSource(claimsFolder)],
  ["s3", ({ http, s3 }: SourceSettings) => s3Source(http, s3)],
]);

/**
 * The source for a URI.
 *
 * @throws SourceError (terminal) when its scheme is not registered.
 */
export function sourceFor(uri: ModelUri, settings: SourceSettings): ModelSource {
  const make = MODEL_SOURCES.get(uri.scheme);
  if (make !== undefined) return make(settings);
  const expected = `one of the schemes ${[...MODEL_SOURCES.keys()].join(", ")}`;
  throw new SourceError({
    message: `no source for ${uri.display}: expected ${expected}, found ${uri.scheme}`,
    expected,
    found: uri.scheme,
    terminal: true,
  });
}
