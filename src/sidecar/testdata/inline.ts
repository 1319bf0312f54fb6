/** The sidecar before another program, in the process of a test. */
import type { Server as HttpServer } from "node:http";
import type { AddressInfo, Server } from "node:net";
import { systemClock } from "../../core/clock.ts";
import { createLogger } from "../../core/log.ts";
import type { ShadowReporter } from "../../process/shadow-reporter.ts";
import { startReadyServer } from "../../serve/testdata/server.ts";
import { parseObserved } from "../../tap/observed-settings.ts";
import type { TapEvent } from "../../tap/tap-event.ts";
import type { TokenMint } from "../../token/token-mint.ts";
import { ForeignObserver } from "../foreign-request.ts";
import { GrpcProxy } from "../grpc-proxy.ts";
import { RestProxy } from "../rest-proxy.ts";

const OBSERVED = parseObserved({
  scores: { output: "score", probability: true },
  features: [{ name: "third", input: "features", column: 2 }],
  userHeader: "x-user-id",
});
/** What a test file does after each test, the last first. */
export const cleanups: (() => unknown)[] = [];

export interface Inline {
  readonly rest: string;
  readonly grpc: string;
  readonly events: TapEvent[];
  readonly missed: string[];
  readonly observer: ForeignObserver;
}

interface InlineOptions {
  readonly timeout?: number;
  readonly mint?: TokenMint | undefined;
  readonly shadow?: ShadowReporter | undefined;
  /** Gets what failed; unless it is given, that is an error of the test. */
  readonly failures?: unknown[] | undefined;
}

/** Both proxies before a runtime; one that is not there where none is given. */
export async function inline(
  upstream: { rest?: string; grpc?: string },
  { timeout = 30_000, mint, shadow, failures }: InlineOptions = {},
): Promise<Inline> {
  const events: TapEvent[] = [];
  const missed: string[] = [];
  const sink = {
    observed: () => OBSERVED,
    take: (_: unknown, event: TapEvent) => events.push({ ...event }),
    missed: (reason: string) => missed.push(reason),
    failed: (error: unknown) => {
      if (failures === undefined) throw error;
      failures.push(error);
    },
  };
  const observer = new ForeignObserver({
    sink,
    model: "m",
    revision: "m-1",
    clock: systemClock,
    mint,
    shadow,
  });
  const parts = {
    observer,
    clock: systemClock,
    log: createLogger({ write: () => {}, now: Date.now }),
    maximumConnections: 64,
    requestTimeoutMilliseconds: timeout,
  };
  const rest = new RestProxy({ ...parts, upstream: new URL(upstream.rest ?? "http://127.0.0.1:1") });
  const grpc = new GrpcProxy({ ...parts, upstream: new URL(upstream.grpc ?? "http://127.0.0.1:1") });
  const ports = [await rest.listen("127.0.0.1", 0), await grpc.listen("127.0.0.1", 0)];
  cleanups.push(async () => {
    for (const proxy of [rest, grpc]) {
      proxy.abort();
      await proxy.close();
    }
  });
  return { rest: `http://127.0.0.1:${ports[0]}`, grpc: `127.0.0.1:${ports[1]}`, events, missed, observer };
}

/** Both proxies before Petrel's own model server, which gives no tokens itself. */
export async function beforeModelServer(
  mint?: TokenMint,
  failures?: unknown[],
): Promise<Inline & { readonly runtime: Readonly<Record<"rest" | "grpc", string>> }> {
  const server = await startReadyServer("mlp", { maximumRequestBytes: 8 * 2 ** 20 });
  cleanups.push(server.close);
  const runtime = { rest: server.restUrl, grpc: server.grpcAddress };
  const proxies = await inline({ ...runtime, grpc: `http://${runtime.grpc}` }, { mint, failures });
  return { ...proxies, runtime };
}

/** The port of a server that listens. */
export function portOf(server: Server): number {
  const address: AddressInfo | string | null = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

/** Listens as a runtime over HTTP, and gives its URL. */
export async function upstream(server: HttpServer): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanups.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${portOf(server)}`;
}

/** Asks for an inference. */
export function post(
  url: string,
  body: string | Buffer,
  headers: Record<string, string> = {},
): Promise<Response> {
  return fetch(`${url}/v2/models/m/infer`, {
    method: "POST",
    body: new Uint8Array(Buffer.from(body)),
    headers,
  });
}
