/**
 * `petrel operator`: the process around the operator. Arguments, signals, leader election, HTTP; no decision.
 */
import { randomUUID } from "node:crypto";
import { Command, InvalidArgumentError, Option } from "commander";
import type { ModelDeployment } from "../api/model-deployment.ts";
import { API_GROUP, API_GROUP_VERSION } from "../api/names.ts";
import { sleep, systemClock } from "../core/clock.ts";
import type { EventIntent } from "../core/decision.ts";
import { createLogger, type Logger } from "../core/log.ts";
import type { OperatorSettings } from "../core/observation.ts";
import { loadEndpoint } from "../kube/endpoint.ts";
import { EventRecorder } from "../kube/events.ts";
import { runLeaderElection } from "../kube/leader-election.ts";
import { createTransport } from "../kube/transport.ts";
import { createOperatorMetrics } from "./metrics.ts";
import { Operator } from "./operator.ts";
import { startStatusServer } from "./status-server.ts";

/** Time that the last Events get to be recorded when the process ends. */
const LAST_EVENTS_MILLISECONDS = 2_000;

interface Arguments {
  readonly image: string;
  readonly envoyImage: string;
  readonly imagePullPolicy: OperatorSettings["imagePullPolicy"];
  readonly routerClusterRole: string;
  readonly routerReplicas: number;
  readonly namespace: string;
  readonly httpPort: number;
  readonly workers: number;
}

function wholeNumber(minimum: number, maximum: number) {
  return (text: string): number => {
    const value = Number(text);
    if (Number.isInteger(value) && value >= minimum && value <= maximum) return value;
    throw new InvalidArgumentError(`expected a whole number from ${minimum} to ${maximum}, got "${text}"`);
  };
}

/** The verb `petrel operator`. */
export function operatorCommand(): Command {
  return new Command("operator")
    .description("Reconciles ModelDeployments. Run two or more; one of them leads.")
    .requiredOption("--image <image>", "image of petrel, for model servers and routers")
    .requiredOption("--envoy-image <image>", "image of Envoy, for routers")
    .addOption(
      new Option("--image-pull-policy <policy>", "pull policy of both images")
        .choices(["Always", "IfNotPresent", "Never"])
        .default("IfNotPresent"),
    )
    .requiredOption(
      "--router-cluster-role <name>",
      "ClusterRole that routers are bound to in their namespace",
    )
    .option("--router-replicas <count>", "routers per namespace", wholeNumber(1, 100), 2)
    .addOption(
      new Option("--namespace <namespace>", "namespace of the leader election's Lease")
        .env("POD_NAMESPACE")
        .makeOptionMandatory(),
    )
    .option("--http-port <port>", "port of health and metrics", wholeNumber(1, 65_535), 8080)
    .option("--workers <count>", "ModelDeployments reconciled at the same time", wholeNumber(1, 1000), 10)
    .action(run);
}

async function run(options: Arguments): Promise<void> {
  const log = createLogger({
    write: (line) => process.stdout.write(line),
    now: () => systemClock.now(),
    fields: { "service.name": "petrel-operator" },
  });
  const endpoint = await loadEndpoint({ clock: systemClock, environment: process.env });
  const metrics = createOperatorMetrics(endpoint.server.host);
  const transport = createTransport({
    endpoint,
    clock: systemClock,
    userAgent: "petrel-operator",
    observe: metrics.observeRequest,
  });
  const instance = process.env["POD_NAME"] ?? `operator-${randomUUID()}`;
  const access = { port: transport, clock: systemClock, random: Math.random, log };
  const events = new EventRecorder({
    ...access,
    reportingController: `${API_GROUP}/operator`,
    reportingInstance: instance,
  });
  const operator = new Operator({
    ...access,
    settings: {
      image: options.image,
      envoyImage: options.envoyImage,
      imagePullPolicy: options.imagePullPolicy,
      routerClusterRole: options.routerClusterRole,
      routerReplicas: options.routerReplicas,
    },
    workers: options.workers,
    observe: (controller) => metrics.observe(controller),
    recordEvent: (deployment, event) => recordEvent(events, deployment, event),
  });

  const stop = stopOnSignals(log);
  const watching = new AbortController();
  let isSynced = false;
  const server = await startStatusServer({
    port: options.httpPort,
    registry: metrics.registry,
    isReady: () => isSynced,
  });
  const watches = operator.watch(watching.signal);
  void operator.synced().then(() => {
    isSynced = true;
    log.info("caches are filled");
  });

  const outcome = await runLeaderElection(
    {
      ...access,
      namespace: options.namespace,
      name: "petrel-operator",
      identity: `${instance}_${randomUUID()}`,
      async lead(lost) {
        metrics.setLeader(true);
        log.info("this instance leads");
        await operator.lead(stop, lost);
        metrics.setLeader(false);
      },
    },
    stop,
  );
  log.info("stopping", { "petrel.election": outcome });
  await Promise.race([events.flush(), sleep(systemClock, LAST_EVENTS_MILLISECONDS)]);
  watching.abort();
  await watches;
  server.close();
  server.closeAllConnections();
  transport.close();
  // Whoever lost the lease starts anew: its knowledge may be old.
  process.exitCode = outcome === "Lost" ? 1 : 0;
}

function recordEvent(events: EventRecorder, deployment: ModelDeployment, event: EventIntent): void {
  const { name, namespace, uid, resourceVersion } = deployment.metadata;
  const metadata = { name, namespace, uid, resourceVersion };
  events.record({ apiVersion: API_GROUP_VERSION, kind: "ModelDeployment", metadata }, event);
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
