/**
 * Signed requests to an S3 store, Amazon's or any other (Signature Version 4), for whoever reads or writes objects.
 *
 * Signing is aws4fetch's, small and without dependencies; the rest is a few kinds of requests, for which the
 * store's own SDK would be the largest part of the image. No secret may reach a message.
 */
import type { IncomingMessage } from "node:http";
import { AwsV4Signer } from "aws4fetch";
import { type HttpClient, type HttpRequest, textOf } from "./http-client.ts";
import { parseRetryAfter, statusIsRetryable } from "./http-semantics.ts";
import { SourceError } from "./model-source.ts";
import { parseErrorCode } from "./s3-answers.ts";
import type { S3Access } from "./source-settings.ts";

/** Longest error that is read for its code. */
const MAX_ERROR_BYTES = 64 << 10;

/** Requests to one store. */
export class S3Requests {
  readonly #client: HttpClient;
  readonly #access: S3Access;

  constructor(client: HttpClient, access: S3Access) {
    this.#client = client;
    this.#access = access;
  }

  /** Address of an object, or of the bucket where the key is empty. */
  urlOf(bucket: string, key: string): URL {
    const { endpoint, region } = this.#access;
    if (endpoint !== undefined) return new URL(`${endpoint.replace(/\/+$/, "")}/${bucket}/${encodeKey(key)}`);
    // A certificate of *.s3.REGION.amazonaws.com does not cover a bucket with a dot.
    const host = `s3.${region}.amazonaws.com`;
    return bucket.includes(".")
      ? new URL(`https://${host}/${bucket}/${encodeKey(key)}`)
      : new URL(`https://${bucket}.${host}/${encodeKey(key)}`);
  }

  /** Reads. */
  async get(
    url: URL,
    headers: Readonly<Record<string, string>> | undefined,
    signal: AbortSignal,
  ): Promise<IncomingMessage> {
    const common = { "accept-encoding": "identity", "user-agent": "petrel-fetch", ...headers };
    return await this.#send({ method: "GET", url, headers: common, signal });
  }

  /** Writes an object as a whole: the store shows all of it or nothing. */
  async put(
    url: URL,
    headers: Readonly<Record<string, string>>,
    body: Uint8Array,
    signal: AbortSignal,
  ): Promise<IncomingMessage> {
    return await this.#send({
      method: "PUT",
      url,
      headers: { "user-agent": "petrel", ...headers },
      body,
      signal,
    });
  }

  async #send(request: HttpRequest): Promise<IncomingMessage> {
    const credentials = await this.#access.credentials(request.signal);
    if (credentials === undefined) return await this.#client.send(request);
    const signer = new AwsV4Signer({
      method: request.method,
      url: request.url.href,
      headers: { "x-amz-content-sha256": "UNSIGNED-PAYLOAD" },
      accessKeyId: credentials.accessKeyId,
      secretAccessKey: credentials.secretAccessKey,
      ...(credentials.sessionToken === undefined ? {} : { sessionToken: credentials.sessionToken }),
      service: "s3",
      region: this.#access.region,
    });
    const signed = await signer.sign();
    return await this.#client.send({
      ...request,
      headers: { ...request.headers, ...Object.fromEntries([...signed.headers]) },
    });
  }
}

/** A key in a path: encoded part by part, as Signature Version 4 writes it. */
export function encodeKey(key: string): string {
  const strict = (text: string) =>
    encodeURIComponent(text).replace(
      /[!'()*]/g,
      (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
    );
  return key.split("/").map(strict).join("/");
}

/** The store's own code (`NoSuchKey`, `AccessDenied`) says more than the status. */
export async function refusal(
  method: string,
  response: IncomingMessage,
  shown: string,
): Promise<SourceError> {
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
    message: `${method} ${shown} answered ${found}`,
    expected: "HTTP 200 OK",
    found,
    terminal: !statusIsRetryable(status),
    retryAfterMilliseconds: parseRetryAfter(headers["retry-after"], headers.date),
  });
}
