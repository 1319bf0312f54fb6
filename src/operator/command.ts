/**
 * `petrel operator`: the process around the operator. Arguments, signals, leader election, HTTP; no decision.
 */
import { randomUUID } from "node:crypto";
import { Command, InvalidArgumentError, Option } from "commander";
import Type from "typebox";
import type { JsonRecord } from "../api/json.ts";
import { API_GROUP } from "../api/names.ts";
import { sleep, systemClock } from "../core/clock.ts";
import { createLogger, LOG_LEVELS, type Logger, type LogLevel } from "../core/log.ts";
import type { OperatorSettings } from "../core/observation.ts";
import { loadEndpoint } from "../kube/endpoint.ts";
import { EventRecorder } from "../kube/events.ts";
import { MAXIMUM_CALL_SOCKETS } from "../kube/http-connection.ts";
import { ELECTION_BOUNDS, runLeaderElection } from "../kube/leader-election.ts";
import { createTransport } from "../kube/transport.ts";
import { startStatusServer } from "../process/status-server.ts";
import { stopOnSignals } from "../process/stop-on-signals.ts";
import { wholeNumber } from "../process/whole-number.ts";
import { type CollectorPods, collectorPodsSchema } from "../render/collector-pods.ts";
import { type RouterPods, routerPodsSchema } from "../render/router-pods.ts";
import { askAnomaliesOverHttp } from "./ask-anomalies.ts";
import { askCollectorOverHttp } from "./ask-collector.ts";
import { askExperimentOverHttp } from "./ask-experiment.ts";
import { askOverHttp } from "./ask-gate.ts";
import { askLoadOverHttp } from "./ask-load.ts";
import { askProbersOverHttp } from "./ask-prober.ts";
import { askRoutersOverHttp } from "./ask-routers.ts";
import { askShadowOverHttp } from "./ask-shadow.ts";
import { CollectorReadings } from "./collector-readings.ts";
import { eventSink } from "./event-sink.ts";
import { askGates } from "./gate-answers.ts";
import { jsonOption } from "./json-option.ts";
import { createOperatorMetrics, type OperatorMetrics } from "./metrics.ts";
import { networkPolicyPeers } from "./network-policy-peers.ts";
import { Operator } from "./operator.ts";

/** Name of the Lease by which the leader is elected. */
const LEASE_NAME = "petrel-operator";
/** Time that the last Events get to be recorded when the process ends. */
const LAST_EVENTS_MILLISECONDS = 2_000;

interface Arguments {
  readonly image: string;
  readonly cudaImage?: string;
  readonly envoyImage: string;
  readonly imagePullPolicy: OperatorSettings["imagePullPolicy"];
  readonly routerRole: string;
  readonly routerReplicas: number;
  readonly routerPods?: RouterPods;
  readonly collectorPods?: CollectorPods;
  readonly metricsScrapers: readonly JsonRecord[];
  readonly operatorLabels?: Readonly<Record<string, string>>;
  readonly keda: boolean;
  readonly gateUrls: readonly string[];
  readonly namespace: string;
  readonly namespaces?: readonly string[];
  readonly httpPort: number;
  readonly workers: number;
  readonly logLevel: LogLevel;
}

/** Each waits for one call at a time: fewer than the connections, of which routers, lists and Events need some. */
const MAXIMUM_WORKERS = MAXIMUM_CALL_SOCKETS - 12;

/** Each is watched by a connection for every kind of object, so more of them are better served by one for all. */
const MAXIMUM_NAMESPACES = 100;

function namespaceNames(text: string): readonly string[] {
  const names = [...new Set(text.split(","))];
  const isName = (name: string) => /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(name);
  if (names.every(isName) && names.length <= MAXIMUM_NAMESPACES) return names;
  throw new InvalidArgumentError(
    `expected 1 to ${MAXIMUM_NAMESPACES} names of namespaces with commas between, got "${text}"`,
  );
}

