/**
 * The sidecar at work: files, socket, ports and how they end; no decision.
 */
import { hostname } from "node:os";
import { sleep, systemClock } from "../core/clock.ts";
import type { Logger, LogLevel } from "../core/log.ts";
import { startStatusServer } from "../process/status-server.ts";
import { readBoundedFile, watchFiles } from "../process/watched-files.ts";
import { ForeignObserver } from "./foreign-request.ts";
import { GrpcProxy } from "./grpc-proxy.ts";
import { RestProxy } from "./rest-proxy.ts";
import { parseSettings } from "./settings.ts";
import { Sidecar } from "./sidecar.ts";

/** Arguments of the program, without functions and classes: they go to a thread. */
export interface SidecarArguments {
  /** Path. */
  readonly settings: string;
  readonly tapSocket?: string;
  /** URL. */
  readonly restUpstream?: string;
  /** URL. */
  readonly grpcUpstream?: string;
  readonly modelName: string;
  readonly modelRevision: string;
  readonly restPort: number;
  readonly grpcPort: number;
  readonly maxConnections: number;
  readonly requestTimeout: number;
  readonly drainTimeout: number;
  readonly listenAddress: string;
  readonly metricsPort: number;
  readonly logLevel: LogLevel;
}

const LONGEST_NAME = 63;

/** Observes until it is asked to stop, or fails, and gives the exit code. */
export async function runSidecar(
  options: SidecarArguments,
  log: Logger,
  stopped: Promise<undefined>,
): Promise<number> {
  const clock = systemClock;
  try {
    const { tapSocket, restUpstream, grpcUpstream } = options;
    if (tapSocket === undefined && restUpstream === undefined && grpcUpstream === undefined) {
      throw new Error("expected --tap-socket, --rest-upstream or --grpc-upstream, got none of them");
    }
    const text = readBoundedFile(options.settings);
    const sidecar = new Sidecar({
      settings: parseSettings(text),
      socket: tapSocket,
      name: hostname().slice(0, LONGEST_NAME),
      environment: process.env,
      clock,
      log,
    });
    await sidecar.listen();
    const proxies = proxiesOf(options, sidecar, log);
    const ports = await Promise.all(
      proxies.map(({ proxy, port }) => proxy.listen(options.listenAddress, port)),
    );
    let isStopping = false;
    const status = await startStatusServer({
      host: options.listenAddress,
      port: options.metricsPort,
      registry: sidecar.registry,
      checks: { "/readyz": () => (isStopping ? "stopping" : undefined) },
    });
    const stopWatching = watchFiles(
      [{ path: options.settings, use: (changed) => sidecar.configure(parseSettings(changed)) }],
      [text],
      clock,
      log,
      (isValid) => sidecar.noteConfiguration(isValid),
    );
    log.info("observing", {
      "petrel.metrics_port": status.port,
      ...Object.fromEntries(proxies.map(({ name }, index) => [`petrel.${name}_port`, ports[index]])),
    });
    await stopped;
    isStopping = true;
    stopWatching();
    await drain(proxies, options.drainTimeout);
    await sidecar.close();
    await status.close();
    log.info("stopped");
    return 0;
  } catch (error) {
    log.error("the sidecar ends", { error });
    return 1;
  }
}

interface Proxy {
  readonly name: "rest" | "grpc";
  readonly port: number;
  readonly proxy: RestProxy | GrpcProxy;
}

/** What stands before a foreign runtime; nothing where there is none. */
function proxiesOf(options: SidecarArguments, sidecar: Sidecar, log: Logger): readonly Proxy[] {
  const { restUpstream, grpcUpstream, modelName, modelRevision } = options;
  const sink = {
    observed: () => sidecar.model.settings.observed,
    take: sidecar.take.bind(sidecar),
    missed: sidecar.missed.bind(sidecar),
  };
  const parts = {
    observer: new ForeignObserver(sink, modelName, modelRevision, systemClock),
    clock: systemClock,
    log,
    maximumConnections: options.maxConnections,
    requestTimeoutMilliseconds: options.requestTimeout,
  };
  const rest = restUpstream !== undefined && {
    name: "rest" as const,
    port: options.restPort,
    proxy: new RestProxy({ ...parts, upstream: new URL(restUpstream) }),
  };
  const grpc = grpcUpstream !== undefined && {
    name: "grpc" as const,
    port: options.grpcPort,
    proxy: new GrpcProxy({ ...parts, upstream: new URL(grpcUpstream) }),
  };
  return [rest, grpc].filter((proxy) => proxy !== false);
}

/** Lets requests under way end, for a time. */
async function drain(proxies: readonly Proxy[], timeoutMilliseconds: number): Promise<void> {
  const isOver = new AbortController();
  const closed = Promise.all(proxies.map(({ proxy }) => proxy.close()));
  await Promise.race([closed, sleep(systemClock, timeoutMilliseconds, isOver.signal).catch(() => {})]);
  isOver.abort();
  for (const { proxy } of proxies) proxy.abort();
  await closed;
}
