/**
 * `petrel serve`: the command line of the model server, its signals and its exit code.
 *
 * A model that cannot load, or that is lost later, ends the process with code 1 and one line in the container's
 * termination message, which Kubernetes shows in the pod's status. A model that hangs cannot be freed: the
 * process then kills itself after the message is written, which Kubernetes shows as code 137.
 */
import { accessSync, constants, readFileSync, writeFileSync } from "node:fs";
import { Command, Option } from "commander";
import { parseDurationMilliseconds } from "../api/duration.ts";
import { MODEL_POD_PORT, MODEL_VOLUME, SERVE_CHECK, type ServeCheck } from "../api/names.ts";
import { EXECUTION_PROVIDERS } from "../api/runtime.ts";
import { systemClock } from "../core/clock.ts";
import { createLogger, errorMessage, LOG_LEVELS, type Logger, type LogLevel } from "../core/log.ts";
import { aborted } from "../process/aborted.ts";
import { durationOption } from "../process/duration-option.ts";
import { parseName } from "../process/name-option.ts";
import { parseSocketPath } from "../process/socket-path.ts";
import { stopOnSignals } from "../process/stop-on-signals.ts";
import {
  addTokenOptions,
  type TokenOptions,
  tokenIssuerOf,
  watchTokenKeys,
} from "../process/token-minting.ts";
import { readBoundedFile } from "../process/watched-files.ts";
import { wholeNumber } from "../process/whole-number.ts";
import { parseObservedFile } from "../tap/observed-settings.ts";
import { executionProviderIsInstalled, executionProviderTrouble } from "./execution-provider.ts";
import { VERSION_POLICIES, type VersionPolicy } from "./model-directory.ts";
import { ModelServer } from "./model-server.ts";
import type { TapSettings } from "./request-tap.ts";

/** The options of the command line, as commander gives them. */
interface ServeCommandOptions extends TokenOptions {
  readonly modelDirectory: string;
  readonly modelName: string;
  readonly modelVersion: string;
  readonly modelVersions: VersionPolicy;
  readonly modelRevision: string;
  readonly listenAddress: string;
  readonly restPort: number;
  readonly grpcPort: number;
  readonly metricsPort: number;
  readonly livenessPort: number;
  readonly executionProvider: string;
  readonly intraOpThreads: number;
  readonly batchMaxRows?: number;
  readonly batchMaxDelay: number;
  readonly maxRequestBytes: number;
  readonly maxConcurrentRequests: number;
  readonly maxQueuedRequests: number;
  readonly requestTimeout: number;
  readonly drainDelay: number;
  readonly drainTimeout: number;
  readonly tokenScores?: string;
  readonly tokenScoreColumn: number;
  readonly tapSocket?: string;
  readonly tapSettings?: string;
  readonly terminationLog: string;
  readonly logLevel: LogLevel;
}

/** Kubernetes keeps this many bytes of a termination message; what is longer is cut here, at a known place. */
const MAXIMUM_TERMINATION_MESSAGE_LENGTH = 2_000;
/** Longest duration of an option. */
const LONGEST_DURATION = "24h";
/** A batch that waited longer would help nobody. */
const LONGEST_BATCH_DELAY = "1s";
/** As `quality.response.column` may be. */
const LAST_COLUMN = 1_000_000;

