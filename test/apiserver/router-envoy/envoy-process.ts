/**
 * A real Envoy on loopback ports, in a folder of its own, with a router's configuration directory.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildTools } from "../../../e2e/cluster/index.ts";
import { FIRST_TRAFFIC_PORT, LAST_TRAFFIC_PORT } from "../../../src/api/traffic-plan.ts";
import { renderBootstrap } from "../../../src/render/envoy/bootstrap.ts";
import { type ConfigurationLayout, configurationLayout } from "../../../src/render/envoy/layout.ts";
import type { JsonObject } from "../../../src/render/envoy/resource.ts";
import { type EnvoyAdministration, envoyAdministration } from "../../../src/router/envoy-administration.ts";
import { until } from "./until.ts";

/** Path of the Envoy program. It is downloaded when it is not in the cache. */
export async function envoyProgram(): Promise<string> {
  const tools = await buildTools(["envoy"], (line) => console.info(line));
  return tools.program("envoy");
}

/** A folder and ports for one Envoy. */
export interface EnvoyPlace {
  readonly directory: string;
  readonly layout: ConfigurationLayout;
  readonly bootstrap: JsonObject;
  readonly administration: EnvoyAdministration;
  readonly adminPort: number;
  readonly metricsPort: number;
  /** Removes the folder. */
  remove(): Promise<void>;
}

/** What may differ from one Envoy to another. */
export interface EnvoySettings {
  /** The folder where the kubelet would lay out its Secrets and ConfigMaps; none unless given. */
  readonly credentialDirectory?: string;
  /** Connections of clients; 2,000 unless given. */
  readonly maximumConnections?: number;
  /** Where labels go; answers are counted then. */
  readonly collector?: { readonly host: string; readonly port: number };
}

/** Makes a place for an Envoy. */
export async function envoyPlace({
  credentialDirectory,
  maximumConnections = 2_000,
  collector,
}: EnvoySettings = {}): Promise<EnvoyPlace> {
  const directory = await mkdtemp(join(tmpdir(), "petrel-envoy-"));
  const layout = configurationLayout(
    directory,
    credentialDirectory,
    collector === undefined ? undefined : directory,
  );
  const [adminPort, metricsPort] = [await freePort(), await freePort()];
  const bootstrap = renderBootstrap({
    nodeId: "router-test",
    address: "127.0.0.1",
    adminPort,
    metricsPort,
    maximumConnections,
    memoryBytes: 2 ** 30,
    ...(collector === undefined ? {} : { collector }),
    layout,
  });
  return {
    directory,
    layout,
    bootstrap,
    administration: envoyAdministration(adminPort),
    adminPort,
    metricsPort,
    remove: () => rm(directory, { recursive: true, force: true }),
  };
}

/** A running Envoy. */
export interface RunningEnvoy {
  readonly pid: number;
  /** Warnings and errors of its log. */
  log(): string;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
}

/** Connections of a listener that was changed or removed go on for so long; less than in a cluster. */
export const LISTENER_DRAIN_SECONDS = 5;

/** Starts Envoy; resolves when it is ready. */
export async function startEnvoy(program: string, place: EnvoyPlace): Promise<RunningEnvoy> {
  const drain = ["--drain-time-s", String(LISTENER_DRAIN_SECONDS), "--drain-strategy", "immediate"];
  const flags = [
    "--concurrency",
    "2",
    "--file-flush-interval-msec",
    "200",
    "--log-level",
    "warning",
    "--disable-hot-restart",
    ...drain,
  ];
  const child = spawn(program, ["-c", place.layout.bootstrap, ...flags], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let log = "";
  child.stderr.on("data", (chunk: Buffer) => {
    log = (log + chunk.toString()).slice(-100_000);
  });
  await until("Envoy is ready", () => {
    if (child.exitCode !== null) throw new Error(`Envoy ended with ${child.exitCode}: ${log}`);
    return place.administration.isReady();
  });
  return { pid: child.pid ?? 0, log: () => log, kill: () => kill(child) };
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  child.once("exit", () => resolve());
  child.kill("SIGKILL");
  await promise;
}

/** A TCP port that was free a moment ago, of those that the system gives out. */
export function freePort(): Promise<number> {
  return probePort(0);
}

/**
 * A port for model traffic that was free a moment ago. Each worker of jest has its own thousand of them: a second Envoy
 * that was given the same port would listen on it beside the first, and take half of its connections.
 */
export async function freeTrafficPort(): Promise<number> {
  const worker = Number(process.env["JEST_WORKER_ID"] ?? 1) - 1;
  const slices = Math.floor((LAST_TRAFFIC_PORT - FIRST_TRAFFIC_PORT + 1) / PORTS_OF_A_WORKER);
  const first = FIRST_TRAFFIC_PORT + (worker % slices) * PORTS_OF_A_WORKER;
  for (let tried = 0; tried < PORTS_OF_A_WORKER; tried += 1) {
    nextOffset += 1;
    const port = first + (nextOffset % PORTS_OF_A_WORKER);
    try {
      return await probePort(port);
    } catch {
      // Taken; try the next one.
    }
  }
  throw new Error(`no port from ${first} to ${first + PORTS_OF_A_WORKER - 1} is free`);
}

const PORTS_OF_A_WORKER = 1_000;
let nextOffset = randomInt(PORTS_OF_A_WORKER);

function probePort(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => {
        if (typeof address === "object" && address !== null) resolve(address.port);
        else reject(new Error("no port"));
      });
    });
  });
}
