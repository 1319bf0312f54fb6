/**
 * The sidecar at work: files, socket, ports and how they end; no decision.
 */
import { hostname } from "node:os";
import { sleep, systemClock } from "../core/clock.ts";
import type { Logger, LogLevel } from "../core/log.ts";
import { shadowReporter } from "../process/shadow-reporter.ts";
import { startStatusServer } from "../process/status-server.ts";
import { type TokenOptions, tokenIssuerOf, tokenMint, watchTokenKeys } from "../process/token-minting.ts";
import { readBoundedFile, watchFiles } from "../process/watched-files.ts";
import type { KeyRing } from "../token/key-ring.ts";
import { ForeignObserver, type ForeignObserverOptions } from "./foreign-request.ts";
import { GrpcProxy } from "./grpc-proxy.ts";
import { RestProxy } from "./rest-proxy.ts";
import { NOTHING_OBSERVED, parseSettings, type SidecarSettings } from "./settings.ts";
import { Sidecar } from "./sidecar.ts";

/** Arguments of the program, without functions and classes: they go to a thread. */
export interface SidecarArguments extends TokenOptions {
  /** Path; without it, inputs and outputs are not looked at. */
  readonly settings?: string;
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
const TOKEN_OUTCOMES = ["minted", "unassigned", "excluded", "no_key", "unread"] as const;

/** Observes until it is asked to stop, or fails, and gives the exit code. */
export async function runSidecar(
  options: SidecarArguments,
  log: Logger,
  stopped: Promise<undefined>,
): Promise<number> {
  const clock = systemClock;
  try {
    const { tapSocket, restUpstream, grpcUpstream } = options;
    const isInline = restUpstream !== undefined || grpcUpstream !== undefined;
    if (tapSocket === undefined && !isInline) {
      throw new Error("expected --tap-socket, --rest-upstream or --grpc-upstream, got none of them");
    }
    if (options.settings === undefined && !isInline) {
      throw new Error("expected --settings with --tap-socket, got none");
    }
    const { sidecar, text } = startObserving(options, isInline, log);
    await sidecar.listen();
    const issuer = tokenIssuerOf(options, options.modelRevision);
    const mint =
      issuer === undefined
        ? undefined
        : tokenMint(issuer, sidecar.registry, "petrel_sidecar_tokens_total", TOKEN_OUTCOMES);
    const shadow =
      issuer === undefined
        ? undefined
        : shadowReporter({ issuer, clock, log }, sidecar.registry, "petrel_sidecar_shadow_reports_total");
    const useKeys = (ring: KeyRing) => {
      mint?.useKeys(ring);
      shadow?.useKeys(ring);
    };
    const stopWatchingKeys = watchTokenKeys(options.tokenKeys, useKeys, log);
    const proxies = proxiesOf(options, sidecar, { mint, shadow }, log);
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
    const use = (changed: string) => sidecar.configure(parseSettings(changed));
    const stopWatching = watchFiles(
      options.settings === undefined ? [] : [{ path: options.settings, use }],
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
    stopWatchingKeys();
    await sidecar.close();
    await status.close();
    log.info("stopped");
    return 0;
  } catch (error) {
    log.error("the sidecar ends", { error });
    return 1;
  }
}

/**
 * Makes what observes, and gives the settings that are in effect. What stands before a runtime passes requests whatever
 * is wrong with the settings or with a file that they name: it looks at nothing until they can be used.
 *
 * @throws {Error} when they cannot be used, and no request depends on this program.
 */
function startObserving(
  { settings: path, tapSocket }: SidecarArguments,
  isInline: boolean,
  log: Logger,
): { readonly sidecar: Sidecar; readonly text: string } {
  const make = (settings: SidecarSettings) =>
    new Sidecar({
      settings,
      socket: tapSocket,
      name: hostname().slice(0, LONGEST_NAME),
      environment: process.env,
      clock: systemClock,
      log,
    });
  if (path === undefined) return { sidecar: make(NOTHING_OBSERVED), text: "" };
  try {
    const text = readBoundedFile(path);
    return { sidecar: make(parseSettings(text)), text };
  } catch (error) {
    if (!isInline) throw error;
    log.error("inputs and outputs are not looked at until the settings can be used", { error });
    const sidecar = make(NOTHING_OBSERVED);
    sidecar.noteConfiguration(false);
    return { sidecar, text: "" };
  }
}

interface Proxy {
  readonly name: "rest" | "grpc";
  readonly port: number;
  readonly proxy: RestProxy | GrpcProxy;
}

/** What stands before a foreign runtime; nothing where there is none. */
function proxiesOf(
  options: SidecarArguments,
  sidecar: Sidecar,
  edges: Pick<ForeignObserverOptions, "mint" | "shadow">,
  log: Logger,
): readonly Proxy[] {
  const { restUpstream, grpcUpstream, modelName, modelRevision } = options;
  let hasFailed = false;
  const sink = {
    observed: () => sidecar.model.settings.observed,
    take: sidecar.take.bind(sidecar),
    missed: sidecar.missed.bind(sidecar),
    failed(error: unknown) {
      sidecar.missed("Failed");
      if (!hasFailed)
        log.error("a request could not be observed, and passed; more are only counted", { error });
      hasFailed = true;
    },
  };
  const parts = {
    observer: new ForeignObserver({
      sink,
      model: modelName,
      revision: modelRevision,
      clock: systemClock,
      ...edges,
    }),
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