/** The command `petrel serve`. */
export function serveCommand(): Command {
  return addTokenOptions(new Command("serve"))
    .description("serve a model with the Open Inference Protocol over REST and gRPC")
    .requiredOption("--model-name <name>", "name of the model in requests", parseName)
    .option("--model-version <version>", "version of a model without version folders", parseName, "1")
    .addOption(
      new Option("--model-versions <policy>", "which version folders are served")
        .choices([...VERSION_POLICIES])
        .default("Latest"),
    )
    .option("--model-revision <name>", "model revision, shown in a header of each answer", parseName, "")
    .option("--model-directory <path>", "directory with the model", MODEL_VOLUME.modelDirectory)
    .option("--listen-address <address>", "address of all ports", "0.0.0.0")
    .option("--rest-port <port>", "port of REST and health", wholeNumber(0, 65_535), MODEL_POD_PORT.rest)
    .option("--grpc-port <port>", "port of gRPC", wholeNumber(0, 65_535), MODEL_POD_PORT.grpc)
    .option(
      "--metrics-port <port>",
      "port of Prometheus metrics",
      wholeNumber(0, 65_535),
      MODEL_POD_PORT.metrics,
    )
    .option("--liveness-port <port>", "port of liveness", wholeNumber(0, 65_535), MODEL_POD_PORT.liveness)
    .addOption(
      new Option("--execution-provider <name>", "what computes the model")
        .choices([...EXECUTION_PROVIDERS])
        .default("CPU"),
    )
    .option("--intra-op-threads <count>", "threads for one operator of the model", wholeNumber(1, 256), 1)
    .option(
      "--batch-max-rows <count>",
      "join requests to as many rows; the rows of the model must be independent",
      wholeNumber(1, 65_536),
    )
    .option(
      "--batch-max-delay <duration>",
      "time that a request waits for others while the model is busy",
      durationOption("0s", LONGEST_BATCH_DELAY),
      0,
    )
    .option("--max-request-bytes <bytes>", "largest body", wholeNumber(1_024, 2 ** 30), 16 * 2 ** 20)
    .option("--max-concurrent-requests <count>", "requests under way at once", wholeNumber(1, 65_536), 512)
    .option("--max-queued-requests <count>", "requests that wait for the model", wholeNumber(0, 65_536), 128)
    .option(
      "--request-timeout <duration>",
      "time for one request",
      durationOption("1ms", LONGEST_DURATION),
      parseDurationMilliseconds("30s"),
    )
    .option(
      "--drain-delay <duration>",
      "time to serve on, not ready, before stopping",
      durationOption("0s", LONGEST_DURATION),
      parseDurationMilliseconds("5s"),
    )
    .option(
      "--drain-timeout <duration>",
      "time for requests under way to end",
      durationOption("0s", LONGEST_DURATION),
      parseDurationMilliseconds("20s"),
    )
    .option(
      "--token-scores <output>",
      "output whose numbers are the scores that tokens tell; without it none",
    )
    .option(
      "--token-score-column <index>",
      "which number of a row is the score, from 0",
      wholeNumber(0, LAST_COLUMN),
      0,
    )
    .option("--tap-socket <path>", "Unix socket of the sidecar that is told of requests", parseSocketPath)
    .option("--tap-settings <path>", "file that says what the sidecar is told")
    .option(
      "--termination-log <path>",
      "where a reason to end is written, if it exists",
      "/dev/termination-log",
    )
    .addOption(
      new Option("--log-level <level>", "least severity of logs").choices([...LOG_LEVELS]).default("info"),
    )
    .action(async (options: ServeCommandOptions) => {
      process.exitCode = await serve(options);
    });
}

/** Serves until a signal comes or the model is lost, and gives the exit code. */
async function serve(options: ServeCommandOptions): Promise<number> {
  const log = createLogger({
    write: (line) => process.stdout.write(line),
    now: systemClock.now,
    level: options.logLevel,
    fields: {
      "service.name": "petrel-serve",
      "petrel.model.name": options.modelName,
      "petrel.model.version": options.modelVersion,
    },
  });
  const stopped = aborted(stopOnSignals(log));
  const tap = tapSettings(options, log);
  const lost = Promise.withResolvers<Error>();
  const server = new ModelServer(
    { ...serverOptions(options), tap },
    {
      clock: systemClock,
      log,
      onModelLost: lost.resolve,
    },
  );
  const fail = async (error: unknown, check: ServeCheck) => {
    log.error("the model server ends", { error });
    writeTerminationMessage(options.terminationLog, check, errorMessage(error));
    exitOrKill(await server.close());
    return 1;
  };
  const stopWatching = watchTokenKeys(options.tokenKeys, (ring) => server.useTokenKeys(ring), log);
  try {
    await server.listen();
  } catch (error) {
    return fail(error, SERVE_CHECK.listen);
  }
  const loaded = server.load().then(
    () => undefined,
    (error: unknown) => ({ error }),
  );
  const failure = await Promise.race([loaded, stopped]);
  if (failure !== undefined) {
    const { executionProvider } = options;
    const isInstalled = executionProviderIsInstalled(executionProvider);
    const trouble = executionProviderTrouble(executionProvider, isInstalled, errorMessage(failure.error));
    return trouble === undefined
      ? fail(failure.error, SERVE_CHECK.load)
      : fail(new Error(trouble, { cause: failure.error }), SERVE_CHECK.executionProvider);
  }
  const end = await Promise.race([stopped, lost.promise]);
  if (end instanceof Error) {
    return fail(end, SERVE_CHECK.run);
  }
  const { cutOff, modelStopped } = await server.drain();
  stopWatching();
  exitOrKill(modelStopped);
  return cutOff === 0 ? 0 : 1;
}

