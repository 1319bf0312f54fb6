/**
 * `petrel router`: the process around a router. Arguments, signals, HTTP; no decision.
 */
import { isIP } from "node:net";
import { Command, InvalidArgumentError } from "commander";
import type { Credential } from "../api/credential.ts";
import { MODEL_POD_PORT } from "../api/names.ts";
import { systemClock } from "../core/clock.ts";
import { createLogger, type Logger } from "../core/log.ts";
import { loadEndpoint } from "../kube/endpoint.ts";
import { createTransport } from "../kube/transport.ts";
import { durationOption } from "../process/duration-option.ts";
import { startStatusServer } from "../process/status-server.ts";
import { stopOnSignals } from "../process/stop-on-signals.ts";
import { wholeNumber } from "../process/whole-number.ts";
import { CREDENTIAL_DIRECTORY } from "../render/credential-files.ts";
import { renderBootstrap } from "../render/envoy/bootstrap.ts";
import { accessLogIn, configurationLayout } from "../render/envoy/layout.ts";
import {
  DRAINED_PATH,
  ENVOY_CONFIG_DIRECTORY,
  FIRST_TRIES_PATH,
  LOAD_PATH,
  ROUTER_DRAIN_SECONDS,
  ROUTER_PORT,
} from "../render/router.ts";
import { firstTriesText } from "../stats/first-tries.ts";
import { loadText } from "../stats/load-slots.ts";
import { collectorClient } from "./collector-client.ts";
import { ConfigurationDirectory } from "./configuration-directory.ts";
import { Drain } from "./drain.ts";
import { countingEnvoy, envoyAdministration, loggingEnvoy } from "./envoy-administration.ts";
import { FirstTryCounter } from "./first-try-counter.ts";
import { ImpressionShipper } from "./impression-shipper.ts";
import { LoadCounter } from "./load-counter.ts";
import { LogDirectory } from "./log-directory.ts";
import { createRouterMetrics, showShipping } from "./metrics.ts";
import { CredentialDirectory } from "./mounted-credentials.ts";
import { httpPeerProbe } from "./peer-probe.ts";
import { Router } from "./router.ts";
import { wildcardAddress } from "./router-identity.ts";
import { statusChecks } from "./status-checks.ts";

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
  readonly envoyMemoryBytes: number;
  readonly leastDrainTime: number;
  readonly longestDrainTime: number;
  readonly credential: readonly Credential[];
  readonly credentialDirectory: string;
  readonly collector?: URL;
  readonly feedbackAddress?: HostAndPort;
  readonly accessToken?: string;
  readonly accessLogDirectory?: string;
}

interface HostAndPort {
  readonly host: string;
  readonly port: number;
}

/** The limit that routers have unless an installation says another one. */
const DEFAULT_ENVOY_MEMORY_BYTES = 2 ** 30;

/** The verb `petrel router`. */
export function routerCommand(): Command {
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
      "--envoy-memory-bytes <bytes>",
      "memory of Envoy's container",
      wholeNumber(2 ** 20, 2 ** 48),
      DEFAULT_ENVOY_MEMORY_BYTES,
    )
    .option("--credential <kind/name/key>", "what is mounted for doors; may be repeated", addCredential, [])
    .option("--credential-directory <directory>", "where it is mounted", CREDENTIAL_DIRECTORY)
    .option(
      "--collector <url>",
      "where the collector takes impressions; without it none are counted",
      parseUrl,
    )
    .option("--feedback-address <host:port>", "where the collector takes labels", parseHostAndPort)
    .option("--access-token <path>", "file of what opens the collector, one a line")
    .option("--access-log-directory <directory>", "where Envoy writes its access log, and impressions wait")
    .option(
      "--least-drain-time <duration>",
      `how long Envoy goes on at least once the pod is deleted (default: "${ROUTER_DRAIN_SECONDS.least}s")`,
      durationOption(),
      ROUTER_DRAIN_SECONDS.least * 1000,
    )
    .option(
      "--longest-drain-time <duration>",
      `how long it goes on at most while requests are under way (default: "${ROUTER_DRAIN_SECONDS.longest}s")`,
      durationOption(),
      ROUTER_DRAIN_SECONDS.longest * 1000,
    )
    .action(run);
}

