/**
 * `petrel fetch`: the init container that puts a verified model on the pod's volume before the server
 * starts. Options in, exit code out: everything else is in `fetch-model.ts`.
 *
 * A failure is told twice, to people in the log and to the operator in the termination message.
 */
import { Command, InvalidArgumentError, Option } from "commander";
import { parseDurationMilliseconds } from "../api/duration.ts";
import { MODEL_VOLUME } from "../api/names.ts";
import { systemClock } from "../core/clock.ts";
import { createLogger, type Logger } from "../core/log.ts";
import { FetchFailure } from "./failure.ts";
import { type FetchEnvironment, type FetchRequest, fetchModel } from "./fetch-model.ts";
import { DEFAULT_TERMINATION_LOG, writeTerminationMessage } from "./termination-message.ts";

/** Largest model unless `--max-bytes` says otherwise: 10 GiB. */
export const DEFAULT_MAX_BYTES = 10 * 2 ** 30;
/** Longest fetch unless `--timeout` says otherwise. */
export const DEFAULT_TIMEOUT = "30m";

interface FetchOptions {
  readonly uri: string;
  readonly digest: string;
  readonly target: string;
  readonly maxBytes: number;
  readonly timeout: number;
  readonly terminationLog: string;
}

/** The verb `fetch`. Sets `process.exitCode`: 0 when the verified model is at the target, 1 otherwise. */
export function fetchCommand(): Command {
  return new Command("fetch")
    .description(
      "download a model, verify its digest and show it to the model server, complete or not at all",
    )
    .requiredOption("--uri <uri>", "where the model file is: file:///path, http://... or https://...")
    .requiredOption("--digest <digest>", "what the file must be: sha256:HEX")
    .option(
      "--target <directory>",
      "the directory to make; its parent must exist",
      MODEL_VOLUME.modelDirectory,
    )
    .option("--max-bytes <bytes>", "largest size accepted", parseMaxBytes, DEFAULT_MAX_BYTES)
    .addOption(
      new Option("--timeout <duration>", "longest time for everything")
        .argParser(parseTimeout)
        .default(parseDurationMilliseconds(DEFAULT_TIMEOUT), DEFAULT_TIMEOUT),
    )
    .option("--termination-log <file>", "where to tell why it failed, if it exists", DEFAULT_TERMINATION_LOG)
    .action(async (options: FetchOptions) => {
      const { timeout: timeoutMilliseconds, terminationLog, ...rest } = options;
      process.exitCode = await runFetch({ ...rest, timeoutMilliseconds }, terminationLog);
    });
}

async function runFetch(request: FetchRequest, terminationLog: string): Promise<number> {
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
    return await reportFetch(request, environment, terminationLog);
  } finally {
    process.off("SIGTERM", interrupt).off("SIGINT", interrupt);
  }
}

/** Fetches and reports; resolves with the exit code. Errors of no check are errors of Petrel and thrown. */
async function reportFetch(
  request: FetchRequest,
  environment: FetchEnvironment,
  terminationLog: string,
): Promise<number> {
  const { clock, logger, signal } = environment;
  const start = clock.monotonic();
  try {
    const { type, sizeBytes } = await fetchModel(request, environment);
    logger.info(
      type === "Kept" ? "the model is already there and verifies" : "the model is verified and in place",
      {
        "file.path": request.target,
        "file.size": sizeBytes,
        "petrel.model.digest": request.digest,
        "event.duration": Math.round((clock.monotonic() - start) * 1e6),
      },
    );
    return 0;
  } catch (error) {
    if (error instanceof FetchFailure) {
      await reportFailure(error, logger, terminationLog);
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
    await writeTerminationMessage(terminationLog, failure);
  } catch (error) {
    logger.warn("cannot write the termination message", { "file.path": terminationLog, error });
  }
}

function parseMaxBytes(text: string): number {
  const bytes = Number(text);
  if (/^\d+$/.test(text) && bytes >= 1 && Number.isSafeInteger(bytes)) return bytes;
  throw new InvalidArgumentError(
    `expected a whole number of bytes, at least 1, found ${JSON.stringify(text)}`,
  );
}

function parseTimeout(text: string): number {
  try {
    const milliseconds = parseDurationMilliseconds(text);
    // A longer delay overflows the timers of Node, which then fire at once.
    if (milliseconds >= 1 && milliseconds <= 2 ** 31 - 1) return milliseconds;
    throw new Error(`expected a duration from 1ms to 596h, found ${JSON.stringify(text)}`);
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error));
  }
}
