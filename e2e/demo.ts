/**
 * `npm run demo`: from nothing to a served model, and on to what makes it worth having: a lost node and a new
 * model version under load, with the failed requests counted; then releases that the orders of a shop decide about.
 *
 * It leaves the cluster up and says how to use it. `--down` removes every trace; `--context NAME` uses a cluster
 * of the kubeconfig instead of a local one.
 */

import { spawn } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import {
  buildTools,
  type Cluster,
  clusterNames,
  countTraces,
  openCluster,
  readCluster,
  removeCluster,
  runOrFail,
  startCluster,
  tracesOf,
} from "./cluster/index.ts";
import { showJudgedReleases } from "./demo-campaign.ts";
import { exampleManifest, exampleRows, inferenceBody } from "./example-models.ts";
import { predict } from "./inference-client.ts";
import { installPetrel, OPERATOR_NAMESPACE, RELEASE } from "./installation.ts";
import { type ProbeReport, quantile } from "./probe.ts";
import { Scenario } from "./scenario.ts";
import { underLoad } from "./under-load.ts";

const NAMESPACE = "petrel-demo";
const MODEL = "ranker";
const REQUESTS_PER_SECOND = 100;
/** Without the cluster's own notice: its kubelet is silent for 40 to 51 s before Kubernetes calls it lost. */
const NODE_LOSS_SECONDS = 20;
const LOCAL_PORT = 18_080;

const startedAt = performance.now();

function say(line = ""): void {
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(0).padStart(4);
  console.log(line === "" ? "" : `[${seconds} s] ${line}`);
}

/** That of the person: their kubeconfig, and what its programs for a login need. */
function ownEnvironment(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}

async function openOrStartCluster({ context, name }: DemoOptions): Promise<Cluster> {
  if (context !== undefined) {
    // The kubeconfig is where the person's own environment says.
    const view = ["config", "view", "--minify", "--flatten", "--context", context];
    const config = await runOrFail("kubectl", view, { wholeEnvironment: ownEnvironment() }).catch(() => {
      console.error(`expected a context of the kubeconfig (kubectl config get-contexts), got "${context}"`);
      process.exit(2);
    });
    const path = join(mkdtempSync(join(tmpdir(), "petrel-demo-")), "kubeconfig");
    writeFileSync(path, config, { mode: 0o600 });
    process.env["PETREL_E2E_KUBECONFIG"] = path;
    return startCluster();
  }
  if (clusterNames().includes(name)) {
    say(`using the cluster "${name}" that is up already`);
    return openCluster(name);
  }
  say("bringing up a local Kubernetes: 3 nodes with 2 stand-in GPUs each");
  return startCluster({
    name,
    nodes: 3,
    gpusPerNode: 2,
    outlives: true,
    progress: say,
  });
}

/** URL of the model from this machine; with a cluster elsewhere, through a forwarded port. */
async function modelUrl(
  scenario: Scenario,
  model: string,
  localPort: number,
): Promise<{ url: string; close: () => void }> {
  if (scenario.cluster.capabilities.has("ReachServices")) {
    return { url: await scenario.url(model), close: () => {} };
  }
  const port = (await scenario.status(model)).traffic?.port;
  const forward = spawn(
    "kubectl",
    ["--kubeconfig", scenario.cluster.kubeconfig, "-n", scenario.namespace, "port-forward"].concat([
      "deployment/petrel-router",
      `${localPort}:${port}`,
    ]),
    { stdio: "ignore" },
  );
  await new Promise((resolve) => setTimeout(resolve, 3000));
  return { url: `http://127.0.0.1:${localPort}`, close: () => void forward.kill() };
}

async function showPredictions(url: string): Promise<void> {
  const all = exampleRows();
  // Few of them bought again: all of these, and as many others as the screen likes.
  const rows = [
    ...all.filter((row) => row.buysAgain === 1),
    ...all.filter((row) => row.buysAgain === 0).slice(0, 8),
  ];
  const { scores, revision } = await predict(
    url,
    MODEL,
    rows.map((row) => row.features),
  );
  say(`predictions by ${revision}, beside what these customers did in the 13 weeks after:`);
  console.log("         orders  last order  spent      score  bought again");
  for (const [index, row] of rows.entries()) {
    const [sinceLast = 0, , , orders = 0, , , , , spend = 0] = row.features;
    const cells = [
      String(orders).padStart(15),
      `${sinceLast} days ago`.padStart(13),
      `$${spend.toFixed(2)}`.padStart(9),
      (scores[index] ?? Number.NaN).toFixed(3).padStart(8),
      row.buysAgain === 1 ? "  yes" : "  no",
    ];
    console.log(cells.join(" "));
  }
}

