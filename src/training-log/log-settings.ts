/**
 * What a training log keeps and where, as the part of a file of settings that the operator renders:
 *
 *     {"folder": "/var/lib/petrel/training-log", "sample": "1%", "bytesPerMinute": 4194304,
 *      "bucket": {"name": "training", "prefix": "ranker", "endpoint": "https://store.example"}}
 *
 * Secrets stand in it by the paths of their files only.
 */
import { parseDurationMilliseconds } from "../api/duration.ts";
import {
  booleanOf,
  listOf,
  membersOf,
  SettingsError,
  shown,
  textOf,
  wholeNumberOf,
} from "../tap/settings-checks.ts";

/** Where closed files go, and how the store is reached. */
export interface BucketSettings {
  readonly name: string;
  /** Before every key, without a slash at its end; empty for none. */
  readonly prefix: string;
  /** `https://HOST[:PORT]` of a store that is not Amazon's. */
  readonly endpoint: string | undefined;
  readonly region: string | undefined;
  /** Folder with the keys of a Secret. */
  readonly credentials: string | undefined;
  /** File with the token of the pod's identity. */
  readonly tokenFile: string | undefined;
  readonly roleArn: string | undefined;
  readonly tokenService: string | undefined;
  /** File with authorities in PEM form. */
  readonly authorities: string | undefined;
  readonly proxy: { readonly url: string; readonly exceptions: readonly string[] } | undefined;
}

/** A training log. */
export interface TrainingLogSettings {
  readonly folder: string;
  /** Share of the requests, from 0 to 1. */
  readonly sample: number;
  /** Of lines; infinite for no bound. */
  readonly bytesPerMinute: number;
  /** Requests without a prediction token are left out: no label can come for them. */
  readonly onlyWithToken: boolean;
  /** Of lines that wait for the disk. */
  readonly maximumWaitingBytes: number;
  readonly maximumFileBytes: number;
  /** Of all files in the folder; beyond it, lines are dropped until files were taken away. */
  readonly maximumFolderBytes: number;
  /** A file is closed, so that others may take it, when it is as old as this. */
  readonly fileMilliseconds: number;
  /** Undefined where somebody else takes the closed files. */
  readonly bucket: BucketSettings | undefined;
}

const MEBIBYTE = 2 ** 20;
/** A file is in memory as a whole while it is packed. */
const LARGEST_UPLOADED_BYTES = 16 * MEBIBYTE;
const MAXIMUM_EXCEPTIONS = 64;
/** As long as a spec may make it: a role, or the path of a file that is named after a Secret and its key. */
const LONGEST_TEXT = 2_048;

/**
 * Reads it.
 *
 * @throws {SettingsError}
 */
export function parseTrainingLog(value: unknown, place: string): TrainingLogSettings {
  const given = membersOf(value, place, [
    "folder",
    "sample",
    "bytesPerMinute",
    "onlyWithToken",
    "maximumWaitingBytes",
    "maximumFileBytes",
    "maximumFolderBytes",
    "fileAge",
    "bucket",
  ]);
  const bytes = (name: string, otherwise: number, maximum: number) =>
    wholeNumberOf(given[name] ?? otherwise, `${place}.${name}`, 2 ** 16, maximum);
  const bucket = given["bucket"] === undefined ? undefined : bucketOf(given["bucket"], `${place}.bucket`);
  const [usualFile, largestFile] =
    bucket === undefined ? [64 * MEBIBYTE, 2 ** 32] : [4 * MEBIBYTE, LARGEST_UPLOADED_BYTES];
  return {
    folder: textOf(given["folder"], `${place}.folder`),
    sample: shareOf(given["sample"] ?? "100%", `${place}.sample`),
    bytesPerMinute:
      given["bytesPerMinute"] === undefined
        ? Number.POSITIVE_INFINITY
        : wholeNumberOf(given["bytesPerMinute"], `${place}.bytesPerMinute`, 1, 2 ** 44),
    onlyWithToken: booleanOf(given["onlyWithToken"] ?? false, `${place}.onlyWithToken`),
    maximumWaitingBytes: bytes("maximumWaitingBytes", 8 * MEBIBYTE, 64 * MEBIBYTE),
    maximumFileBytes: bytes("maximumFileBytes", usualFile, largestFile),
    maximumFolderBytes: bytes("maximumFolderBytes", 2 ** 30, 2 ** 44),
    fileMilliseconds: durationOf(given["fileAge"] ?? "5m", `${place}.fileAge`, "1s", "24h"),
    bucket,
  };
}

/** A duration within bounds, in milliseconds. */
export function durationOf(value: unknown, place: string, shortest: string, longest: string): number {
  let milliseconds = Number.NaN;
  try {
    milliseconds = typeof value === "string" ? parseDurationMilliseconds(value) : Number.NaN;
  } catch {
    // The message below says what is expected.
  }
  if (
    milliseconds >= parseDurationMilliseconds(shortest) &&
    milliseconds <= parseDurationMilliseconds(longest)
  ) {
    return milliseconds;
  }
  throw new SettingsError(
    `expected ${place} to be a duration from ${shortest} to ${longest}, got ${shown(value)}`,
  );
}

function bucketOf(value: unknown, place: string): BucketSettings {
  const given = membersOf(value, place, [
    "name",
    "prefix",
    "endpoint",
    "region",
    "credentials",
    "tokenFile",
    "roleArn",
    "tokenService",
    "authorities",
    "proxy",
  ]);
  const text = (name: string) =>
    given[name] === undefined ? undefined : textOf(given[name], `${place}.${name}`, LONGEST_TEXT);
  return {
    name: textOf(given["name"], `${place}.name`),
    prefix: text("prefix") ?? "",
    endpoint: text("endpoint"),
    region: text("region"),
    credentials: text("credentials"),
    tokenFile: text("tokenFile"),
    roleArn: text("roleArn"),
    tokenService: text("tokenService"),
    authorities: text("authorities"),
    proxy: given["proxy"] === undefined ? undefined : proxyOf(given["proxy"], `${place}.proxy`),
  };
}

function proxyOf(value: unknown, place: string): NonNullable<BucketSettings["proxy"]> {
  const given = membersOf(value, place, ["url", "exceptions"]);
  const exceptions = listOf(given["exceptions"] ?? [], `${place}.exceptions`, MAXIMUM_EXCEPTIONS);
  return {
    url: textOf(given["url"], `${place}.url`),
    exceptions: exceptions.map((one, index) => textOf(one, `${place}.exceptions[${index}]`)),
  };
}

function shareOf(value: unknown, place: string): number {
  const [, digits] = (typeof value === "string" ? /^(\d{1,3}(?:\.\d{1,4})?)%$/.exec(value) : undefined) ?? [];
  const share = digits === undefined ? Number.NaN : Number(digits) / 100;
  if (share >= 0 && share <= 1) return share;
  throw new SettingsError(`expected ${place} to be a share such as "1%", got ${shown(value)}`);
}