const routerPods = jsonOption(
  routerPodsSchema,
  `a JSON object with ${Object.keys(routerPodsSchema.properties).join(", ")}`,
);

const gateUrls = jsonOption(
  Type.Array(Type.String({ maxLength: 1024, pattern: "^https?://[^\\s/?#@]+(/[^\\s?#]*)?$" }), {
    maxItems: 64,
  }),
  "a JSON list of beginnings of URLs, without credentials, queries and fragments",
);

const operatorLabels = jsonOption(
  Type.Record(Type.String({ pattern: "^[A-Za-z0-9./_-]{1,317}$" }), Type.String({ maxLength: 63 }), {
    minProperties: 1,
    maxProperties: 16,
    additionalProperties: false,
  }),
  "a JSON object with 1 to 16 labels",
);

const collectorPods = jsonOption(
  collectorPodsSchema,
  `a JSON object with ${Object.keys(collectorPodsSchema.properties).join(", ")}`,
);

/** The verb `petrel operator`. */
export function operatorCommand(): Command {
  return new Command("operator")
    .description("Reconciles ModelDeployments. Run two or more; one of them leads.")
    .requiredOption("--image <image>", "image of petrel, for model servers and routers")
    .option("--cuda-image <image>", "image of model servers that compute with CUDA (default: that of petrel)")
    .requiredOption("--envoy-image <image>", "image of Envoy, for routers")
    .addOption(
      new Option("--image-pull-policy <policy>", "pull policy of all images")
        .choices(["Always", "IfNotPresent", "Never"])
        .default("IfNotPresent"),
    )
    .requiredOption(
      "--router-role <name>",
      "ClusterRole, or with --namespaces a Role, that routers are bound to in their namespace",
    )
    .option(
      "--metrics-scrapers <peers>",
      "who may read the metrics of model servers: peers of a NetworkPolicy as JSON",
      networkPolicyPeers,
      [],
    )
    .option("--keda", "make and watch ScaledObjects of KEDA, for ModelDeployments that ask for them", false)
    .option(
      "--router-pods <pods>",
      "pull secrets, node selector, tolerations and resources of routers as JSON",
      routerPods,
    )
    .option(
      "--gate-urls <beginnings>",
      "where gates of releases may ask, as a JSON list of beginnings of URLs; nowhere unless given",
      gateUrls,
      [],
    )
    .option(
      "--operator-labels <labels>",
      "labels that select the operator's own pods as JSON: collectors let those in, from the namespace of the Lease",
      operatorLabels,
    )
    .option(
      "--collector-pods <pods>",
      "pull secrets, node selector, tolerations, resources and storage of collectors as JSON",
      collectorPods,
    )
    .option("--router-replicas <count>", "routers per namespace", wholeNumber(1, 100), 2)
    .addOption(
      new Option("--namespace <namespace>", "namespace of the leader election's Lease")
        .env("POD_NAMESPACE")
        .makeOptionMandatory(),
    )
    .option(
      "--namespaces <names>",
      "watch only these namespaces, with commas between; all of them unless set",
      namespaceNames,
    )
    .addOption(
      new Option("--log-level <level>", "least severity that is written").choices(LOG_LEVELS).default("info"),
    )
    .option("--http-port <port>", "port of health and metrics", wholeNumber(1, 65_535), 8080)
    .option(
      "--workers <count>",
      "ModelDeployments reconciled at the same time",
      wholeNumber(1, MAXIMUM_WORKERS),
      10,
    )
    .action(run);
}

function settingsOf(options: Arguments): OperatorSettings {
  const { image, cudaImage, envoyImage, imagePullPolicy, routerReplicas, routerPods, metricsScrapers } =
    options;
  const { collectorPods, operatorLabels: labels, namespace } = options;
  const kind = options.namespaces === undefined ? "ClusterRole" : "Role";
  return {
    image,
    ...(cudaImage === undefined ? {} : { cudaImage }),
    envoyImage,
    imagePullPolicy,
    routerRole: { kind, name: options.routerRole },
    routerReplicas,
    ...(routerPods === undefined ? {} : { routerPods }),
    ...(collectorPods === undefined ? {} : { collectorPods }),
    ...(labels === undefined ? {} : { operatorPods: { namespace, labels } }),
    metricsScrapers,
    usesKeda: options.keda,
  };
}

