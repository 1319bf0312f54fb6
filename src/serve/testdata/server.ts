/**
 * A model server in the process of a test, on ports of loopback that the system chooses, with a tiny model.
 */
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Clock, systemClock } from "../../core/clock.ts";
import { createLogger } from "../../core/log.ts";
import { ModelServer, type ModelServerOptions } from "../model-server.ts";

/** The tiny models; `make.py` says what each does. */
export type TinyModel =
  | "identity"
  | "mlp"
  | "gather"
  | "logarithm"
  | "slow"
  | "wide"
  | "brittle"
  | "centered"
  | "truncated";

/** A directory with one model, and how to remove it. */
export function modelDirectory(modelFile: string): { readonly path: string; readonly remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), "petrel-serve-"));
  cpSync(modelFile, join(path, "model.onnx"));
  return { path, remove: () => rmSync(path, { recursive: true }) };
}

/** Path of a tiny model. */
export function tinyModelFile(model: TinyModel): string {
  return join(import.meta.dirname, `${model}.onnx`);
}

/** A server under test. */
export interface TestServer {
  readonly server: ModelServer;
  /** `http://127.0.0.1:PORT`. */
  readonly restUrl: string;
  /** `127.0.0.1:PORT`. */
  readonly grpcAddress: string;
  readonly metricsUrl: string;
  readonly livenessUrl: string;
  /** Log lines so far. */
  readonly lines: readonly string[];
  readonly close: () => Promise<void>;
}

/** Starts a server that listens and has not begun to load. The model is called `m`, version `1`. */
export async function startServer(
  modelFile: string,
  overrides: Partial<ModelServerOptions> = {},
  clock: Clock = systemClock,
): Promise<TestServer> {
  const directory = modelDirectory(modelFile);
  const started = await startServerOn(directory.path, overrides, clock);
  return {
    ...started,
    close: async () => {
      await started.close();
      directory.remove();
    },
  };
}

/** Starts a server on a directory, as {@link startServer}. */
export async function startServerOn(
  directory: string,
  overrides: Partial<ModelServerOptions> = {},
  clock: Clock = systemClock,
): Promise<TestServer> {
  const lines: string[] = [];
  const server = new ModelServer(
    {
      serverVersion: "0.0.0-test",
      modelDirectory: directory,
      modelName: "m",
      modelVersion: "1",
      versionPolicy: "Latest",
      modelRevision: "",
      listenAddress: "127.0.0.1",
      restPort: 0,
      grpcPort: 0,
      metricsPort: 0,
      livenessPort: 0,
      executionProvider: "CPU",
      batching: undefined,
      intraOpThreads: 1,
      maximumRequestBytes: 1_048_576,
      maximumConcurrentRequests: 256,
      maximumQueuedRequests: 128,
      requestTimeoutMilliseconds: 30_000,
      drainDelayMilliseconds: 0,
      drainTimeoutMilliseconds: 5_000,
      ...overrides,
    },
    {
      clock,
      log: createLogger({ write: (line) => lines.push(line), now: Date.now }),
      onModelLost: (error) => lines.push(error.message),
    },
  );
  const ports = await server.listen();
  return {
    server,
    restUrl: `http://127.0.0.1:${ports.rest}`,
    grpcAddress: `127.0.0.1:${ports.grpc}`,
    metricsUrl: `http://127.0.0.1:${ports.metrics}/metrics`,
    livenessUrl: `http://127.0.0.1:${ports.liveness}/v2/health/live`,
    lines,
    close: async () => {
      await server.close();
    },
  };
}

/** Starts a server with a tiny model that is loaded and ready. */
export async function startReadyServer(
  model: TinyModel,
  overrides: Partial<ModelServerOptions> = {},
  clock: Clock = systemClock,
): Promise<TestServer> {
  const server = await startServer(tinyModelFile(model), overrides, clock);
  await server.server.load();
  return server;
}