async function run(options: Arguments): Promise<void> {
  const log = createLogger({
    write: (line) => process.stdout.write(line),
    now: () => systemClock.now(),
    fields: { "service.name": "petrel-router" },
  });
  const impressions = countingOf(options);
  const layout = configurationLayout(
    options.configDirectory,
    options.credentialDirectory,
    impressions?.accessLogDirectory,
  );
  const address = wildcardAddress(options);
  const endpoint = await loadEndpoint({ clock: systemClock, environment: process.env });
  const metrics = createRouterMetrics(endpoint.server.host, () => router.status);
  const transport = createTransport({
    endpoint,
    clock: systemClock,
    userAgent: "petrel-router",
    observe: metrics.observeRequest,
  });
  const envoy = envoyAdministration(options.adminPort);
  const drain = new Drain({
    envoy,
    clock: systemClock,
    leastMilliseconds: options.leastDrainTime,
    longestMilliseconds: options.longestDrainTime,
  });
  const counting = { envoy: countingEnvoy(options.adminPort), clock: systemClock, log };
  const firstTries = new FirstTryCounter(counting);
  const load = new LoadCounter(counting);
  const router = new Router({
    identity: options,
    port: transport,
    envoy,
    // All routers of a namespace are made from one template, so their ports are ours.
    probePeer: httpPeerProbe(options.envoyMetricsPort),
    store: new ConfigurationDirectory(layout),
    bootstrap: renderBootstrap({
      nodeId: options.podName,
      address,
      adminPort: options.adminPort,
      metricsPort: options.envoyMetricsPort,
      maximumConnections: options.maxConnections,
      memoryBytes: options.envoyMemoryBytes,
      ...(impressions === undefined ? {} : { collector: impressions.feedbackAddress }),
      layout,
    }),
    credentials: new CredentialDirectory(options.credential, layout),
    settings: { layout, address, ports: MODEL_POD_PORT },
    drainMilliseconds: options.longestDrainTime,
    firstTries,
    load,
    clock: systemClock,
    random: Math.random,
    log,
  });
  const server = await startStatusServer({
    port: options.httpPort,
    registry: metrics.registry,
    checks: statusChecks(() => router.status),
    waits: { [DRAINED_PATH]: (signal) => drain.finished(signal) },
    documents: {
      [FIRST_TRIES_PATH]: (query) => firstTriesDocument(firstTries, query),
      [LOAD_PATH]: (query) => loadDocument(load, query),
    },
  });
  const shipper = impressions === undefined ? undefined : shipperOf(options, impressions, router, log);
  if (shipper !== undefined) showShipping(metrics.registry, () => shipper.figures);
  const stop = stopOnSignals(log);
  const shipping = shipper?.run(stop);
  const counted = [firstTries.run(stop), load.run(stop)];
  await router.run(stop);
  await shipping;
  await Promise.all(counted);
  // While Envoy goes on, this container alone is replaced, and the next one ships what follows.
  if (!(await envoy.isReady())) await shipper?.finish();
  await server.close();
  transport.close();
  log.info("stopped");
}

/** Of a ModelDeployment that this router does not know it says that it has counted no minute: it may know it soon. */
function firstTriesDocument(firstTries: FirstTryCounter, query: URLSearchParams): string | undefined {
  const deployment = query.get("deployment");
  return deployment === null ? undefined : firstTriesText(deployment, firstTries.firstTries(deployment));
}

/** Of what does not scale it says nothing. */
function loadDocument(load: LoadCounter, query: URLSearchParams): string | undefined {
  const after = query.get("after") ?? "";
  return /^\d{1,15}$/.test(after) ? loadText(load.load(Number(after))) : undefined;
}

/** What impressions need, all of it; undefined where none are counted. */
interface Counting {
  readonly collector: URL;
  readonly feedbackAddress: HostAndPort;
  readonly accessToken: string;
  readonly accessLogDirectory: string;
}

function countingOf(options: Arguments): Counting | undefined {
  const { collector, feedbackAddress, accessToken, accessLogDirectory } = options;
  if (collector === undefined) return undefined;
  if (feedbackAddress === undefined || accessToken === undefined || accessLogDirectory === undefined)
    throw new Error(
      "expected --feedback-address, --access-token and --access-log-directory together with --collector",
    );
  return { collector, feedbackAddress, accessToken, accessLogDirectory };
}

function shipperOf(
  { podName, podUid, adminPort }: Arguments,
  { collector, accessToken, accessLogDirectory }: Counting,
  router: Router,
  log: Logger,
): ImpressionShipper {
  return new ImpressionShipper({
    podName,
    podUid,
    directory: new LogDirectory(accessLogIn(accessLogDirectory)),
    collector: collectorClient(collector.origin, accessToken),
    envoy: loggingEnvoy(adminPort),
    podIsGone: (uid) => router.podIsGone(uid),
    clock: systemClock,
    log,
  });
}

function parseUrl(text: string): URL {
  const url = URL.parse(text);
  if (url !== null && /^https?:$/.test(url.protocol) && url.pathname === "/") return url;
  throw new InvalidArgumentError(`expected a URL such as http://petrel-collector:8086, got "${text}"`);
}

function parseHostAndPort(text: string): HostAndPort {
  const [, host = "", port = ""] = /^([a-z0-9.-]{1,253}):([0-9]{1,5})$/.exec(text) ?? [];
  if (host !== "" && Number(port) >= 1 && Number(port) <= 65_535) return { host, port: Number(port) };
  throw new InvalidArgumentError(`expected HOST:PORT, got "${text}"`);
}

function addCredential(text: string, before: readonly Credential[]): readonly Credential[] {
  const [kind, name, key, ...rest] = text.split("/");
  const isComplete =
    name !== undefined && name !== "" && key !== undefined && key !== "" && rest.length === 0;
  if ((kind === "Secret" || kind === "ConfigMap") && isComplete) return [...before, { kind, name, key }];
  throw new InvalidArgumentError(`expected Secret/NAME/KEY or ConfigMap/NAME/KEY, got "${text}"`);
}

function parseAddress(text: string): string {
  if (isIP(text) !== 0) return text;
  throw new InvalidArgumentError(`expected an IP address, got "${text}"`);
}
