/**
 * Model servers that are observed: each has a sidecar that a scraper reads, and nobody else; it counts every prediction
 * and sees features drift. It is killed under load: no prediction fails, and it counts again.
 */
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { parseJson } from "../src/api/json.ts";
import { CONTAINER, MODEL_POD_PORT } from "../src/api/names.ts";
import { type Cluster, nodeImage } from "./cluster/index.ts";
import { exampleRows, plainDeployment } from "./example-models.ts";
import { predict } from "./inference-client.ts";
import { SCRAPER_LABELS } from "./installation.ts";
import { clusterIsLocal, Scenario, sharedCluster } from "./scenario.ts";
import { scriptPod } from "./script-pod.ts";
import { underLoad } from "./under-load.ts";

const NAME = "observed";
const GOES_ON_MILLISECONDS = 3_000;
/** Values of each pod that make its reference, and then its first window. */
const WINDOW_VALUES = 100;
/** So many that each of two pods, chosen at random, gets more than a reference of them. */
const PREDICTIONS = 400;
const rows = exampleRows().map((row) => row.features);
/** Far from whatever any customer did. */
const strangeRow = (rows[0] ?? []).map((value, index) => (index === 0 ? 1e6 : value));

const quality = {
  labels: [{ name: "order", matures: "72h" }],
  metrics: [{ name: "conversion", type: "ConversionRate" }],
  response: { scores: "score", probability: true },
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

/** So long that no request is tried twice, and counted twice, because the machine is busy. */
const traffic = { timeout: "9s", perTryTimeout: "4500ms" };

/** A series, and what its labels must be; labels that are not named are added up. */
type Question = readonly [name: string, labels?: Readonly<Record<string, string>>];
const REQUESTS: Question = ["petrel_model_requests_total", { code: "2xx", arm: "Stable" }];
const FAILED: Question = ["petrel_model_requests_total", { code: "5xx" }];
const ROWS: Question = ["petrel_model_rows_total"];
const SCORES: Question = ["petrel_model_value_count", { column: "score" }];
const NO_PROBABILITIES: Question = ["petrel_model_values_total", { column: "score", kind: "above" }];
const MISSING: Question = ["petrel_model_values_total", { kind: "missing" }];
const REFERENCE: Question = ["petrel_model_drift_reference_ratio", { column: "score" }];
const ALARM: Question = ["petrel_model_drift_alarm", { column: "first", test: "OutOfReference" }];
const CONNECTIONS: Question = ["petrel_sidecar_tap_connections"];
const VALID: Question = ["petrel_sidecar_configuration_valid"];
const STARTED: Question = ["process_start_time_seconds"];
const ASKED = [REQUESTS, ROWS, SCORES, MISSING, REFERENCE, ALARM, CONNECTIONS, VALID, STARTED];

let cluster: Cluster;
let scenario: Scenario;
let url: string;
let addresses: readonly string[];

/** A pod that reads the metrics of each sidecar once a second, and prints the series that are asked for. */
function reader(name: string, labels: Readonly<Record<string, string>>, image: string): object {
  const names = [...new Set(ASKED.map(([series]) => series))];
  const urls = addresses.map((address) => `http://${address}:${MODEL_POD_PORT.sidecar}/metrics`);
  const script = `setInterval(async () => {
    const pages = await Promise.all(${JSON.stringify(urls)}.map(async (url) => {
      try {
        const answer = await fetch(url, { signal: AbortSignal.timeout(5_000) });
        const lines = (await answer.text()).split("\\n");
        return lines.filter((line) => ${JSON.stringify(names)}.includes(line.split(/[{ ]/)[0]) && !/ 0$/.test(line));
      } catch (error) {
        return error.cause?.code ?? String(error);
      }
    }));
    console.log(JSON.stringify(pages));
  }, 1000)`;
  return scriptPod(name, { labels, image, script });
}

/** What a reader last saw of each pod: lines of the exposition format, or why there are none. */
async function lastPages(name: string): Promise<readonly (string | readonly string[])[]> {
  const line = await scenario.kubectl("logs", name, "--tail=1").catch(() => "");
  const pages = parseJson(line.trim());
  return Array.isArray(pages) ? pages : [];
}

/** The sum of the series of a page that answer a question. */
function valueIn(page: string | readonly string[], [name, wanted = {}]: Question): number {
  if (typeof page === "string") return Number.NaN;
  const holds = (line: string) =>
    line.split(/[{ ]/)[0] === name &&
    Object.entries(wanted).every(([label, value]) => line.includes(`${label}="${value}"`));
  return page.filter(holds).reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0);
}

/** The answers of both pods to a question. */
async function seen(question: Question): Promise<readonly number[]> {
  return (await lastPages("scraper")).map((page) => valueIn(page, question));
}

const total = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0);

