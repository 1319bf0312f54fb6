/**
 * `petrel serve`: the command line of the model server, its signals and its exit code.
 *
 * A model that cannot load, or that is lost later, ends the process with code 1 and one line in the container's
 * termination message, which Kubernetes shows in the pod's status. A model that hangs cannot be freed: the
 * process then kills itself after the message is written, which Kubernetes shows as code 137.
 */
import { accessSync, constants, readFileSync, writeFileSync } from "node:fs";
import { Command, InvalidArgumentError, Option } from "commander";
import { parseDurationMilliseconds } from "../api/duration.ts";
import { MODEL_POD_PORT, MODEL_VOLUME } from "../api/names.ts";
import { systemClock } from "../core/clock.ts";
import { createLogger, errorMessage, LOG_LEVELS, type LogLevel } from "../core/log.ts";
import { ModelServer } from "./model-server.ts";

/** The options of the command line, as commander gives them. */
interface ServeCommandOptions {
  readonly modelDirectory: string;
  readonly modelName: string;
  readonly modelVersion: string;
  readonly listenAddress: string;
  readonly restPort: number;
  readonly grpcPort: number;
  readonly metricsPort: number;
  readonly executionProvider: string;
  readonly intraOpThreads: number;
  readonly maxRequestBytes: number;
  readonly maxConcurrentRequests: number;
  readonly maxQueuedRequests: number;
  readonly requestTimeout: number;
  readonly drainDelay: number;
  readonly drainTimeout: number;
  readonly terminationLog: string;
  readonly logLevel: LogLevel;
}

/** Kubernetes keeps this many bytes of a termination message; what is longer is cut here, at a known place. */
const MAXIMUM_TERMINATION_MESSAGE_LENGTH = 2_000;
/** Longest duration of an option. */
const MAXIMUM_DURATION_MILLISECONDS = 24 * 3_600_000;

/** The command `petrel serve`. */
export function serveCommand(): Command {
  return new Command("serve")
    .description("serve a model with the Open Inference Protocol over REST and gRPC")
    .requiredOption("--model-name <name>", "name of the model in requests", parseName)
    .option("--model-version <version>", "version of the model in requests", parseName, "1")
    .option("--model-directory <path>", "directory with the model", MODEL_VOLUME.modelDirectory)
    .option("--listen-address <address>", "address of all ports", "0.0.0.0")
    .option("--rest-port <port>", "port of REST and health", integer(0, 65_535), MODEL_POD_PORT.rest)
    .option("--grpc-port <port>", "port of gRPC", integer(0, 65_535), MODEL_POD_PORT.grpc)
    .option("--metrics-port <port>", "port of Prometheus metrics", integer(0, 65_535), MODEL_POD_PORT.metrics)
    .addOption(
      new Option("--execution-provider <name>", "what computes the model").choices(["CPU"]).default("CPU"),
    )
    .option("--intra-op-threads <count>", "threads for one operator of the model", integer(1, 256), 1)
    .option("--max-request-bytes <bytes>", "largest body", integer(1_024, 2 ** 30), 16 * 2 ** 20)
    .option("--max-concurrent-requests <count>", "requests under way at once", integer(1, 65_536), 512)
    .option("--max-queued-requests <count>", "requests that wait for the model", integer(0, 65_536), 128)
    .option("--request-timeout <duration>", "time for one request", duration(1), parse("30s"))
    .option(
      "--drain-delay <duration>",
      "time to serve on, not ready, before stopping",
      duration(0),
      parse("5s"),
    )
    .option("--drain-timeout <duration>", "time for requests under way to end", duration(0), parse("20s"))
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
  const stopped = stopSignal();
  const lost = Promise.withResolvers<Error>();
  const server = new ModelServer(serverOptions(options), {
    clock: systemClock,
    log,
    onModelLost: lost.resolve,
  });
  const fail = async (error: unknown, check: string) => {
    log.error("the model server ends", { error });
    writeTerminationMessage(options.terminationLog, check, errorMessage(error));
    exitOrKill(await server.close());
    return 1;
  };
  try {
    await server.listen();
  } catch (error) {
    return fail(error, "Listen");
  }
  const loaded = server.load().then(
    () => undefined,
    (error: unknown) => ({ error }),
  );
  const failure = await Promise.race([loaded, stopped]);
  if (typeof failure === "object") {
    return fail(failure.error, "Load");
  }
  const end = await Promise.race([stopped, lost.promise]);
  if (end instanceof Error) {
    return fail(end, "Run");
  }
  log.info("got a signal", { "petrel.signal": end });
  const { cutOff, modelStopped } = await server.drain();
  exitOrKill(modelStopped);
  return cutOff === 0 ? 0 : 1;
}

/** A model that is stuck in ONNX Runtime would abort the process with a core dump as Node ends its thread. */
function exitOrKill(modelStopped: boolean): void {
  if (!modelStopped) {
    process.kill(process.pid, "SIGKILL");
  }
}

/** Resolves with the first signal to stop; a second one ends the process as if nobody listened. */
function stopSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    const onSignal = (signal: NodeJS.Signals) => {
      process.off("SIGTERM", onSignal);
      process.off("SIGINT", onSignal);
      resolve(signal);
    };
    process.on("SIGTERM", onSignal);
    process.on("SIGINT", onSignal);
  });
}

function serverOptions(options: ServeCommandOptions): ConstructorParameters<typeof ModelServer>[0] {
  return {
    serverVersion: packageVersion(),
    modelDirectory: options.modelDirectory,
    modelName: options.modelName,
    modelVersion: options.modelVersion,
    listenAddress: options.listenAddress,
    restPort: options.restPort,
    grpcPort: options.grpcPort,
    metricsPort: options.metricsPort,
    executionProvider: options.executionProvider,
    intraOpThreads: options.intraOpThreads,
    maximumRequestBytes: options.maxRequestBytes,
    maximumConcurrentRequests: options.maxConcurrentRequests,
    maximumQueuedRequests: options.maxQueuedRequests,
    requestTimeoutMilliseconds: options.requestTimeout,
    drainDelayMilliseconds: options.drainDelay,
    drainTimeoutMilliseconds: options.drainTimeout,
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
function writeTerminationMessage(path: string, check: string, message: string): void {
  try {
    accessSync(path, constants.W_OK);
  } catch {
    return;
  }
  const cut = message.slice(0, MAXIMUM_TERMINATION_MESSAGE_LENGTH);
  writeFileSync(path, `${JSON.stringify({ check, message: cut })}\n`);
}

function parseName(text: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,252}$/.test(text)) {
    throw new InvalidArgumentError("Expected 1 to 253 letters, digits, '.', '_' or '-'.");
  }
  return text;
}

function integer(minimum: number, maximum: number): (text: string) => number {
  return (text) => {
    const value = /^[0-9]{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= minimum && value <= maximum)) {
      throw new InvalidArgumentError(`Expected an integer from ${minimum} to ${maximum}.`);
    }
    return value;
  };
}

function parse(text: string): number {
  return parseDurationMilliseconds(text);
}

function duration(minimumMilliseconds: number): (text: string) => number {
  return (text) => {
    let milliseconds: number;
    try {
      milliseconds = parseDurationMilliseconds(text);
    } catch (error) {
      throw new InvalidArgumentError(`${errorMessage(error)}.`);
    }
    if (milliseconds < minimumMilliseconds || milliseconds > MAXIMUM_DURATION_MILLISECONDS) {
      throw new InvalidArgumentError(`Expected from ${minimumMilliseconds}ms to 24h.`);
    }
    return milliseconds;
  };
}
