/**
 * The chart's example of where alerts go, in a real Alertmanager: it is valid, each alert of the chart comes to whom it is
 * for, and one that a real Prometheus raises comes to the web hook, as does its end.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { asList, parseJson, valueAt } from "../../src/api/json.ts";
import { amtool, startAlertmanager } from "./alertmanager-process.ts";
import type { LoopbackProgram } from "./loopback-program.ts";
import { type Adoption, alertmanagerConfiguration, NOBODY } from "./monitoring/alertmanager-configuration.ts";
import { type Rule, renderedObjects, ruleGroups } from "./monitoring/rendered-rules.ts";
import { type PrometheusProcess, scraping, startPrometheus } from "./prometheus-process.ts";
import { until } from "./router-envoy/until.ts";

const LIMIT_MILLISECONDS = 300_000;
const WAIT_MILLISECONDS = 120_000;
const ALARM = 'petrel_anomaly_alarm{namespace="shop",model_deployment="ranker",series="errors"} 1\n';

/** What the web hooks got: path, status and alert. */
const told: string[] = [];
let exported = ALARM;
const world = createServer((request, response) => {
  if (request.url === "/metrics") {
    response.setHeader("content-type", "text/plain; version=0.0.4").end(exported);
    return;
  }
  let body = "";
  request.on("data", (chunk) => {
    body += chunk;
  });
  request.on("end", () => {
    for (const alert of asList(valueAt(parseJson(body), "alerts"))) {
      told.push(`${request.url} ${valueAt(alert, "status")} ${valueAt(alert, "labels", "alertname")}`);
    }
    response.end();
  });
});

let folder: string;
let example: unknown;
let alerts: readonly Rule[];
let alertmanager: LoopbackProgram;
let prometheus: PrometheusProcess;

/** Writes the example down as it is adopted; gives the path. */
function written(name: string, adoption: Omit<Adoption, "urls">): string {
  const address = `http://127.0.0.1:${(world.address() as AddressInfo).port}`;
  const urls = { page: `${address}/page`, ticket: `${address}/ticket` };
  const path = join(folder, name);
  // YAML, of which JSON is a part.
  writeFileSync(path, JSON.stringify(alertmanagerConfiguration(example, { ...adoption, urls })));
  return path;
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "petrel-alertmanager-"));
  await new Promise<void>((resolve) => world.listen(0, "127.0.0.1", resolve));
  [example] = await renderedObjects("monitoring/alertmanager.yaml", "--set=alertmanagerConfig.enabled=true");
  const groups = await ruleGroups();
  alerts = groups.flatMap(({ rules }) => rules).filter(({ alert }) => alert !== undefined);
  // Nobody waits a minute for others of the same ModelDeployment here.
  const configuration = written("served.json", { strategy: "None", times: "1s" });
  alertmanager = await startAlertmanager(folder, configuration);
  const rules = join(folder, "rules.json");
  writeFileSync(rules, JSON.stringify({ groups }));
  const { port } = world.address() as AddressInfo;
  const { global, ...jobs } = scraping(`127.0.0.1:${port}`) as { readonly global: object };
  prometheus = await startPrometheus(folder, {
    ...jobs,
    global: { ...global, evaluation_interval: "1s" },
    rule_files: [rules],
    alerting: { alertmanagers: [{ static_configs: [{ targets: [alertmanager.url.host] }] }] },
  });
}, LIMIT_MILLISECONDS);

afterAll(async () => {
  await prometheus?.stop();
  await alertmanager?.stop();
  world.closeAllConnections();
  await new Promise((resolve) => world.close(resolve));
  rmSync(folder, { recursive: true, force: true });
}, LIMIT_MILLISECONDS);

/** Who gets an alert with such labels. */
async function receiverOf(configuration: string, labels: Readonly<Record<string, string>>): Promise<string> {
  const words = Object.entries(labels).map(([name, value]) => `${name}=${value}`);
  const call = ["config", "routes", "test", `--config.file=${configuration}`, ...words];
  return await amtool(call);
}

test(
  "amtool finds nothing wrong with it",
  async () => {
    for (const strategy of ["None", "OnNamespace"] as const) {
      const path = written(`${strategy}.json`, { strategy });
      expect(await amtool(["check-config", path])).toContain("SUCCESS");
    }
  },
  LIMIT_MILLISECONDS,
);

test(
  "each alert of the chart comes to whom its severity says, and one of others to nobody by it",
  async () => {
    const path = written("routes.json", { strategy: "None" });
    // Routes look at these two labels: what comes of one alert of a severity comes of all of them.
    for (const { alert } of alerts) expect(alert).toMatch(/^Petrel./);
    const bySeverity = Map.groupBy(alerts, ({ labels }) => labels?.["severity"] ?? "none");
    expect([...bySeverity.keys()].toSorted()).toEqual(["page", "ticket"]);
    for (const [severity, [{ alert = "" } = {}]] of bySeverity) {
      expect(await receiverOf(path, { alertname: alert, severity, namespace: "shop" })).toBe(severity);
    }
    expect(await receiverOf(path, { alertname: "KubePodCrashLooping", severity: "page" })).toBe(NOBODY);
  },
  LIMIT_MILLISECONDS,
);

test(
  "unless told otherwise it takes the alerts of its own namespace alone",
  async () => {
    const path = written("namespaced.json", { strategy: "OnNamespace" });
    const labels = { alertname: "PetrelAnomaly", severity: "ticket" };
    expect(await receiverOf(path, { ...labels, namespace: "petrel-system" })).toBe("ticket");
    expect(await receiverOf(path, { ...labels, namespace: "shop" })).toBe(NOBODY);
  },
  LIMIT_MILLISECONDS,
);

test(
  "an alert of Prometheus comes to its web hook, and so does its end",
  async () => {
    await until("it is told", () => told.includes("/ticket firing PetrelAnomaly"), WAIT_MILLISECONDS);
    exported = "";
    await until("its end is told", () => told.includes("/ticket resolved PetrelAnomaly"), WAIT_MILLISECONDS);
    expect(told.filter((line) => line.startsWith("/page"))).toEqual([]);
  },
  LIMIT_MILLISECONDS,
);

test(
  "a ticket is not opened while somebody is awake for the same ModelDeployment",
  async () => {
    const alert = (alertname: string, severity: string, name: string) => ({
      labels: { alertname, severity, namespace: "shop", model_deployment: name },
    });
    const waking = alerts.find(({ labels }) => labels?.["severity"] === "page")?.alert ?? "";
    const page = alert(waking, "page", "search");
    const tickets = [alert("PetrelDrift", "ticket", "search"), alert("PetrelDrift", "ticket", "basket")];
    const response = await fetch(new URL("api/v2/alerts", alertmanager.url), {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify([page, ...tickets]),
    });
    expect(response.status).toBe(200);
    const found = async () => {
      const filter = new URLSearchParams({ filter: 'alertname="PetrelDrift"' });
      const answer = await fetch(new URL(`api/v2/alerts?${filter}`, alertmanager.url));
      return asList(await answer.json()).map(
        (one) => `${valueAt(one, "labels", "model_deployment")} ${valueAt(one, "status", "state")}`,
      );
    };
    await until(
      "both tickets are looked at",
      async () =>
        (await found()).every((line) => !line.endsWith("unprocessed")) && (await found()).length === 2,
      WAIT_MILLISECONDS,
    );
    expect((await found()).toSorted()).toEqual(["basket active", "search suppressed"]);
  },
  LIMIT_MILLISECONDS,
);
