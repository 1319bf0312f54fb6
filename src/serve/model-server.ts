/**
 * The whole model server: it starts every part, loads the model, and drains. All that is outside of it (the
 * command line, signals, exit codes) is in `command.ts`, so that a test runs it in its own process.
 *
 * The ports are open before the model is loaded: a process that loads is alive, and not ready.
 */

import type { ScorePlace } from "../api/observe.ts";
import { type Clock, sleep } from "../core/clock.ts";
import { errorMessage, type Logger } from "../core/log.ts";
import { type ShadowReporter, shadowReporter } from "../process/shadow-reporter.ts";
import { type StatusServer, startStatusServer } from "../process/status-server.ts";
import { tokenMint } from "../process/token-minting.ts";
import type { KeyRing } from "../token/key-ring.ts";
import type { TokenIssuer, TokenMint } from "../token/token-mint.ts";
import { Admission } from "./admission.ts";
import { AnswerTokens } from "./answer-tokens.ts";
import { CodecThread } from "./codec-thread.ts";
import type { LoadedModel } from "./executor.ts";
import { GrpcServer } from "./grpc-server.ts";
import { InferenceService } from "./inference-service.ts";
import { Liveness } from "./liveness.ts";
import { findModelVersions, type ModelVersion, type VersionPolicy } from "./model-directory.ts";
import { ModelExecutor } from "./model-executor.ts";
import { RequestTap, type TapSettings } from "./request-tap.ts";
import { RestServer } from "./rest-server.ts";
import type { Batching } from "./row-batch.ts";
import { ServeMetrics } from "./serve-metrics.ts";
import type { WorkerExecutorOptions } from "./worker-executor.ts";

/** Everything that can be set. */
export interface ModelServerOptions {
  readonly serverVersion: string;
  readonly modelDirectory: string;
  readonly modelName: string;
  /** The version of a model that does not lie in a folder with a version number. */
  readonly modelVersion: string;
  readonly versionPolicy: VersionPolicy;
  /** Shown in a header of each answer; empty for none. */
  readonly modelRevision: string;
  readonly listenAddress: string;
  /** 0 lets the system choose. */
  readonly restPort: number;
  readonly grpcPort: number;
  readonly metricsPort: number;
  readonly livenessPort: number;
  readonly executionProvider: string;
  readonly intraOpThreads: number;
  /** Whether and how requests are joined; the model must prove that its rows are independent. */
  readonly batching: Batching | undefined;
  readonly maximumRequestBytes: number;
  /** Requests under way at once, those that wait for the model included. */
  readonly maximumConcurrentRequests: number;
  /** Requests that wait for the model. */
  readonly maximumQueuedRequests: number;
  readonly requestTimeoutMilliseconds: number;
  /** How long to serve on, not ready, before the ports close. */
  readonly drainDelayMilliseconds: number;
  /** How long requests under way may take after that. */
  readonly drainTimeoutMilliseconds: number;
  /** Whose prediction tokens answers get; absent for none. Their keys come by {@link ModelServer.useTokenKeys}. */
  readonly tokenIssuer?: TokenIssuer | undefined;
  /** Where the scores are that tokens tell; absent where they tell none. */
  readonly tokenScores?: ScorePlace | undefined;
  /** What the sidecar is told of each request, and where it listens; nothing without. */
  readonly tap?: TapSettings | undefined;
  /** Where the collector takes reports of mirrored requests; in the own namespace unless given. */
  readonly shadowUrl?: string;
}

/** The ports that are open. */
export interface ListeningPorts {
  readonly rest: number;
  readonly grpc: number;
  readonly metrics: number;
  readonly liveness: number;
}

/** It has read every request that it answers, so it knows the rows of each. */
const TOKEN_OUTCOMES = ["minted", "unassigned", "excluded", "no_key"] as const;
const MAXIMUM_CONNECTIONS = 4_096;
/** Envoy opens more connections when it needs more streams. */
const MAXIMUM_STREAMS_PER_CONNECTION = 64;
/** A run so long past its time does not end: the client has had its answer, and the model serves nobody. */
const HANG_GRACE_MILLISECONDS = 5_000;
/** How long the main thread may stand still before the process counts as dead. */
const MAXIMUM_SILENCE_MILLISECONDS = 60_000;
const MAXIMUM_DIMENSIONS = 16;
/** Elements of all BYTES tensors of a request: each is a text, to which the bytes on the wire are the least. */
const MAXIMUM_TEXTS = 2 ** 17;
/**
 * Heap of the thread that reads bodies. It is more than the worst JSON takes, some forty times its bytes: V8 ends
 * the whole process when JSON.parse reaches the bound, which by default hangs on the memory of the machine.
 */