/** What the sidecar is told. Settings that cannot be used cost what is observed, and no prediction. */
function tapSettings(
  { tapSocket: socket, tapSettings: path }: ServeCommandOptions,
  log: Logger,
): TapSettings | undefined {
  if (socket === undefined && path === undefined) return undefined;
  try {
    if (socket === undefined || path === undefined) {
      throw new Error("expected --tap-socket and --tap-settings together, got one of them");
    }
    return { socket, observed: parseObservedFile(readBoundedFile(path)) };
  } catch (error) {
    log.error("no sidecar is told of requests", { error });
    return undefined;
  }
}

/** A model that is stuck in ONNX Runtime would abort the process with a core dump as Node ends its thread. */
function exitOrKill(modelStopped: boolean): void {
  if (!modelStopped) {
    process.kill(process.pid, "SIGKILL");
  }
}

function serverOptions(options: ServeCommandOptions): ConstructorParameters<typeof ModelServer>[0] {
  return {
    serverVersion: packageVersion(),
    modelDirectory: options.modelDirectory,
    modelName: options.modelName,
    modelVersion: options.modelVersion,
    versionPolicy: options.modelVersions,
    modelRevision: options.modelRevision,
    listenAddress: options.listenAddress,
    restPort: options.restPort,
    grpcPort: options.grpcPort,
    metricsPort: options.metricsPort,
    livenessPort: options.livenessPort,
    executionProvider: options.executionProvider,
    intraOpThreads: options.intraOpThreads,
    batching:
      options.batchMaxRows === undefined
        ? undefined
        : { maximumRows: options.batchMaxRows, maximumDelayMilliseconds: options.batchMaxDelay },
    maximumRequestBytes: options.maxRequestBytes,
    maximumConcurrentRequests: options.maxConcurrentRequests,
    maximumQueuedRequests: options.maxQueuedRequests,
    requestTimeoutMilliseconds: options.requestTimeout,
    drainDelayMilliseconds: options.drainDelay,
    drainTimeoutMilliseconds: options.drainTimeout,
    tokenIssuer: tokenIssuerOf(options, options.modelRevision),
    tokenScores:
      options.tokenScores === undefined
        ? undefined
        : { output: options.tokenScores, column: options.tokenScoreColumn },
  };
}

/** The version in package.json, which lies two directories up both in `src` and in `dist`. */
function packageVersion(): string {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  const manifest: unknown = JSON.parse(text);
  const isManifest = typeof manifest === "object" && manifest !== null && "version" in manifest;
  return isManifest ? String(manifest.version) : "unknown";
}

/** Outside of a container there is no such file, and none is made. */
function writeTerminationMessage(path: string, check: ServeCheck, message: string): void {
  try {
    accessSync(path, constants.W_OK);
  } catch {
    return;
  }
  const cut = message.slice(0, MAXIMUM_TERMINATION_MESSAGE_LENGTH);
  writeFileSync(path, `${JSON.stringify({ check, message: cut })}\n`);
}
