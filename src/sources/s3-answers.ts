/**
 * The few answers of S3 stores that are read: pages of a listing, temporary keys, codes of errors. Pure.
 *
 * They are small and flat XML. Keys come percent-encoded (`encoding-type=url`), so no text holds markup, and an
 * answer in which something is missing is refused as a whole.
 */
import { SourceError } from "./model-source.ts";
import type { S3Credentials } from "./source-settings.ts";

/** One page of `ListObjectsV2`. */
export interface ObjectPage {
  readonly objects: readonly { readonly key: string; readonly sizeBytes: number }[];
  /** Asks for the next page; absent on the last one. */
  readonly nextToken: string | undefined;
}

/**
 * Reads a page of a listing that was asked for with `encoding-type=url`.
 *
 * @throws SourceError when it is not one.
 */
export function parseObjectPage(xml: string): ObjectPage {
  if (!xml.includes("<ListBucketResult")) throw unexpected("a ListBucketResult");
  const objects = [...xml.matchAll(/<Contents>(.*?)<\/Contents>/gs)].map(([, entry = ""]) => {
    const key = textOf(entry, "Key");
    const size = textOf(entry, "Size");
    if (key === undefined || size === undefined || !/^\d{1,15}$/.test(size)) throw unexpected("Key and Size");
    return { key: decodedKey(key), sizeBytes: Number(size) };
  });
  const nextToken = textOf(xml, "NextContinuationToken");
  if (textOf(xml, "IsTruncated") !== "true") return { objects, nextToken: undefined };
  if (nextToken === undefined || nextToken === "") throw unexpected("a NextContinuationToken");
  return { objects, nextToken };
}

/**
 * Reads the answer to `AssumeRoleWithWebIdentity`.
 *
 * @throws SourceError when it holds no keys.
 */
export function parseTemporaryKeys(xml: string): S3Credentials {
  const [accessKeyId, secretAccessKey, sessionToken, expiration] = [
    "AccessKeyId",
    "SecretAccessKey",
    "SessionToken",
    "Expiration",
  ].map((name) => textOf(xml, name));
  const expiresAtMilliseconds = Date.parse(expiration ?? "");
  if (!accessKeyId || !secretAccessKey || !sessionToken || Number.isNaN(expiresAtMilliseconds)) {
    throw unexpected("AccessKeyId, SecretAccessKey, SessionToken and Expiration");
  }
  return { accessKeyId, secretAccessKey, sessionToken, expiresAtMilliseconds };
}

/** The code of an error answer, such as `NoSuchKey`; undefined when there is none. */
export function parseErrorCode(xml: string): string | undefined {
  return /<Code>([A-Za-z0-9.]{1,64})<\/Code>/.exec(xml)?.[1];
}

/** Text of the first element of a name. */
function textOf(xml: string, name: string): string | undefined {
  const text = new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1];
  return text?.replace(/&(amp|lt|gt|quot|apos|#34|#39);/g, (entity) => ENTITIES[entity] ?? entity);
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&amp;": "&",
  "&lt;": "<",
  "&gt;": ">",
  "&quot;": '"',
  "&apos;": "'",
  "&#34;": '"',
  "&#39;": "'",
};

/** Encoded as in a form: a space is a plus. */
function decodedKey(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll("+", "%20"));
  } catch {
    throw unexpected("percent-encoded keys");
  }
}

function unexpected(expected: string): SourceError {
  const found = "an answer without";
  const message = `the S3 store's answer is not understood: expected ${expected}, found ${found}`;
  return new SourceError({ message, expected, found, terminal: true });
}