function showReport(what: string, report: ProbeReport): void {
  const milliseconds = (share: number) => `${quantile(report.latenciesMilliseconds, share).toFixed(1)} ms`;
  say(`${what}: ${report.failures.length} failed of ${report.sent} requests`);
  say(`  latency p50 ${milliseconds(0.5)}, p99 ${milliseconds(0.99)}, longest ${milliseconds(1)}`);
  const inOrder = report.failures.toSorted((left, right) => left.atMilliseconds - right.atMilliseconds);
  for (const { atMilliseconds, reason } of inOrder.slice(0, 5)) {
    say(`  failed at ${(atMilliseconds / 1000).toFixed(2)} s: ${reason.trim()}`);
  }
  if (inOrder.length > 0) say("  expected: none; a machine that is busy with other things can be the cause");
}

function underDemoLoad(
  scenario: Scenario,
  url: string,
  happening: () => Promise<void>,
): Promise<ProbeReport> {
  return underLoad(scenario, MODEL, happening, {
    url,
    ratePerSecond: REQUESTS_PER_SECOND,
    timeoutMilliseconds: 2_000,
  });
}

/** Manifests of the model and of its next version: a cluster that is given may have no GPUs. */
function manifestsOf({ context }: DemoOptions): { readonly first: string; readonly next: string } {
  return context === undefined
    ? { first: "demo.yaml", next: "demo-v2.yaml" }
    : { first: "quickstart.yaml", next: "quickstart-v2.yaml" };
}

interface DemoOptions {
  /** Context of the kubeconfig; absent for a local cluster. */
  readonly context?: string;
  /** Name of the local cluster. */
  readonly name: string;
  /** Whether the releases are shown that orders decide about. */
  readonly releases: boolean;
}

const seconds = (count: number) => new Promise((resolve) => setTimeout(resolve, count * 1000));

async function loseNode(scenario: Scenario, url: string): Promise<void> {
  const { cluster } = scenario;
  if (!cluster.capabilities.has("CutOffNode")) {
    say("NOT SHOWN: a lost node (the nodes of this cluster cannot be cut off from here)");
    return;
  }
  const node = await scenario.nodeWithModelButNoRouter(MODEL);
  if (node === undefined) {
    say("NOT SHOWN: a lost node (every node with a model pod also has a router)");
    return;
  }
  say(`cutting off node ${node}, which runs a model pod, at ${REQUESTS_PER_SECOND} requests/s`);
  try {
    const report = await underDemoLoad(scenario, url, async () => {
      await seconds(3);
      await cluster.cutOff(node);
      await seconds(NODE_LOSS_SECONDS);
    });
    showReport(`node ${node} cut off`, report);
  } finally {
    await cluster.reconnect(node);
    say(`node ${node} is connected again`);
  }
}

async function updateModel(scenario: Scenario, url: string, manifest: string): Promise<void> {
  say(`kubectl apply -f examples/${manifest}: version 2 of the model, under load`);
  const report = await underDemoLoad(scenario, url, async () => {
    await seconds(2);
    await scenario.apply(exampleManifest(manifest));
    await scenario.waitFor(MODEL, "Promoted");
    await seconds(3);
  });
  showReport("new model revision", report);
}

