/**
 * The register of model sources: URI scheme to source. A new source is one file, one line here and one
 * row in the conformance test. A scheme that is not here is refused, never guessed.
 */
import { fileSource } from "./file.ts";
import { httpSource } from "./http.ts";
import { type ModelSource, SourceError } from "./model-source.ts";
import type { ModelUri } from "./model-uri.ts";

/** All sources by the scheme of their URIs. */
export const MODEL_SOURCES: ReadonlyMap<string, ModelSource> = new Map([
  ["file", fileSource],
  ["http", httpSource],
  ["https", httpSource],
]);

/**
 * The source for a URI.
 *
 * @throws SourceError (terminal) when its scheme is not registered.
 */
export function sourceFor(uri: ModelUri): ModelSource {
  const source = MODEL_SOURCES.get(uri.scheme);
  if (source !== undefined) return source;
  const expected = `one of the schemes ${[...MODEL_SOURCES.keys()].join(", ")}`;
  throw new SourceError({
    message: `no source for ${uri.display}: expected ${expected}, found ${uri.scheme}`,
    expected,
    found: uri.scheme,
    terminal: true,
  });
}
