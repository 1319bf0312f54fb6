/**
 * The whole model server: it starts every part, loads the model, and drains. All that is outside of it (the
 * command line, signals, exit codes) is in `command.ts`, so that a test runs it in its own process.
 *
 * The ports are open before the model is loaded: a process that loads is alive, and not ready.
 */
import { type Clock, sleep } from "../core/clock.ts";
import type { Logger } from "../core/log.ts";
import { Admission } from "./admission.ts";
import type { LoadedModel } from "./executor.ts";
import { GrpcServer } from "./grpc-server.ts";
import { InferenceService } from "./inference-service.ts";
import { MetricsServer } from "./metrics-server.ts";
import { RestServer } from "./rest-server.ts";
import { ServeMetrics } from "./serve-metrics.ts";
import { WorkerExecutor, type WorkerExecutorOptions } from "./worker-executor.ts";

/** Everything that can be set. */
export interface ModelServerOptions {
  readonly serverVersion: string;
  readonly modelDirectory: string;
  readonly modelName: string;
  readonly modelVersion: string;
  readonly listenAddress: string;
  /** 0 lets the system choose. */
  readonly restPort: number;
  readonly grpcPort: number;
  readonly metricsPort: number;
  readonly executionProvider: string;
  readonly intraOpThreads: number;
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
}

/** The ports that are open. */
export interface ListeningPorts {
  readonly rest: number;
  readonly grpc: number;
  readonly metrics: number;
}

const MAXIMUM_CONNECTIONS = 4_096;
/**
 * gRPC reads the message of a stream whole before anything here can refuse it, so this bounds the memory that
 * one connection takes. Envoy opens more connections when it needs more streams.
 */
const MAXIMUM_STREAMS_PER_CONNECTION = 64;
/** A run so long past its time does not end: the client has had its answer, and the model serves nobody. */
const HANG_GRACE_MILLISECONDS = 5_000;
const MAXIMUM_DIMENSIONS = 16;
/** All bodies under way together, as a multiple of the largest one. */
const BODIES_IN_MEMORY = 16;

/** How a drain ended. */
export interface DrainResult {
  /** Requests that did not end in time. */
  readonly cutOff: number;
  /** Whether the model could be freed; if not, see {@link WorkerExecutor.stop}. */
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
  readonly #executor: WorkerExecutor;
  readonly #service: InferenceService;
  readonly #rest: RestServer;
  readonly #grpc: GrpcServer;
  readonly #metricsServer: MetricsServer;

  constructor(options: ModelServerOptions, edges: ModelServerEdges) {
    this.#options = options;
    this.#edges = edges;
    const { clock, log } = edges;
    const model = { name: options.modelName, version: options.modelVersion };
    const limits = {
      maximumConnections: MAXIMUM_CONNECTIONS,
      requestTimeoutMilliseconds: options.requestTimeoutMilliseconds,
      maximumRequestBytes: options.maximumRequestBytes,
      maximumConcurrentStreams: MAXIMUM_STREAMS_PER_CONNECTION,
      maximumDimensions: MAXIMUM_DIMENSIONS,
      // An element takes at least one byte on the wire.
      maximumElements: options.maximumRequestBytes,
    };
    this.#executor = new WorkerExecutor({
      worker: {
        modelDirectory: options.modelDirectory,
        executionProvider: options.executionProvider,
        intraOpThreads: options.intraOpThreads,
      },
      maximumQueuedRuns: options.maximumQueuedRequests,
      runTimeoutMilliseconds: options.requestTimeoutMilliseconds,
      clock,
      hangGraceMilliseconds: HANG_GRACE_MILLISECONDS,
      onModelLost: (error) => {
        this.#service.fail(`the model is lost: ${error.message}`);
        edges.onModelLost(error);
      },
    });
    this.#admission = new Admission({
      maximumRequests: options.maximumConcurrentRequests,
      maximumBytes: options.maximumRequestBytes * BODIES_IN_MEMORY,
    });
    const metrics = new ServeMetrics(model, {
      pendingRuns: () => this.#executor.pendingRuns,
      isReady: () => this.#service.notReadyReason === undefined,
    });
    const { serverVersion } = options;
    this.#service = new InferenceService({ serverVersion, model, executor: this.#executor, metrics, clock });
    const parts = { service: this.#service, admission: this.#admission, metrics, clock, log, limits };
    this.#rest = new RestServer(parts);
    this.#grpc = new GrpcServer(parts);
    this.#metricsServer = new MetricsServer(metrics.registry);
  }

  /**
   * Opens the ports.
   *
   * @throws {Error} when one is taken.
   */
  async listen(): Promise<ListeningPorts> {
    const { listenAddress, restPort, grpcPort, metricsPort } = this.#options;
    const [rest, grpc, metrics] = await Promise.all([
      this.#rest.listen(listenAddress, restPort),
      this.#grpc.listen(listenAddress, grpcPort),
      this.#metricsServer.listen(listenAddress, metricsPort),
    ]);
    this.#edges.log.info("listening", { "petrel.ports": { rest, grpc, metrics } });
    return { rest, grpc, metrics };
  }

  /**
   * Loads the model and becomes ready.
   *
   * @throws {Error} when the model cannot load; the server then stays alive and says why it is not ready.
   */
  async load(): Promise<LoadedModel> {
    const { log } = this.#edges;
    log.info("loading the model", { "file.directory": this.#options.modelDirectory });
    const loaded = await this.#service.load();
    log.info("the model is ready", { "event.duration": Math.round(loaded.loadMilliseconds * 1e6) });
    return loaded;
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

  /** Stops at once. Gives whether the model has stopped too, see {@link WorkerExecutor.stop}. */
  async close(): Promise<boolean> {
    this.#rest.abort();
    this.#grpc.abort();
    const [modelStopped] = await Promise.all([
      this.#executor.stop(),
      this.#rest.close(),
      this.#metricsServer.close(),
    ]);
    return modelStopped;
  }
}
