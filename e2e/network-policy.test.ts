/**
 * Who reaches a model server: routers, scrapers on the port of the metrics, probes. Everybody else is refused, and seen
 * refused, while predictions go on.
 */
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { MODEL_POD_PORT } from "../src/api/names.ts";
import { type Cluster, nodeImage } from "./cluster/index.ts";
import { exampleRows, exampleScores, plainDeployment } from "./example-models.ts";
import { predict } from "./inference-client.ts";
import { SCRAPER_LABELS } from "./installation.ts";
import { Scenario, sharedCluster } from "./scenario.ts";
import { scriptPod } from "./script-pod.ts";

const NAME = "guarded";
const ports = Object.entries(MODEL_POD_PORT);

let cluster: Cluster;
let scenario: Scenario;
let image: string;
let address: string;

/** A pod that connects to each port of the model server once a second, and tells how that went. */
function caller(name: string, labels: Readonly<Record<string, string>>): object {
  const script = `setInterval(async () => {
    const results = await Promise.all(${JSON.stringify(ports)}.map(([name, port]) => new Promise((resolve) => {
      const socket = require("net").connect({ host: "${address}", port });
      socket.setTimeout(5_000, () => socket.destroy(new Error("no answer")));
      socket.once("connect", () => resolve(name + " open") ?? socket.destroy());
      socket.once("error", (error) => resolve(name + " " + (error.code ?? error.message)));
    })));
    console.log(results.join(", "));
  }, 1000)`;
  return scriptPod(name, { labels, image, script });
}

function lastWord(pod: string): Promise<string> {
  return scenario.kubectl("logs", pod, "--tail=1").then(
    (line) => line.trim(),
    () => "",
  );
}

beforeAll(async () => {
  cluster = await sharedCluster();
  scenario = await Scenario.create(cluster, "policy");
  const node = await nodeImage(() => {});
  await cluster.loadImage(node.archive);
  image = node.name;
  await scenario.apply(plainDeployment(NAME, { replicas: 1 }));
  await scenario.waitFor(NAME, "Ready");
  const [pod] = await scenario.pods("model-server", NAME);
  address = (await scenario.kubectl("get", "pod", pod?.name ?? "", "-o", "jsonpath={.status.podIP}")).trim();
}, 300_000);

afterAll(() => scenario.dispose(), 180_000);

test("a pod of the same namespace is refused on every port", async () => {
  await scenario.apply(caller("stranger", {}));
  const refused = ports.map(([port]) => `${port} ECONNREFUSED`).join(", ");
  await scenario.until(
    "the stranger is refused",
    () => lastWord("stranger"),
    (word) => word === refused,
  );
}, 180_000);

test("a scraper reaches the metrics alone", async () => {
  await scenario.apply(caller("scraper", SCRAPER_LABELS));
  const expected = ports
    .map(([port]) => `${port} ${port === "metrics" ? "open" : "ECONNREFUSED"}`)
    .join(", ");
  await scenario.until(
    "the scraper reaches the metrics",
    () => lastWord("scraper"),
    (word) => word === expected,
  );
}, 180_000);

test("the routers reach it: predictions are answered, and probes keep it ready", async () => {
  const rows = exampleRows().map((row) => row.features);
  const { scores } = await predict(await scenario.url(NAME), NAME, rows);
  expect(scores).toHaveLength(exampleScores("1").length);
  expect(await scenario.condition(NAME, "Ready")).toMatchObject({ status: "True" });
});