function untilSeen(
  what: string,
  question: Question,
  holds: (values: readonly number[]) => boolean,
  timeoutSeconds = 120,
): Promise<readonly number[]> {
  return scenario.until(
    what,
    () => seen(question),
    (values) => values.length === addresses.length && holds(values),
    timeoutSeconds,
  );
}

beforeAll(async () => {
  cluster = await sharedCluster();
  scenario = await Scenario.create(cluster, "sidecar");
  const node = await nodeImage(() => {});
  await cluster.loadImage(node.archive);
  await scenario.apply(plainDeployment(NAME, { quality, traffic }));
  await scenario.waitFor(NAME, "Ready");
  url = await scenario.url(NAME);
  const pods = await scenario.pods("model-server", NAME);
  addresses = await Promise.all(
    pods.map(async ({ name }) =>
      (await scenario.kubectl("get", "pod", name, "-o", "jsonpath={.status.podIP}")).trim(),
    ),
  );
  await scenario.apply(reader("scraper", SCRAPER_LABELS, node.name));
  await scenario.apply(reader("stranger", {}, node.name));
}, 300_000);

afterAll(() => scenario.dispose(), 180_000);

test("a scraper reaches the sidecars, which hear of their model servers; a stranger is refused", async () => {
  expect(addresses).toHaveLength(2);
  await untilSeen("each model server is connected", CONNECTIONS, (values) =>
    values.every((each) => each === 1),
  );
  expect(await seen(VALID)).toEqual([1, 1]);
  await scenario.until(
    "the stranger is refused",
    () => lastPages("stranger"),
    (pages) => pages.length > 0 && pages.every((page) => page === "ECONNREFUSED"),
  );
}, 300_000);

test("every prediction is counted, with its scores", async () => {
  for (let sent = 0; sent < PREDICTIONS; sent++) await predict(url, NAME, rows);
  await untilSeen("all are counted", REQUESTS, (values) => total(values) >= PREDICTIONS);
  const totals: Readonly<Record<string, number>> = {
    requests: total(await seen(REQUESTS)),
    failed: total(await seen(FAILED)),
    rows: total(await seen(ROWS)),
    scores: total(await seen(SCORES)),
    noProbabilities: total(await seen(NO_PROBABILITIES)),
    missing: total(await seen(MISSING)),
  };
  expect(totals).toEqual({
    requests: PREDICTIONS,
    failed: 0,
    rows: PREDICTIONS * rows.length,
    // Of each request the row that was drawn.
    scores: PREDICTIONS,
    noProbabilities: 0,
    missing: 0,
  });
  for (const share of await seen(REFERENCE)) expect(share).toBeCloseTo(1, 6);
}, 300_000);

test("features that drift raise an alarm in each pod", async () => {
  await scenario.until(
    "both pods say so",
    async () => {
      for (let sent = 0; sent < 20; sent++) await predict(url, NAME, [strangeRow]);
      return await seen(ALARM);
    },
    (alarms) => alarms.length === 2 && alarms.every((alarm) => alarm === 1),
    300,
  );
}, 420_000);

// A cluster that was given must not be broken: the summary then names this test as not run.
const testOnLocalCluster = clusterIsLocal ? test : test.skip;

testOnLocalCluster(
  "a sidecar that is killed fails no prediction, and counts again",
  async () => {
    const [{ name: pod } = { name: "" }] = await scenario.pods("model-server", NAME);
    const address = addresses.indexOf(
      (await scenario.kubectl("get", "pod", pod, "-o", "jsonpath={.status.podIP}")).trim(),
    );
    const server = await scenario.container(pod, CONTAINER.serve);
    const before = await scenario.container(pod, CONTAINER.sidecar);
    const started = await seen(STARTED);
    const report = await underLoad(scenario, NAME, async () => {
      await cluster.killContainer(before.id);
      await scenario.until(
        "the sidecar is started again",
        () => scenario.container(pod, CONTAINER.sidecar),
        ({ restarts }) => restarts > before.restarts,
      );
      await untilSeen(
        "it is another process",
        STARTED,
        (now) => (now[address] ?? 0) > (started[address] ?? Number.POSITIVE_INFINITY),
      );
      await untilSeen("it hears of predictions", REQUESTS, (values) => (values[address] ?? 0) > 0);
      // However fast all that was, it has to go on.
      await delay(GOES_ON_MILLISECONDS);
    });
    expect(report.failures).toEqual([]);
    expect(report.sent).toBeGreaterThan(100);
    expect(await scenario.container(pod, CONTAINER.serve)).toEqual(server);
    await scenario.waitFor(NAME, "Ready");
  },
  300_000,
);
