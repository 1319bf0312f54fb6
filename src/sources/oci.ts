/**
 * Models in an image: `oci://REGISTRY/REPOSITORY@sha256:HEX`. The kubelet pulls the image, so authorities, proxy
 * and size limits are the node's, and mounts it read-only for `fetch` and for the server alike. So it is never
 * copied: what `fetch` verifies is what the server reads.
 */
import { pathToFileURL } from "node:url";
import { listDirectory, pathBelow } from "./directory-files.ts";
import { openPath } from "./file.ts";
import { type ModelSource, SourceError } from "./model-source.ts";
import { decodedPath } from "./model-uri.ts";

/** Repository, digest, and the path of a file in the image. */
const PINNED_IMAGE = /^(\/[^@]+@sha256:[0-9a-f]{64})(\/.*)?$/;

/** Source of `oci:` URIs, from an image that is mounted at `imageFolder`. */
export function imageSource(imageFolder: string): ModelSource {
  return {
    async locate({ url }) {
      const { image } = partsOf(url);
      const urlOf = (path: string) =>
        new URL(`oci://${url.host}${image}${pathToFileURL(`/${path}`).pathname}`);
      return { type: "Mounted", files: await listDirectory(imageFolder, imageFolder, urlOf) };
    },
    open: async (request) => openPath(await pathBelow(imageFolder, partsOf(request.url).path), request),
  };
}

function partsOf(url: URL): { image: string; path: string } {
  const match = PINNED_IMAGE.exec(decodedPath(url));
  const [, image, path = "/"] = match ?? [];
  if (image !== undefined && url.host !== "") return { image, path };
  const expected = "oci://REGISTRY/REPOSITORY@sha256:HEX";
  const found = `${url.protocol}//${url.host}${url.pathname}`;
  const message = `the image must be pinned by its digest: expected ${expected}, found ${found}`;
  throw new SourceError({ message, expected, found, terminal: true });
}
