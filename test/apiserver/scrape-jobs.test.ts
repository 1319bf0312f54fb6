/**
 * That a real Prometheus scrapes what the chart's PodMonitors select, with the labels on which rules and dashboards rest, and
 * through the proxy by which the end-to-end tier reaches pods; and that an alarm of a collector reaches who takes alerts.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { Registry } from "prom-client";
import { scrapeJobs } from "../../e2e/monitoring/scrape-jobs.ts";
import { proxyScript } from "../../e2e/monitoring/scrape-proxy.ts";
import { asList, parseJson, valueAt } from "../../src/api/json.ts";
import { registerAnomalyMetrics } from "../../src/collect/anomaly-metrics.ts";
import { renderedObjects, ruleGroups } from "./monitoring/rendered-rules.ts";
import { type PrometheusProcess, startPrometheus } from "./prometheus-process.ts";
import { freePort } from "./router-envoy/envoy-process.ts";
import { until } from "./router-envoy/until.ts";

const LIMIT_MILLISECONDS = 300_000;
const WAIT_MILLISECONDS = 120_000;
const OF_ENVOY = `
envoy_cluster_grpc_14{envoy_cluster_name="ranker_candidate_abc_grpc"} 3
envoy_http_downstream_rq_completed{envoy_http_conn_manager_prefix="ranker"} 7
`;

const ofCollector = new Registry();
registerAnomalyMetrics(ofCollector, () => [
  {
    ...{ deployment: "ranker", series: "errors", value: 0.4 },
    detectors: new Map([["Seasonal", { band: { low: 0, high: 0.01 }, since: 5_890_752 }]]),
  },
]);

/** Paths that were asked for at the router's pod. */
const asked = new Set<string>();
/** What came to where an Alertmanager would be. */
const alerts: unknown[] = [];
const router = createServer((request, response) => {
  asked.add(request.url ?? "");
  response.setHeader("content-type", "text/plain; version=0.0.4").end(OF_ENVOY);
});
const collector = createServer(async (_, response) => {
  response.setHeader("content-type", ofCollector.contentType).end(await ofCollector.metrics());
});
const receiver = createServer((request, response) => {
  let body = "";
  request.on("data", (chunk) => {
    body += chunk;
  });
  request.on("end", () => {
    if (request.url === "/api/v2/alerts") alerts.push(...asList(parseJson(body)));
    response.end();
  });
});
const servers: readonly Server[] = [router, collector, receiver];
const portOf = (server: Server) => (server.address() as AddressInfo).port;

let folder: string;
let proxy: ChildProcess;
let prometheus: PrometheusProcess;

/** A pod on loopback, of which both containers listen on one port. */
function podOf(component: string, containerPort: number): object {
  const labels = { "app.kubernetes.io/managed-by": "petrel", "petrel.dev/component": component };
  return {
    metadata: { name: `${component}-0`, namespace: "shop", labels },
    spec: {
      initContainers: [{ name: "envoy", ports: [{ name: "envoy-metrics", containerPort }] }],
      containers: [{ name: component, ports: [{ name: "http", containerPort }] }],
    },
    status: { podIP: "127.0.0.1" },
  };
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "petrel-scrape-"));
  for (const server of servers) await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const proxyPort = await freePort();
  proxy = spawn(process.execPath, ["--eval", proxyScript(proxyPort)], { stdio: "ignore" });
  const monitors = await renderedObjects("pod-monitors.yaml", "--set=podMonitor.enabled=true");
  const jobs = scrapeJobs(monitors, [podOf("router", portOf(router)), podOf("collector", portOf(collector))]);
  const rules = join(folder, "rules.json");
  writeFileSync(rules, JSON.stringify({ groups: await ruleGroups() }));
  prometheus = await startPrometheus(folder, {
    global: { scrape_interval: "1s", scrape_timeout: "1s", evaluation_interval: "1s" },
    rule_files: [rules],
    alerting: {
      alertmanagers: [{ static_configs: [{ targets: [`127.0.0.1:${portOf(receiver)}`] }] }],
    },
    scrape_configs: jobs.map((job) => ({ ...job, proxy_url: `http://127.0.0.1:${proxyPort}` })),
  });
}, LIMIT_MILLISECONDS);

afterAll(async () => {
  await prometheus?.stop();
  proxy?.kill("SIGKILL");
  for (const server of servers) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
  rmSync(folder, { recursive: true, force: true });
}, LIMIT_MILLISECONDS);

test(
  "what Envoy counts is of its pod, its ModelDeployment and its arm",
  async () => {
    const labels = 'namespace="shop",pod="router-0",petrel_component="router",model_deployment="ranker"';
    const failed = `envoy_cluster_grpc_status{${labels},arm="Candidate",grpc_status="14"}`;
    const completed = `envoy_http_downstream_rq_completed{${labels}}`;
    await until(
      "both are scraped",
      async () => (await prometheus.hasAnswer(failed)) && (await prometheus.hasAnswer(completed)),
      WAIT_MILLISECONDS,
    );
    expect([await prometheus.valueOf(failed), await prometheus.valueOf(completed)]).toEqual([3, 7]);
    const targets = 'count(up{petrel_component="router"} == 1)';
    await until(
      "both ports are scraped",
      async () => (await prometheus.valueOf(targets)) === 2,
      WAIT_MILLISECONDS,
    );
    expect(asked).toEqual(new Set(["/metrics", "/stats/prometheus"]));
    expect(await prometheus.hasAnswer('up{petrel_component="model-server"}')).toBe(false);
    await expect(prometheus.hasAnswer("sum by (")).rejects.toThrow("parse error");
  },
  LIMIT_MILLISECONDS,
);

test(
  "an alarm of a collector is an alert, by series, at whoever takes alerts",
  async () => {
    const found = () => alerts.find((alert) => valueAt(alert, "labels", "alertname") === "PetrelAnomaly");
    await until("the alert has come", () => found() !== undefined, WAIT_MILLISECONDS);
    expect(valueAt(found(), "labels")).toEqual({
      ...{ alertname: "PetrelAnomaly", severity: "ticket" },
      ...{ namespace: "shop", model_deployment: "ranker", series: "errors" },
    });
    expect(valueAt(found(), "annotations", "summary")).toBe("shop/ranker: errors is not what it was");
  },
  LIMIT_MILLISECONDS,
);
