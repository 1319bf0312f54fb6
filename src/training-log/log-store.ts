/**
 * The bucket of a training log, opened with the files that the settings name. They are read when it is opened, not when
 * the program starts: a Secret may come later, or be changed, and the log must go on by itself then.
 */
import { readFile } from "node:fs/promises";
import type { Clock } from "../core/clock.ts";
import { errorCode } from "../sources/error-code.ts";
import { readProxySettings } from "../sources/proxy-settings.ts";
import { DEFAULT_REGION, readS3Credentials, type WorkloadEnvironment } from "../sources/s3-key-files.ts";
import { type PutOutcome, putObject } from "../sources/s3-put.ts";
import { S3Requests } from "../sources/s3-requests.ts";
import type { HttpAccess } from "../sources/source-settings.ts";
import type { BucketSettings } from "./log-settings.ts";

/** Writes one object as a whole, or throws what was wrong. */
export type PutFile = (key: string, bytes: Uint8Array, signal: AbortSignal) => Promise<PutOutcome>;

/** One file is small; a store that takes longer is away. */
const PUT_MILLISECONDS = 60_000;
const MAXIMUM_SETTING_BYTES = 2 ** 20;

/**
 * Opens the bucket.
 *
 * @throws {Error} when a file with keys or authorities is missing, or the proxy or an exception is none; names the
 *   file, never what is in it, nor the proxy, which may hold a secret.
 */
export async function openBucket(
  settings: BucketSettings,
  environment: WorkloadEnvironment,
  clock: Clock,
): Promise<PutFile> {
  const { proxy, authorities, endpoint } = settings;
  const http: HttpAccess = {
    authorities: authorities === undefined ? [] : [await readSetting(authorities, "Required")],
    ...(proxy === undefined ? {} : { proxy: readProxySettings(proxy.url, proxy.exceptions) }),
  };
  const region = settings.region ?? environment.AWS_REGION ?? DEFAULT_REGION;
  const { credentials: folder, tokenFile, roleArn, tokenService } = settings;
  const credentials = await readS3Credentials(
    { folder, tokenFile, roleArn, tokenService },
    { environment, region, http, now: clock.now, session: "petrel-training-log", read: readSetting },
  );
  const requests = new S3Requests(http, {
    ...(endpoint === undefined ? {} : { endpoint }),
    region,
    credentials,
  });
  return (key, bytes, signal) =>
    putObject(
      requests,
      { bucket: settings.name, key, contentType: "application/gzip", bytes },
      PUT_MILLISECONDS,
      clock,
      signal,
    );
}

async function readSetting(path: string, presence: "Required" | "Optional"): Promise<string> {
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    if (errorCode(error) === "ENOENT") return "";
    throw error;
  });
  if (text.length > MAXIMUM_SETTING_BYTES) {
    throw new Error(`expected at most ${MAXIMUM_SETTING_BYTES} bytes in ${path}, got more`);
  }
  if (text.trim() === "" && presence === "Required") throw new Error(`expected text in ${path}, got none`);
  return text.trim();
}