/** Fills the caches and tells over HTTP how it stands. Resolves with what ends both. */
async function watch(
  operator: Operator,
  { httpPort }: Arguments,
  registry: OperatorMetrics["registry"],
  log: Logger,
): Promise<() => Promise<void>> {
  const watching = new AbortController();
  const server = await startStatusServer({
    port: httpPort,
    registry,
    checks: {
      "/readyz": () => {
        const { unseenKinds } = operator;
        return unseenKinds.length === 0
          ? undefined
          : `not all objects are seen yet: ${unseenKinds.join(", ")}`;
      },
    },
  });
  const watches = operator.watch(watching.signal);
  void operator.synced().then(() => log.info("caches are filled"));
  return async () => {
    watching.abort();
    await watches;
    await server.close();
  };
}

async function run(options: Arguments): Promise<void> {
  const log = createLogger({
    write: (line) => process.stdout.write(line),
    now: () => systemClock.now(),
    fields: { "service.name": "petrel-operator" },
    level: options.logLevel,
  });
  const clock = systemClock;
  const endpoint = await loadEndpoint({ clock, environment: process.env });
  const metrics = createOperatorMetrics({ host: endpoint.server.host, lease: LEASE_NAME, clock });
  const connection = { endpoint, clock, userAgent: "petrel-operator", observe: metrics.observeRequest };
  const transport = createTransport(connection);
  const electionTransport = createTransport({ ...connection, bounds: ELECTION_BOUNDS });
  const instance = process.env["POD_NAME"] ?? `operator-${randomUUID()}`;
  const access = { port: transport, clock, random: Math.random, log };
  const events = new EventRecorder({
    ...access,
    reportingController: `${API_GROUP}/operator`,
    reportingInstance: instance,
  });
  const collectors = new CollectorReadings({ port: transport, clock });
  const operator = new Operator({
    ...access,
    settings: settingsOf(options),
    ...(options.namespaces === undefined ? {} : { namespaces: options.namespaces }),
    workers: options.workers,
    askGate: askGates(
      askOverHttp(options.gateUrls),
      askCollectorOverHttp(collectors),
      askRoutersOverHttp(),
      askShadowOverHttp({ port: transport }),
      askExperimentOverHttp(collectors),
    ),
    askAnomalies: askAnomaliesOverHttp({ port: transport }),
    askLoad: askLoadOverHttp(),
    askProber: askProbersOverHttp(),
    drillSwitch: options.namespace,
    observe: metrics.observe,
    recordEvent: eventSink(events),
  });
  metrics.show({ ...operator.figures, droppedEvents: () => events.dropped });

  const stop = stopOnSignals(log);
  const endWatch = await watch(operator, options, metrics.registry, log);
  const lead = async (lost: AbortSignal) => {
    metrics.setLeader(true);
    log.info("this instance leads");
    await operator.lead(stop, lost);
    metrics.setLeader(false);
  };
  const candidate = {
    namespace: options.namespace,
    name: LEASE_NAME,
    identity: `${instance}_${randomUUID()}`,
  };
  const outcome = await runLeaderElection({ ...access, port: electionTransport, ...candidate, lead }, stop);
  log.info("stopping", { "petrel.election": outcome });
  await Promise.race([events.flush(), sleep(clock, LAST_EVENTS_MILLISECONDS)]);
  await endWatch();
  transport.close();
  electionTransport.close();
  // Whoever lost the lease starts anew: its knowledge may be old.
  process.exitCode = outcome === "Lost" ? 1 : 0;
}