const CODEC_HEAP = { baseMebibytes: 64, timesBody: 64 } as const;
/** All bodies under way together, as a multiple of the largest one. */
const BODIES_IN_MEMORY = 16;
/** All answers under way together may at least take so much: small requests can have large answers. */
const LEAST_ANSWER_BYTES = 256 * 2 ** 20;

/** How a drain ended. */
export interface DrainResult {
  /** Requests whose client did not get the whole answer in time. */
  readonly cutOff: number;
  /** Whether the model could be freed; if not, see {@link ModelExecutor.stop}. */
  readonly modelStopped: boolean;
}

/** What the server needs from outside. */
export interface ModelServerEdges {
  readonly clock: Clock;
  readonly log: Logger;
  /** Called when the model is lost, see {@link WorkerExecutorOptions.onModelLost}: nothing is served any more. */
  readonly onModelLost: (error: Error) => void;
}

/** A model server. */
export class ModelServer {
  readonly #options: ModelServerOptions;
  readonly #edges: ModelServerEdges;
  readonly #admission: Admission;
  readonly #codec: CodecThread;
  readonly #liveness: Liveness;
  #executors: readonly ModelExecutor[] = [];
  #isClosed = false;
  readonly #service: InferenceService;
  readonly #rest: RestServer;
  readonly #grpc: GrpcServer;
  readonly #metrics: ServeMetrics;
  readonly #mint: TokenMint | undefined;
  readonly #tap: RequestTap | undefined;
  #shadow: ShadowReporter | undefined;
  #metricsServer: StatusServer | undefined;

