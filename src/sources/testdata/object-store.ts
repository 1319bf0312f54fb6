/**
 * As much of an S3 store as sources use, on a loopback port: one bucket `bucket`, another one `forbidden`. It looks
 * at the form of signatures and not at their value; a real store in another tier of tests does that.
 */
import { createHash } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { fixedCredentials } from "../s3-credentials.ts";
import type { S3Access } from "../source-settings.ts";
import { startModelServer } from "./model-server.ts";

/** A running store. */
export interface ObjectStoreFixture extends AsyncDisposable {
  readonly access: S3Access;
  readonly requests: readonly IncomingMessage[];
  put(key: string, bytes: Uint8Array): void;
}

/** Keys per page of a listing: few, so that tests need not make many. */
const PAGE = 2;

/** Starts a store with these objects in `bucket`; over TLS when a key and certificate are given. */
export async function startObjectStore(
  initial: ReadonlyMap<string, Uint8Array>,
  tls?: { readonly key: string; readonly cert: string },
): Promise<ObjectStoreFixture> {
  const objects = new Map(initial);
  const server = await startModelServer((request, response) => {
    const url = new URL(request.url ?? "", "http://store");
    const [, bucket, ...parts] = url.pathname.split("/");
    const key = decodeURIComponent(parts.join("/"));
    if (!/^AWS4-HMAC-SHA256 Credential=key\//.test(request.headers.authorization ?? "")) {
      refuse(response, 403, "AccessDenied");
    } else if (bucket === "forbidden") refuse(response, 403, "AccessDenied");
    else if (bucket !== "bucket") refuse(response, 404, "NoSuchBucket");
    else if (key === "") list(objects, url.searchParams, response);
    else give(objects.get(key), request, response);
  }, tls);
  const credentials = fixedCredentials({ accessKeyId: "key", secretAccessKey: "5ecret" });
  return {
    access: { endpoint: new URL(server.url).origin, region: "us-east-1", credentials },
    requests: server.requests,
    put: (key, bytes) => objects.set(key, bytes),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

function refuse(response: ServerResponse, status: number, code: string): void {
  response.writeHead(status, { "content-type": "application/xml" });
  response.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>no</Message></Error>`);
}

function give(bytes: Uint8Array | undefined, request: IncomingMessage, response: ServerResponse): void {
  if (bytes === undefined) {
    refuse(response, 404, "NoSuchKey");
    return;
  }
  const etag = etagOf(bytes);
  const condition = request.headers["if-match"];
  if (condition !== undefined && condition !== etag) {
    refuse(response, 412, "PreconditionFailed");
    return;
  }
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "");
  const first = Number(range?.[1] ?? 0);
  const last = range?.[2] ? Number(range[2]) : bytes.byteLength - 1;
  const body = bytes.subarray(first, last + 1);
  if (range !== null) response.setHeader("content-range", `bytes ${first}-${last}/${bytes.byteLength}`);
  response.writeHead(range === null ? 200 : 206, { etag, "content-length": body.byteLength }).end(body);
}

const etags = new WeakMap<Uint8Array, string>();

/** As Amazon's: the MD5 of the bytes. */
function etagOf(bytes: Uint8Array): string {
  const etag = etags.get(bytes) ?? `"${createHash("md5").update(bytes).digest("hex")}"`;
  etags.set(bytes, etag);
  return etag;
}

function list(
  objects: ReadonlyMap<string, Uint8Array>,
  query: URLSearchParams,
  response: ServerResponse,
): void {
  const prefix = query.get("prefix") ?? "";
  const keys = [...objects.keys()].filter((key) => key.startsWith(prefix)).sort();
  const start = Number(query.get("continuation-token") ?? 0);
  const page = keys.slice(start, start + PAGE);
  const isTruncated = start + PAGE < keys.length;
  const contents = page.map((key) => {
    const encoded = encodeURIComponent(key).replaceAll("%2F", "/").replaceAll("%20", "+");
    return `<Contents><Key>${encoded}</Key><Size>${objects.get(key)?.byteLength}</Size></Contents>`;
  });
  const next = isTruncated ? `<NextContinuationToken>${start + PAGE}</NextContinuationToken>` : "";
  response.writeHead(200, { "content-type": "application/xml" });
  response.end(
    `<?xml version="1.0"?><ListBucketResult><IsTruncated>${isTruncated}</IsTruncated>${contents.join("")}${next}</ListBucketResult>`,
  );
}