async function showUsage(scenario: Scenario, url: string): Promise<void> {
  const { cluster } = scenario;
  const forward = cluster.capabilities.has("ReachServices")
    ? ""
    : `
  kubectl -n ${NAMESPACE} port-forward deployment/petrel-router \\
    ${LOCAL_PORT}:$(kubectl -n ${NAMESPACE} get mdep ${MODEL} -o 'jsonpath={.status.traffic.port}')   # in a terminal of its own`;
  const tools = cluster.id === "" ? undefined : await buildTools(["kubernetes-control-plane"], () => {});
  const toolsPath =
    tools === undefined
      ? ""
      : `\n  export PATH=${dirname(tools.program("kubectl"))}:$PATH   # its own kubectl`;
  const stop =
    cluster.id === ""
      ? [
          `kubectl delete namespace ${NAMESPACE}`,
          `helm uninstall ${RELEASE} --namespace ${OPERATOR_NAMESPACE}`,
          `kubectl delete namespace ${OPERATOR_NAMESPACE}`,
          "kubectl delete customresourcedefinition failoverdrills.petrel.dev modeldeployments.petrel.dev modelexperiments.petrel.dev modelrollouts.petrel.dev",
          `rm ${cluster.kubeconfig}`,
        ].join("\n  ")
      : "npm run demo -- --down";
  say();
  console.log(`The cluster stays up. Try it, and your own models in another namespace:

  export KUBECONFIG=${cluster.kubeconfig}${toolsPath}
  kubectl -n ${NAMESPACE} get modeldeployments,pods
  kubectl -n ${NAMESPACE} describe modeldeployment ${MODEL}${forward}
  curl ${url}/v2/models/${MODEL}/infer -d '${inferenceBody()}'
  curl ${url}/v2/models/${MODEL}

Metrics (each in a terminal of its own):

  kubectl -n ${NAMESPACE} port-forward deployment/petrel-router 9902   # Envoy: curl localhost:9902/stats/prometheus
  kubectl -n ${OPERATOR_NAMESPACE} port-forward deployment/petrel-operator 8080 # operator: curl localhost:8080/metrics

Stop it:

  ${stop}
`);
}

async function up(options: DemoOptions): Promise<void> {
  const cluster = await openOrStartCluster(options);
  await installPetrel(cluster, say);
  const scenario = await Scenario.open(cluster, NAMESPACE);
  const manifests = manifestsOf(options);
  say(`kubectl apply -f examples/${manifests.first}`);
  await scenario.apply(exampleManifest(manifests.first));
  await scenario.waitFor(MODEL, "Promoted");
  await scenario.waitFor(MODEL, "Ready");
  say("ready");
  console.log(await scenario.kubectl("get", "modeldeployments,pods", "-o", "wide"));
  const { url, close } = await modelUrl(scenario, MODEL, LOCAL_PORT);
  const closes = [close];
  const reach = async (model: string) => {
    const reached = await modelUrl(scenario, model, LOCAL_PORT + closes.length);
    closes.push(reached.close);
    return reached.url;
  };
  try {
    await showPredictions(url);
    await loseNode(scenario, url);
    await scenario.waitFor(MODEL, "Ready");
    await updateModel(scenario, url, manifests.next);
    await showPredictions(url);
    if (options.releases) {
      const folder = readCluster(options.name)?.folder;
      const evidenceFolder = folder === undefined || cluster.id === "" ? undefined : join(folder, "evidence");
      await showJudgedReleases({ scenario, evidenceFolder }, reach, say);
    }
    await showUsage(scenario, url);
  } finally {
    for (const end of closes) end();
  }
}

async function down({ name }: DemoOptions): Promise<void> {
  const layout = readCluster(name);
  if (layout === undefined) {
    say("there is no local cluster of the demo");
    return;
  }
  await removeCluster(name);
  say(`removed; ${countTraces(tracesOf(layout.id, layout.folder))} traces left`);
}

const USAGE = `usage: npm run demo [-- --down | --context NAME | --no-releases]

  --down            remove the local cluster
  --context NAME    use a cluster of the kubeconfig instead of a local one
  --name NAME       another name for the local cluster
  --no-releases     leave out the releases that orders decide about, which take some twelve minutes`;

function readOptions(): DemoOptions & { readonly down: boolean; readonly help: boolean } {
  try {
    const { values } = parseArgs({
      allowNegative: true,
      options: {
        down: { type: "boolean", default: false },
        context: { type: "string" },
        name: { type: "string", default: "petrel" },
        releases: { type: "boolean", default: true },
        help: { type: "boolean", default: false },
      },
    });
    return values;
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${USAGE}`);
    process.exit(2);
  }
}

const options = readOptions();
if (options.help) console.log(USAGE);
else await (options.down ? down(options) : up(options));
