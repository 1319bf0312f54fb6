/**
 * `petrel router`: the process around a router. Arguments, signals, HTTP; no decision.
 */
import { isIP } from "node:net";
import { Command, InvalidArgumentError } from "commander";
import { parseDurationMilliseconds } from "../api/duration.ts";
import { MODEL_POD_PORT } from "../api/names.ts";
import { systemClock } from "../core/clock.ts";
import { createLogger, errorMessage, type Logger } from "../core/log.ts";
import { loadEndpoint } from "../kube/endpoint.ts";
import { createTransport } from "../kube/transport.ts";
import { renderBootstrap } from "../render/envoy/bootstrap.ts";
import { configurationLayout } from "../render/envoy/layout.ts";
import { ENVOY_CONFIG_DIRECTORY, ROUTER_PORT } from "../render/router.ts";
import { ConfigurationDirectory } from "./configuration-directory.ts";
import { envoyAdministration } from "./envoy-administration.ts";
import { createRouterMetrics } from "./metrics.ts";
import { Router } from "./router.ts";
import { wildcardAddress } from "./router-identity.ts";
import { startStatusServer } from "./status-server.ts";

interface Arguments {
  readonly namespace: string;
  readonly podName: string;
  readonly podUid: string;
  readonly podIp: string;
  readonly nodeName: string;
  readonly configDirectory: string;
  readonly adminPort: number;
  readonly envoyMetricsPort: number;
  readonly httpPort: number;
  readonly maxConnections: number;
  readonly drainTime: number;
}

/** The verb `petrel router`. */
export function routerCommand(): Command {
  const drainTime = "15s";
  return new Command("router")
    .description("Configures the Envoy beside it from the ModelDeployments of its namespace.")
    .requiredOption("--namespace <namespace>", "namespace of the pod, and of what it routes to")
    .requiredOption("--pod-name <name>", "name of the pod")
    .requiredOption("--pod-uid <uid>", "uid of the pod")
    .requiredOption("--pod-ip <address>", "address of the pod", parseAddress)
    .requiredOption("--node-name <name>", "node of the pod")
    .option("--config-directory <directory>", "directory that Envoy reads", ENVOY_CONFIG_DIRECTORY)
    .option("--admin-port <port>", "Envoy's administration, on loopback", wholeNumber(1, 65_535), 9901)
    .option(
      "--envoy-metrics-port <port>",
      "where Envoy shows metrics and readiness",
      wholeNumber(1, 65_535),
      ROUTER_PORT.envoyMetrics,
    )
    .option("--http-port <port>", "port of health and metrics", wholeNumber(1, 65_535), ROUTER_PORT.http)
    .option("--max-connections <count>", "connections that Envoy accepts", wholeNumber(1, 1_000_000), 10_000)
    .option(
      "--drain-time <duration>",
      `how long Envoy goes on once the pod is deleted (default: "${drainTime}")`,
      parseDuration,
      parseDurationMilliseconds(drainTime),
    )
    .action(run);
}

async function run(options: Arguments): Promise<void> {
  const log = createLogger({
    write: (line) => process.stdout.write(line),
    now: () => systemClock.now(),
    fields: { "service.name": "petrel-router" },
  });
  const layout = configurationLayout(options.configDirectory);
  const address = wildcardAddress(options);
  const endpoint = await loadEndpoint({ clock: systemClock, environment: process.env });
  const metrics = createRouterMetrics(endpoint.server.host, () => router.status);
  const transport = createTransport({
    endpoint,
    clock: systemClock,
    userAgent: "petrel-router",
    observe: metrics.observeRequest,
  });
  const router = new Router({
    identity: options,
    port: transport,
    envoy: envoyAdministration(options.adminPort),
    store: new ConfigurationDirectory(layout),
    bootstrap: renderBootstrap({
      nodeId: options.podName,
      address,
      adminPort: options.adminPort,
      metricsPort: options.envoyMetricsPort,
      maximumConnections: options.maxConnections,
      layout,
    }),
    settings: { layout, address, ports: MODEL_POD_PORT },
    drainMilliseconds: options.drainTime,
    clock: systemClock,
    random: Math.random,
    log,
  });
  const server = await startStatusServer({
    port: options.httpPort,
    registry: metrics.registry,
    status: () => router.status,
  });
  await router.run(stopOnSignals(log));
  server.close();
  server.closeAllConnections();
  transport.close();
  log.info("stopped");
}

function stopOnSignals(log: Logger): AbortSignal {
  const controller = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.once(signal, () => {
      log.info("asked to stop", { "petrel.signal": signal });
      controller.abort();
    });
  }
  return controller.signal;
}

function wholeNumber(minimum: number, maximum: number) {
  return (text: string): number => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= minimum && value <= maximum) return value;
    throw new InvalidArgumentError(`expected a whole number from ${minimum} to ${maximum}, got "${text}"`);
  };
}

function parseAddress(text: string): string {
  if (isIP(text) !== 0) return text;
  throw new InvalidArgumentError(`expected an IP address, got "${text}"`);
}

function parseDuration(text: string): number {
  try {
    return parseDurationMilliseconds(text);
  } catch (error) {
    throw new InvalidArgumentError(errorMessage(error));
  }
}
