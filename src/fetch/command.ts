/**
 * `petrel fetch`: the init container that puts a verified model on the pod's volume before the server
 * starts. Options in, exit code out: everything else is in `fetch-model.ts`.
 *
 * A failure is told twice, to people in the log and to the operator in the termination message.
 */
import { Command, InvalidArgumentError, Option } from "commander";
import { parseDurationMilliseconds } from "../api/duration.ts";
import {
  ARCHIVE_FORMATS,
  type ArchiveFormat,
  SIGNATURE_TYPES,
  type SignatureType,
} from "../api/model-source.ts";
import { FETCH_MOUNT, MODEL_VOLUME } from "../api/names.ts";
import { wholeQuantity } from "../api/quantity.ts";
import { systemClock } from "../core/clock.ts";
import { createLogger, type Logger } from "../core/log.ts";
import { durationOption } from "../process/duration-option.ts";
import { FetchFailure } from "./failure.ts";
import { type FetchEnvironment, type FetchRequest, type FetchResult, fetchModel } from "./fetch-model.ts";
import { readSourceSettings, type SourceOptions } from "./source-options.ts";
import { DEFAULT_TERMINATION_LOG, terminationLine, writeTerminationMessage } from "./termination-message.ts";

/** Largest model unless `--max-size` says otherwise. */
export const DEFAULT_MAX_SIZE = "10Gi";
/** Longest fetch unless `--timeout` says otherwise. */
export const DEFAULT_TIMEOUT = "30m";

interface FetchOptions extends SourceOptions {
  readonly uri: string;
  readonly digest?: string;
  readonly archive?: ArchiveFormat;
  readonly verify?: SignatureType;
  readonly publicKey?: string;
  readonly signature?: string;
  readonly target: string;
  readonly cache?: string;
  readonly maxSize: number;
  readonly timeout: number;
  readonly terminationLog: string;
}

/** The verb `fetch`. Sets `process.exitCode`: 0 when the verified model is in its place, 1 otherwise. */
export function fetchCommand(): Command {
  const model = new Command("fetch")
    .description(
      "bring a model, verify its digest and signature, and show it to the model server, complete or not at all",
    )
    .requiredOption("--uri <uri>", "where the model is: file, pvc, http, https, s3 or oci")
    .option("--digest <digest>", "what the model must be: sha256:HEX; required but for oci")
    .addOption(new Option("--archive <format>", "the file is an archive to unpack").choices(ARCHIVE_FORMATS))
    .addOption(new Option("--verify <type>", "a signature that must verify").choices(SIGNATURE_TYPES))
    .option("--public-key <file>", "the public keys, in PEM form, for --verify")
    .option("--signature <uri>", "where the signature is, unless beside the model")
    .option(
      "--target <directory>",
      "the directory to make; its parent must exist",
      MODEL_VOLUME.modelDirectory,
    )
    .option("--cache <directory>", "volume of a cache that several pods may share")
    .addOption(
      new Option("--max-size <quantity>", "largest size accepted, packed and unpacked")
        .argParser(parseMaxSize)
        .default(parseMaxSize(DEFAULT_MAX_SIZE), DEFAULT_MAX_SIZE),
    )
    .addOption(
      new Option("--timeout <duration>", "longest time for everything")
        .argParser(durationOption("1ms"))
        .default(parseDurationMilliseconds(DEFAULT_TIMEOUT), DEFAULT_TIMEOUT),
    )
    .option("--termination-log <file>", "where to tell why it failed, if it exists", DEFAULT_TERMINATION_LOG);
  return withSourceOptions(model).action(async (options: FetchOptions) => {
    process.exitCode = await runFetch(requestOf(options), options);
  });
}

/** Adds the options that say how stores are reached. */
export function withSourceOptions(command: Command): Command {
  return command
    .option("--ca-file <file>", "certificate authorities to trust besides the well-known ones, in PEM form")
    .option("--proxy <url>", "proxy for HTTP and HTTPS")
    .option("--proxy-exceptions <hosts>", "hosts to reach without the proxy, with commas between them")
    .option("--authorization-file <file>", "value of the header Authorization, for the model's own server")
    .option("--s3-endpoint <url>", "an S3 store other than Amazon's")
    .option("--s3-region <region>", "region of the S3 store")
    .option("--s3-credentials <folder>", "AWS_ACCESS_KEY_ID and so on, a file each")
    .option("--s3-token-file <file>", "the pod's identity, to be exchanged for keys")
    .option("--s3-role-arn <arn>", "role to take with the pod's identity")
    .option("--s3-sts-endpoint <url>", "token service, unless Amazon's")
    .option(
      "--claims-folder <folder>",
      "where the claims of pvc URIs are mounted, each under its name",
      FETCH_MOUNT.claims,
    )
    .option(
      "--image-folder <folder>",
      "where the image of an oci URI is mounted",
      MODEL_VOLUME.modelDirectory,
    );
}

