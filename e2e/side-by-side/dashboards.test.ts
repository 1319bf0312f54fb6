/**
 * That no panel and no rule of the chart is empty for ever: a real Prometheus scrapes a real run as the chart's PodMonitors
 * say, with the chart's rules, and is then asked all that dashboards and rules ask. What must be silent, and what takes longer
 * than such a run, is excused by name, with what shows it.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { asList, valueAt } from "../../src/api/json.ts";
import {
  type RuleGroup,
  renderedObjects,
  ruleGroups,
} from "../../test/apiserver/monitoring/rendered-rules.ts";
import { type PrometheusProcess, startPrometheus } from "../../test/apiserver/prometheus-process.ts";
import { DASHBOARDS } from "../../tools/dashboards/register.ts";
import { Campaign, ORDER_LABEL, VISITOR_HEADER } from "../campaign.ts";
import { nodeImage } from "../cluster/index.ts";
import { EvidenceVolume } from "../evidence-volume.ts";
import { exampleModel, exampleRows, plainDeployment } from "../example-models.ts";
import { grpcClient, predict, predictOverGrpc } from "../inference-client.ts";
import { GATE_HOOK, OPERATOR_NAMESPACE, SCRAPER_LABELS } from "../installation.ts";
import { askedQueries, type Unanswered, unanswered } from "../monitoring/asked-queries.ts";
import { scrapeJobs } from "../monitoring/scrape-jobs.ts";
import { PROXY, scrapeProxy } from "../monitoring/scrape-proxy.ts";
import { Scenario, sharedCluster } from "../scenario.ts";

const NAME = "shown";
/** Routers tell of whole minutes, and the operator asks the collector once in one; drift is of whole minutes as well. */
const ALL_ANSWERED_SECONDS = 600;
/** Values of a pod that make its reference, and then a window. */
const WINDOW_VALUES = 100;

const quality = {
  labels: [{ name: ORDER_LABEL, matures: "10s" }],
  metrics: [
    { name: "conversion", type: "ConversionRate" },
    { name: "returns", type: "LabelRatio", label: ORDER_LABEL, cap: 5, better: "Lower" },
    { name: "loss", type: "LogLoss", label: ORDER_LABEL },
  ],
  userHeader: VISITOR_HEADER,
  response: { scores: "score", probability: true },
  anomalies: { falseAlarmEvery: "720h" },
  observe: {
    features: [{ name: "first", input: "features", minimum: "0", maximum: "100000" }],
    drift: {
      reference: { type: "FirstValues", firstValues: { count: WINDOW_VALUES } },
      window: "1m",
      minimumValues: WINDOW_VALUES,
      falseAlarmEvery: "720h",
    },
  },
};

/** It stays in its step. Nobody answers the hook, so that one gate has nothing to judge by. */
const rollout = {
  strategy: { type: "Canary", canary: { steps: [{ weight: "50%", minDuration: "2h" }] } },
  gates: [
    // So narrow that it needs more than such a run has, and says how much.
    { name: "orders", type: "Quality", quality: { metric: "conversion", nonInferiorityMargin: "0.5%" } },
    { name: "returns", type: "Quality", quality: { metric: "returns", nonInferiorityMargin: "10%" } },
    { name: "latency", type: "Latency", latency: { quantile: "p90", max: "5s" } },
    { name: "errors", type: "Errors", errors: { max: "50%" } },
    {
      name: "nobody",
      type: "WebHook",
      onNoData: "Wait",
      webHook: { url: `http://${GATE_HOOK.host}:${GATE_HOOK.port}/nobody` },
    },
  ],
};

const rows = exampleRows().map((row) => row.features);
/** Beyond the range of the settings. */
const strangeRow = (rows[0] ?? []).map((value, index) => (index === 0 ? 1e6 : value));

let scenario: Scenario;
let volume: EvidenceVolume;
let folder: string;
let groups: readonly RuleGroup[];
let prometheus: PrometheusProcess | undefined;