  constructor(options: ModelServerOptions, edges: ModelServerEdges) {
    this.#options = options;
    this.#edges = edges;
    const { clock, log } = edges;
    const { serverVersion, modelName, modelRevision, maximumRequestBytes, requestTimeoutMilliseconds } =
      options;
    const limits = {
      maximumConnections: MAXIMUM_CONNECTIONS,
      requestTimeoutMilliseconds,
      maximumRequestBytes,
      maximumConcurrentStreams: MAXIMUM_STREAMS_PER_CONNECTION,
    };
    this.#codec = new CodecThread(clock, {
      tensors: {
        maximumDimensions: MAXIMUM_DIMENSIONS,
        // An element takes at least one byte on the wire.
        maximumElements: maximumRequestBytes,
        maximumTexts: MAXIMUM_TEXTS,
      },
      maximumHeapMebibytes:
        CODEC_HEAP.baseMebibytes + Math.ceil((maximumRequestBytes * CODEC_HEAP.timesBody) / 2 ** 20),
    });
    this.#admission = new Admission({
      maximumRequests: options.maximumConcurrentRequests,
      maximumBytes: maximumRequestBytes * BODIES_IN_MEMORY,
      maximumAnswerBytes: Math.max(LEAST_ANSWER_BYTES, maximumRequestBytes * BODIES_IN_MEMORY),
    });
    const metrics = new ServeMetrics(modelName, {
      pendingRuns: () => this.#executors.reduce((sum, { pendingRuns }) => sum + pendingRuns, 0),
      isReady: () => this.#service.notReadyReason === undefined,
    });
    this.#service = new InferenceService({
      serverVersion,
      modelName,
      metrics,
      clock,
    });
    const { tokenIssuer } = options;
    this.#mint =
      tokenIssuer === undefined
        ? undefined
        : tokenMint(tokenIssuer, metrics.registry, "petrel_serve_tokens_total", TOKEN_OUTCOMES);
    this.#tap =
      options.tap === undefined ? undefined : new RequestTap(options.tap, modelName, modelRevision, edges);
    if (this.#tap !== undefined) metrics.showTap(this.#tap.sender);
    const { tap } = options;
    if (tokenIssuer !== undefined && tap !== undefined) {
      const reporting = {
        issuer: tokenIssuer,
        clock,
        log,
        ...(options.shadowUrl === undefined ? {} : { url: options.shadowUrl }),
      };
      this.#shadow = shadowReporter(reporting, metrics.registry, "petrel_serve_shadow_reports_total");
    }
    const parts = {
      tokens: this.#mint === undefined ? undefined : new AnswerTokens(this.#mint, options.tokenScores),
      service: this.#service,
      admission: this.#admission,
      codec: this.#codec,
      metrics,
      clock,
      log,
      limits,
      modelRevision,
      tap: this.#tap,
      mark: (rawHeaders: readonly string[]) =>
        tap === undefined ? undefined : this.#shadow?.begin(rawHeaders, tap.observed),
    };
    this.#rest = new RestServer(parts);
    this.#grpc = new GrpcServer(parts);
    this.#metrics = metrics;
    this.#liveness = new Liveness(clock, MAXIMUM_SILENCE_MILLISECONDS);
  }

  /** Signs prediction tokens with these keys from now on. */
  useTokenKeys(ring: KeyRing): void {
    this.#mint?.useKeys(ring);
    this.#shadow?.useKeys(ring);
  }

  /**
   * Opens the ports.
   *
   * @throws {Error} when one is taken.
   */
  async listen(): Promise<ListeningPorts> {
    const { listenAddress, restPort, grpcPort, metricsPort, livenessPort } = this.#options;
    const [rest, grpc, metrics, liveness] = await Promise.all([
      this.#rest.listen(listenAddress, restPort),
      this.#grpc.listen(listenAddress, grpcPort),
      this.#listenForMetrics(listenAddress, metricsPort),
      this.#liveness.listen(listenAddress, livenessPort),
    ]);
    const ports = { rest, grpc, metrics, liveness };
    this.#tap?.sender.start();
    this.#edges.log.info("listening", { "petrel.ports": ports });
    return ports;
  }

  /**
   * Loads the versions of the model that are to be served and becomes ready.
   *
   * @throws {Error} when one cannot load; the server then stays alive and says why it is not ready.
   */
  async load(): Promise<LoadedModel[]> {
    const { log } = this.#edges;
    const { modelDirectory, versionPolicy, modelVersion } = this.#options;
    log.info("loading the model", { "file.directory": modelDirectory });
    try {
      const found = await findModelVersions(modelDirectory, versionPolicy, modelVersion);
      const versions = found.map((one) => ({ version: one.version, executor: this.#executor(one) }));
      this.#executors = versions.map(({ executor }) => executor);
      if (this.#isClosed) {
        throw new Error("the server stops");
      }
      const loaded = await this.#service.load(versions);
      for (const [index, { loadMilliseconds, placement }] of loaded.entries()) {
        log.info("the model is ready", {
          "petrel.model.version": found[index]?.version,
          "petrel.model.placement": placement,
          "event.duration": Math.round(loadMilliseconds * 1e6),
        });
      }
      return loaded;
    } catch (error) {
      this.#service.fail(`the model cannot load: ${errorMessage(error)}`);
      throw error;
    }
  }

  /**
   * Stops without failing a request: not ready at once, serving on until the routers have noticed, then no new
   * requests, then those under way.
   */
  async drain(): Promise<DrainResult> {
    const { clock, log } = this.#edges;
    const { drainDelayMilliseconds, drainTimeoutMilliseconds } = this.#options;
    const wasReady = this.#service.notReadyReason === undefined;
    this.#service.drain();
    log.info("draining", { "petrel.requests": this.#admission.requests });
    if (wasReady) {
      await sleep(clock, drainDelayMilliseconds);
    }
    const deadline = new AbortController();
    const closed = Promise.all([this.#rest.close(), this.#grpc.close()]);
    await Promise.race([closed, sleep(clock, drainTimeoutMilliseconds, deadline.signal).catch(() => {})]);
    deadline.abort();
    const cutOff = this.#admission.requests;
    const modelStopped = await this.close();
    log.info("stopped", { "petrel.requests": cutOff, "petrel.model.stopped": modelStopped });
    return { cutOff, modelStopped };
  }

  /** Stops at once. Gives whether the model has stopped too, see {@link ModelExecutor.stop}. */
  async close(): Promise<boolean> {
    this.#isClosed = true;
    this.#rest.abort();
    this.#grpc.abort();
    const [stopped] = await Promise.all([
      Promise.all(this.#executors.map((executor) => executor.stop())),
      this.#rest.close(),
      this.#grpc.close(),
      this.#metricsServer?.close(),
      this.#codec.stop(),
    ]);
    this.#tap?.sender.stop();
    await this.#liveness.close();
    return stopped.every((hasStopped) => hasStopped);
  }

  /** On a port of its own: scraping is never behind a full queue, and clients do not see the metrics. */
  async #listenForMetrics(host: string, port: number): Promise<number> {
    const { registry } = this.#metrics;
    this.#metricsServer = await startStatusServer({ host, port, registry, checks: {} });
    return this.#metricsServer.port;
  }

  #executor({ version, modelFile }: ModelVersion): ModelExecutor {
    const { executionProvider, intraOpThreads, batching } = this.#options;
    return new ModelExecutor({
      worker: { modelFile, executionProvider, intraOpThreads },
      batching,
      maximumQueuedRuns: this.#options.maximumQueuedRequests,
      runTimeoutMilliseconds: this.#options.requestTimeoutMilliseconds,
      clock: this.#edges.clock,
      hangGraceMilliseconds: HANG_GRACE_MILLISECONDS,
      onModelLost: (error) => {
        this.#service.fail(`version ${version} of the model is lost: ${error.message}`);
        this.#edges.onModelLost(error);
      },
    });
  }
}