function requestOf(options: FetchOptions): FetchRequest {
  const { verify: type, publicKey } = options;
  if ((type === undefined) !== (publicKey === undefined)) {
    throw new InvalidArgumentError("--verify and --public-key need each other");
  }
  return {
    uri: options.uri,
    digest: options.digest,
    archive: options.archive,
    verification:
      type === undefined || publicKey === undefined
        ? undefined
        : { type, publicKeyFile: publicKey, signatureUri: options.signature },
    target: options.target,
    cacheFolder: options.cache,
    maxBytes: options.maxSize,
    timeoutMilliseconds: options.timeout,
  };
}

async function runFetch(request: FetchRequest, options: FetchOptions): Promise<number> {
  const logger = createLogger({
    write: (line) => process.stdout.write(line),
    now: systemClock.now,
    fields: { "service.name": "petrel-fetch" },
  });
  // As the first process of a container, Node ends on these signals only when it listens for them.
  const interrupted = new AbortController();
  const interrupt = (signal: NodeJS.Signals) => interrupted.abort(new Error(`interrupted by ${signal}`));
  process.once("SIGTERM", interrupt).once("SIGINT", interrupt);
  try {
    const environment = { clock: systemClock, random: Math.random, logger, signal: interrupted.signal };
    return await reportFetch(request, options, environment);
  } finally {
    process.off("SIGTERM", interrupt).off("SIGINT", interrupt);
  }
}

const SUCCESS: Readonly<Record<FetchResult["type"], string>> = {
  Kept: "the model is already there and verifies",
  Downloaded: "the model is verified and in place",
  Cached: "the model from the cache is verified and in place",
  Mounted: "the mounted model is verified",
};

/** Fetches and reports; resolves with the exit code. Errors of no check are errors of Petrel and thrown. */
async function reportFetch(
  request: FetchRequest,
  options: FetchOptions,
  environment: Omit<FetchEnvironment, "settings">,
): Promise<number> {
  const { clock, logger, signal } = environment;
  const start = clock.monotonic();
  try {
    const settings = await readSourceSettings(request.uri, options, process.env, clock);
    const { type, sizeBytes, digest } = await fetchModel(request, { ...environment, settings });
    logger.info(SUCCESS[type], {
      ...(type === "Mounted" ? {} : { "file.path": request.target }),
      "file.size": sizeBytes,
      "petrel.model.digest": digest,
      "event.duration": Math.round((clock.monotonic() - start) * 1e6),
    });
    return 0;
  } catch (error) {
    if (error instanceof FetchFailure) {
      await reportFailure(error, logger, options.terminationLog);
      return 1;
    }
    if (!signal.aborted) throw error;
    logger.warn("the fetch was interrupted; nothing is in place", { error });
    return 1;
  }
}

async function reportFailure(failure: FetchFailure, logger: Logger, terminationLog: string): Promise<void> {
  const { check, expected, found, terminal } = failure;
  logger.error("the fetch failed; nothing is in place", {
    "error.message": failure.message,
    "petrel.fetch.check": check,
    "petrel.fetch.expected": expected,
    "petrel.fetch.found": found,
    "petrel.fetch.terminal": terminal,
  });
  try {
    await writeTerminationMessage(terminationLog, terminationLine(failure));
  } catch (error) {
    logger.warn("cannot write the termination message", { "file.path": terminationLog, error });
  }
}

/** Reads the argument of an option that is a size, in bytes. */
export function parseMaxSize(text: string): number {
  const bytes = wholeQuantity(text);
  if (bytes !== undefined && bytes >= 1) return bytes;
  throw new InvalidArgumentError(`expected a size such as 500Mi or 10Gi, found ${JSON.stringify(text)}`);
}