const deployment = (version: "1" | "2") =>
  plainDeployment(NAME, { model: exampleModel(version), replicas: 1, quality, rollout });

/** Pods that may be scraped: those of this scenario, and the operator's. */
async function pods(): Promise<readonly unknown[]> {
  const lists = await Promise.all(
    [scenario.namespace, OPERATOR_NAMESPACE].map((namespace) =>
      scenario.cluster.kubectl(["-n", namespace, "get", "pods", "-o", "json"]),
    ),
  );
  return lists.flatMap((text) => asList(valueAt(JSON.parse(text), "items")));
}

/** With what both revisions run on, so that all of them are there to be scraped. */
async function scrape(): Promise<PrometheusProcess> {
  const monitors = await renderedObjects("pod-monitors.yaml", "--set=podMonitor.enabled=true");
  const found = await pods();
  const jobs = scrapeJobs(monitors, found);
  // What has no target would be empty for another reason.
  expect(jobs.filter(({ static_configs }) => static_configs.length === 0)).toEqual([]);
  const rules = join(folder, "rules.json");
  writeFileSync(rules, JSON.stringify({ groups }));
  return await startPrometheus(folder, {
    global: { scrape_interval: "2s", scrape_timeout: "2s", evaluation_interval: "2s" },
    rule_files: [rules],
    scrape_configs: jobs.map((job) => ({ ...job, proxy_url: proxy })),
  });
}

let proxy: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "petrel-dashboards-"));
  groups = await ruleGroups();
  const cluster = await sharedCluster();
  scenario = await Scenario.create(cluster, "dashboards");
  volume = new EvidenceVolume(scenario);
  await volume.make();
  const node = await nodeImage(() => {});
  await cluster.loadImage(node.archive);
  for (const object of scrapeProxy(SCRAPER_LABELS, node.name)) await scenario.apply(object);
  await scenario.apply(deployment("1"));
  await scenario.waitFor(NAME, "Ready");
  await scenario.waitFor(NAME, "EvidenceReady");
  await scenario.kubectl("wait", `pod/${PROXY}`, "--for=condition=Ready", "--timeout=120s");
  proxy = await scenario.url(PROXY);
}, 420_000);

afterAll(async () => {
  await prometheus?.stop();
  rmSync(folder, { recursive: true, force: true });
  await scenario.dispose();
  await volume.remove();
}, 180_000);

test("nothing that dashboards and rules ask for is empty in a run with a release, labels and drift", async () => {
  const url = await scenario.url(NAME);
  const campaign = await Campaign.counted(scenario, url, NAME);
  await scenario.apply(deployment("2"));
  const release = await scenario.until(
    "a release has begun",
    async () => (await scenario.status(NAME)).rollout?.name,
    (name) => name !== undefined,
    180,
  );
  await scenario.until(
    "both revisions are there",
    () => scenario.pods("model-server", NAME),
    (found) => found.length === 2,
  );
  const running = await scrape();
  prometheus = running;
  const queries = askedQueries(DASHBOARDS, groups, {
    namespace: scenario.namespace,
    model_deployment: NAME,
    rollout: release ?? "",
    gate: ".+",
    column: ".+",
    __rate_interval: "30s",
  });
  const client = grpcClient(url);
  try {
    await campaign.during(async (signal) => {
      const left = await scenario.until(
        "all is answered",
        async (): Promise<readonly Unanswered[]> => {
          await predict(url, NAME, [strangeRow]).catch(() => {});
          await predictOverGrpc(client, NAME, rows.slice(0, 1)).catch(() => {});
          return await unanswered(queries, running.hasAnswer);
        },
        (found) => found.length === 0 || signal.aborted,
        ALL_ANSWERED_SECONDS,
      );
      expect(left).toEqual([]);
    });
  } finally {
    client.close();
  }
}, 900_000);
