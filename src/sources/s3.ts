/**
 * Models in an S3 store, Amazon's or any other: `s3://BUCKET/KEY` of one object, or `s3://BUCKET/PREFIX` of a
 * directory of objects. Requests are signed (Signature Version 4); `If-Match` holds a download to one version of
 * an object.
 *
 * Signing is aws4fetch's, small and without dependencies; the rest is three kinds of requests, for which the
 * store's own SDK would be the largest part of the image.
 */
import type { IncomingMessage } from "node:http";
import { AwsV4Signer } from "aws4fetch";
import { bodyOf, HttpClient, textOf } from "./http-client.ts";
import {
  parseContentLength,
  parseContentRange,
  parseRetryAfter,
  statusIsRetryable,
  strongETag,
} from "./http-semantics.ts";
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
import { parseErrorCode, parseObjectPage } from "./s3-answers.ts";
import type { HttpAccess, S3Access } from "./source-settings.ts";

/** A page of a listing has at most 1,000 objects of at most 1,024 characters, each up to three bytes encoded. */
const MAX_LISTING_BYTES = 8 << 20;
/** Longest error that is read for its code. */
const MAX_ERROR_BYTES = 64 << 10;

/** Source of `s3:` URIs. */
export function s3Source(http: HttpAccess, access: S3Access): ModelSource {
  const store = new ObjectStore(new HttpClient(http), access);
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
  readonly #client: HttpClient;
  readonly #access: S3Access;

  constructor(client: HttpClient, access: S3Access) {
    this.#client = client;
    this.#access = access;
  }

  async open({ url, resume, signal }: OpenRequest): Promise<OpenedModel> {
    const { bucket, key } = objectOf(url);
    const shown = `s3://${bucket}/${key}`;
    const headers =
      resume === undefined
        ? undefined
        : { range: `bytes=${resume.offsetBytes}-`, "if-match": resume.validator };
    const response = await this.#send(this.#urlOf(bucket, key), headers, signal);
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
    throw await refusal(response, shown);
  }

  /** Whether there is an object; what is no object may be a prefix. */
  async exists(bucket: string, key: string, signal: AbortSignal): Promise<boolean> {
    // Not a HEAD request, of which a refusal has no words.
    const response = await this.#send(this.#urlOf(bucket, key), { range: "bytes=0-0" }, signal);
    const { statusCode: status = 0 } = response;
    // 416: the object is there and empty.
    const isThere = status === 200 || status === 206 || status === 416;
    if (isThere) {
      response.destroy();
      return true;
    }
    const error = await refusal(response, `s3://${bucket}/${key}`);
    if (status === 404 && error.found.includes("NoSuchKey")) return false;
    throw error;
  }

  /** All objects below a prefix, without the empty ones that stand for folders. */
  async list(bucket: string, prefix: string, signal: AbortSignal): Promise<ModelFile[]> {
    const shown = `s3://${bucket}/${prefix}`;
    const files: ModelFile[] = [];
    for (let continuation: string | undefined; ; ) {
      const url = this.#urlOf(bucket, "");
      url.search = new URLSearchParams({
        "list-type": "2",
        "encoding-type": "url",
        prefix,
        ...(continuation === undefined ? {} : { "continuation-token": continuation }),
      })
        .toString()
        // Signatures are over %20; the store would take a + for one.
        .replaceAll("+", "%20");
      const response = await this.#send(url, {}, signal);
      if (response.statusCode !== 200) throw await refusal(response, shown);
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

  #urlOf(bucket: string, key: string): URL {
    const { endpoint, region } = this.#access;
    if (endpoint !== undefined) return new URL(`${endpoint.replace(/\/+$/, "")}/${bucket}/${encodeKey(key)}`);
    // A certificate of *.s3.REGION.amazonaws.com does not cover a bucket with a dot.
    const host = `s3.${region}.amazonaws.com`;
    return bucket.includes(".")
      ? new URL(`https://${host}/${bucket}/${encodeKey(key)}`)
      : new URL(`https://${bucket}.${host}/${encodeKey(key)}`);
  }

  async #send(
    url: URL,
    headers: Record<string, string> | undefined,
    signal: AbortSignal,
  ): Promise<IncomingMessage> {
    const credentials = await this.#access.credentials(signal);
    const common = { "accept-encoding": "identity", "user-agent": "petrel-fetch", ...headers };
    if (credentials === undefined) {
      return await this.#client.send({ method: "GET", url, headers: common, signal });
    }
    const signer = new AwsV4Signer({
      url: url.href,
      headers: { "x-amz-content-sha256": "UNSIGNED-PAYLOAD" },
      accessKeyId: credentials.accessKeyId,
      secretAccessKey: credentials.secretAccessKey,
      ...(credentials.sessionToken === undefined ? {} : { sessionToken: credentials.sessionToken }),
      service: "s3",
      region: this.#access.region,
    });
    const signed = await signer.sign();
    const signedHeaders = Object.fromEntries([...signed.headers]);
    return await this.#client.send({ method: "GET", url, headers: { ...common, ...signedHeaders }, signal });
  }
}

/** A key in a path: encoded part by part, as Signature Version 4 writes it. */
function encodeKey(key: string): string {
  const strict = (text: string) =>
    encodeURIComponent(text).replace(
      /[!'()*]/g,
      (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
    );
  return key.split("/").map(strict).join("/");
}

/** The store's own code (`NoSuchKey`, `AccessDenied`) says more than the status. */
async function refusal(response: IncomingMessage, shown: string): Promise<SourceError> {
  const { statusCode: status = 0, headers } = response;
  const code = await textOf(response, shown, MAX_ERROR_BYTES).then(parseErrorCode, () => undefined);
  const region = headers["x-amz-bucket-region"];
  const elsewhere = code === "PermanentRedirect" || code === "AuthorizationHeaderMalformed";
  const found = [
    `HTTP ${status}`,
    ...(code === undefined ? [] : [code]),
    ...(elsewhere && typeof region === "string" ? [`(the bucket is in region ${region})`] : []),
  ].join(" ");
  return new SourceError({
    message: `GET ${shown} answered ${found}`,
    expected: "HTTP 200 OK",
    found,
    terminal: !statusIsRetryable(status),
    retryAfterMilliseconds: parseRetryAfter(headers["retry-after"], headers.date),
  });
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
