/**
 * Models in an S3 store, Amazon's or any other: `s3://BUCKET/KEY` of one object, or `s3://BUCKET/PREFIX` of a
 * directory of objects. `If-Match` holds a download to one version of an object.
 */
import { bodyOf, HttpClient, textOf } from "./http-client.ts";
import { parseContentLength, parseContentRange, strongETag } from "./http-semantics.ts";
import {
  MAX_MODEL_FILES,
  type ModelFile,
  type ModelSource,
  type OpenedModel,
  type OpenRequest,
  SourceError,
  tooManyFiles,
} from "./model-source.ts";
import { decodedPath } from "./model-uri.ts";
import { parseObjectPage } from "./s3-answers.ts";
import { encodeKey, refusal, S3Requests } from "./s3-requests.ts";
import type { HttpAccess, S3Access } from "./source-settings.ts";

/** A page of a listing has at most 1,000 objects of at most 1,024 characters, each up to three bytes encoded. */
const MAX_LISTING_BYTES = 8 << 20;

/** Source of `s3:` URIs. */
export function s3Source(http: HttpAccess, access: S3Access): ModelSource {
  const store = new ObjectStore(new S3Requests(new HttpClient(http), access));
  return {
    async locate({ url, signal }) {
      const { bucket, key } = objectOf(url);
      if (key !== "" && !key.endsWith("/") && (await store.exists(bucket, key, signal)))
        return { type: "File" };
      const prefix = key === "" || key.endsWith("/") ? key : `${key}/`;
      const files = await store.list(bucket, prefix, signal);
      if (files.length === 0) throw nothingThere(`s3://${bucket}/${key}`);
      return { type: "Directory", files };
    },
    open: (request) => store.open(request),
  };
}

function objectOf(url: URL): { bucket: string; key: string } {
  if (url.search !== "" || url.hash !== "") {
    throw invalid("s3://BUCKET/KEY, with ? and # of a key as %3F and %23", "a query or a fragment");
  }
  if (url.host === "") throw invalid("s3://BUCKET/KEY", "no bucket");
  return { bucket: url.host, key: decodedPath(url).slice(1) };
}

/** Requests to one store. */
class ObjectStore {
  readonly #requests: S3Requests;

  constructor(requests: S3Requests) {
    this.#requests = requests;
  }

  async open({ url, resume, signal }: OpenRequest): Promise<OpenedModel> {
    const { bucket, key } = objectOf(url);
    const shown = `s3://${bucket}/${key}`;
    const headers =
      resume === undefined
        ? undefined
        : { range: `bytes=${resume.offsetBytes}-`, "if-match": resume.validator };
    const response = await this.#requests.get(this.#requests.urlOf(bucket, key), headers, signal);
    const { statusCode: status = 0, headers: answer } = response;
    const validator = strongETag(answer.etag);
    if (status === 200) {
      const totalBytes = parseContentLength(answer["content-length"]);
      return { body: bodyOf(response, shown), offsetBytes: 0, totalBytes, validator };
    }
    if (resume !== undefined && status === 206) {
      const range = parseContentRange(answer["content-range"]);
      if (range?.firstByte === resume.offsetBytes && validator === resume.validator) {
        const { firstByte: offsetBytes, totalBytes } = range;
        return { body: bodyOf(response, shown), offsetBytes, totalBytes, validator };
      }
    }
    if (resume !== undefined && (status === 206 || status === 412 || status === 416)) {
      response.destroy();
      // Another version of the object by now: only a fresh start is safe.
      return await this.open({ url, signal });
    }
    throw await refusal("GET", response, shown);
  }

  /** Whether there is an object; what is no object may be a prefix. */
  async exists(bucket: string, key: string, signal: AbortSignal): Promise<boolean> {
    // Not a HEAD request, of which a refusal has no words.
    const response = await this.#requests.get(
      this.#requests.urlOf(bucket, key),
      { range: "bytes=0-0" },
      signal,
    );
    const { statusCode: status = 0 } = response;
    // 416: the object is there and empty.
    const isThere = status === 200 || status === 206 || status === 416;
    if (isThere) {
      response.destroy();
      return true;
    }
    const error = await refusal("GET", response, `s3://${bucket}/${key}`);
    if (status === 404 && error.found.includes("NoSuchKey")) return false;
    throw error;
  }

  /** All objects below a prefix, without the empty ones that stand for folders. */
  async list(bucket: string, prefix: string, signal: AbortSignal): Promise<ModelFile[]> {
    const shown = `s3://${bucket}/${prefix}`;
    const files: ModelFile[] = [];
    for (let continuation: string | undefined; ; ) {
      const url = this.#requests.urlOf(bucket, "");
      url.search = new URLSearchParams({
        "list-type": "2",
        "encoding-type": "url",
        prefix,
        ...(continuation === undefined ? {} : { "continuation-token": continuation }),
      })
        .toString()
        // Signatures are over %20; the store would take a + for one.
        .replaceAll("+", "%20");
      const response = await this.#requests.get(url, {}, signal);
      if (response.statusCode !== 200) throw await refusal("GET", response, shown);
      const page = parseObjectPage(await textOf(response, shown, MAX_LISTING_BYTES));
      for (const { key, sizeBytes } of page.objects) {
        const path = key.slice(prefix.length);
        if (!key.startsWith(prefix)) throw invalid(`keys below ${prefix}`, key);
        if (path === "" || (path.endsWith("/") && sizeBytes === 0)) continue;
        if (files.length === MAX_MODEL_FILES) throw tooManyFiles(shown);
        files.push({ path, url: new URL(`s3://${bucket}/${encodeKey(key)}`), sizeBytes });
      }
      if (page.nextToken === undefined) return files;
      continuation = page.nextToken;
    }
  }
}

function nothingThere(shown: string): SourceError {
  const expected = "an object, or objects below this prefix";
  const message = `${shown}: expected ${expected}, found none`;
  return new SourceError({ message, expected, found: "none", terminal: true });
}

function invalid(expected: string, found: string): SourceError {
  const message = `the S3 URI is not valid: expected ${expected}, found ${found}`;
  return new SourceError({ message, expected, found, terminal: true });
}
