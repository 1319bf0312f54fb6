/**
 * Where labels lie: a file, standard input, or an address that sources of models read: of a web server or a bucket.
 *
 * A stream that breaks ends the import; what was answered until then is kept, and the next one goes on there.
 */
import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { addAbortSignal } from "node:stream";
import { errorMessage } from "../../core/log.ts";
import { errorCode } from "../../sources/error-code.ts";
import { parseModelUri } from "../../sources/model-uri.ts";
import { sourceFor } from "../../sources/register.ts";
import { fixedCredentials } from "../../sources/s3-credentials.ts";
import type { S3Credentials } from "../../sources/source-settings.ts";
import { CommandError, EXIT } from "../exit-code.ts";

/** How stores are reached. */
export interface FeedbackSourceOptions {
  /** Certificate authorities in PEM form that are trusted besides the well-known ones. */
  readonly authorities: readonly string[];
  readonly s3Endpoint?: string;
  readonly s3Region?: string;
  /** Folder with the files `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and perhaps `AWS_SESSION_TOKEN`. */
  readonly s3Credentials?: string;
}

const SCHEMES: readonly string[] = ["file", "http", "https", "s3"];
/** Region of stores that have none. */
const DEFAULT_REGION = "us-east-1";

/**
 * The bytes of the labels.
 *
 * @throws {SourceError} when they cannot be read; {CommandError} for an address or keys that are none.
 */
export async function* feedbackBytes(
  location: string,
  options: FeedbackSourceOptions,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  if (location === "-") yield* addAbortSignal(signal, process.stdin);
  else if (/^[A-Za-z][A-Za-z0-9+.-]*:\/\//.test(location)) yield* bytesAt(location, options, signal);
  else yield* createReadStream(location, { signal });
}

async function* bytesAt(
  location: string,
  options: FeedbackSourceOptions,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const uri = parseModelUri(location);
  if (!SCHEMES.includes(uri.scheme)) {
    throw new CommandError(
      EXIT.usage,
      `expected one of the schemes ${SCHEMES.join(", ")}, got ${uri.scheme}`,
    );
  }
  const { authorities, s3Endpoint, s3Region: region = DEFAULT_REGION, s3Credentials: folder } = options;
  const keys = folder === undefined ? undefined : await keysIn(folder);
  const source = sourceFor(uri, {
    http: { authorities },
    s3: {
      ...(s3Endpoint === undefined ? {} : { endpoint: s3Endpoint }),
      region,
      credentials: fixedCredentials(keys),
    },
    claimsFolder: "",
    imageFolder: "",
  });
  const done = new AbortController();
  try {
    const { body } = await source.open({ url: uri.url, signal: AbortSignal.any([signal, done.signal]) });
    yield* body;
  } finally {
    done.abort();
  }
}

async function keysIn(folder: string): Promise<S3Credentials> {
  const [accessKeyId = "", secretAccessKey = "", sessionToken = ""] = await Promise.all(
    ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"].map(async (name, at) => {
      try {
        return (await readFile(join(folder, name), "utf8")).trim();
      } catch (error) {
        if (at === 2 && errorCode(error) === "ENOENT") return "";
        throw new CommandError(EXIT.usage, `cannot read ${name} in ${folder}: ${errorMessage(error)}`);
      }
    }),
  );
  return { accessKeyId, secretAccessKey, ...(sessionToken === "" ? {} : { sessionToken }) };
}
