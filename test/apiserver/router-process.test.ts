/**
 * `petrel router` as a process, between a real kube-apiserver and a real Envoy: from the plan in a status to an
 * EndpointSlice that says what is in effect, through the loss of the API server, to the end of the pod.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { type ControlPlane, startControlPlane } from "../../e2e/cluster/index.ts";
import { customResourceDefinition } from "../../src/api/crd.ts";
import { asList, asRecord, valueAt } from "../../src/api/json.ts";
import type { KubeObject } from "../../src/api/kube-object.ts";
import { modelDeploymentKind } from "../../src/api/model-deployment.ts";
import { ANNOTATION, COMPONENT, CONTAINER, LABEL, MODEL_POD_PORT } from "../../src/api/names.ts";
import type { TrafficPlan } from "../../src/api/traffic-plan.ts";
import { askRoutersOverHttp } from "../../src/operator/ask-routers.ts";
import { MARKED, renderMark } from "../../src/router/peer-slices.ts";
import { MARK_MANAGER } from "../../src/router/peer-watch.ts";
import { newPlan, stableArm } from "./router-envoy/controlled-envoy.ts";
import {
  type EnvoyPlace,
  envoyPlace,
  envoyProgram,
  freePort,
  type RunningEnvoy,
  startEnvoy,
} from "./router-envoy/envoy-process.ts";
import { ModelServer } from "./router-envoy/model-server.ts";
import { withClients } from "./router-envoy/open-loop.ts";
import { until } from "./router-envoy/until.ts";

jest.setTimeout(120_000);

/** The stand-in of this file has its own addresses: files run at the same time. */
const SUBNET = 64;
const NAMESPACE = "shop";
const ROUTER_POD = "petrel-router-1";
const gpu = { pool: "gpu", revision: "r1", replicas: 1 };

let controlPlane: ControlPlane;
let place: EnvoyPlace;
let envoy: RunningEnvoy;
let router: ChildProcess;
let routerLog = "";
let modelServer: ModelServer;
let httpPort: number;
let podUid: string;

beforeAll(async () => {
  controlPlane = await startControlPlane();
  await apply(customResourceDefinition(modelDeploymentKind));
  // In the first moment a CustomResourceDefinition has no conditions, and kubectl ends instead of waiting.
  const wait = ["wait", "--for=condition=Established", "--timeout=30s", "crd", "--all"];
  const isEstablished = () =>
    controlPlane.kubectl(wait).then(
      () => true,
      () => false,
    );
  await until("the kind is established", isEstablished, 300_000);
  await controlPlane.kubectl(["create", "namespace", NAMESPACE]);
  await controlPlane.kubectl(["create", "serviceaccount", "default", "-n", NAMESPACE]);
  await apply({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: ROUTER_POD, namespace: NAMESPACE, labels: { [LABEL.component]: COMPONENT.router } },
    spec: { nodeName: "n1", containers: [{ name: "envoy", image: "envoy" }] },
  });
  podUid = await controlPlane.kubectl([
    "get",
    "pod",
    ROUTER_POD,
    "-n",
    NAMESPACE,
    "-o",
    "jsonpath={.metadata.uid}",
  ]);
  place = await envoyPlace();
  httpPort = await freePort();
  startRouter();
  await until("the router has started", () => answers("/startupz"), 60_000);
  envoy = await startEnvoy(await envoyProgram(), place);
}, 1_200_000);

afterAll(async () => {
  router?.kill("SIGKILL");
  await envoy?.kill();
  await modelServer?.stop();
  await place?.remove();
  await controlPlane?.stop();
}, 60_000);

function startRouter(): void {
  const options = {
    namespace: NAMESPACE,
    "pod-name": ROUTER_POD,
    "pod-uid": podUid,
    // An EndpointSlice takes no loopback address; this one is for documentation and never called.
    "pod-ip": "192.0.2.10",
    "node-name": "n1",
    "config-directory": place.directory,
    "admin-port": String(place.adminPort),
    "envoy-metrics-port": String(place.metricsPort),
    "http-port": String(httpPort),
    "least-drain-time": "3s",
    "longest-drain-time": "30s",
  };
  const main = join(import.meta.dirname, "../../src/main.ts");
  const flags = Object.entries(options).map(([name, value]) => `--${name}=${value}`);
  const env = { ...process.env, KUBECONFIG: controlPlane.kubeconfig };
  router = spawn(process.execPath, [main, "router", ...flags], { env, stdio: ["ignore", "pipe", "inherit"] });
  router.stdout?.on("data", (chunk: Buffer) => {
    routerLog = (routerLog + chunk.toString()).slice(-20_000);
  });
}

async function apply(object: object): Promise<void> {
  await controlPlane.kubectl(["apply", "--server-side", "-f", "-"], { input: JSON.stringify(object) });
}

async function want(name: string, traffic: TrafficPlan): Promise<void> {
  const metadata = { name, namespace: NAMESPACE };
  const head = { apiVersion: "petrel.dev/v1alpha1", kind: "ModelDeployment", metadata };
  const model = { uri: "file:///models/m.onnx", digest: `sha256:${"0".repeat(64)}` };
  await apply({ ...head, spec: { model, runtime: { name: "onnxruntime" }, pools: [{ name: "gpu" }] } });
  const input = JSON.stringify({ ...head, status: { traffic } });
  await controlPlane.kubectl(
    ["apply", "--server-side", "--subresource=status", "--field-manager=test", "-f", "-"],
    { input },
  );
}

async function slice(name: string): Promise<unknown> {
  const selector = `kubernetes.io/service-name=${name}`;
  const list = await controlPlane.kubectl([
    "get",
    "endpointslices",
    "-n",
    NAMESPACE,
    "-l",
    selector,
    "-o",
    "json",
    "--show-managed-fields",
  ]);
  return asList(valueAt(JSON.parse(list), "items"))[0];
}

async function conditions(name: string): Promise<unknown> {
  return valueAt(asList(valueAt(await slice(name), "endpoints"))[0], "conditions");
}

async function untilInEffect(name: string, epoch: number): Promise<void> {
  await until(
    `epoch ${epoch} of ${name} is in effect; ${routerLog}`,
    async () => {
      const live = await slice(name);
      return valueAt(live, "metadata", "annotations", ANNOTATION.acknowledgedEpoch) === String(epoch);
    },
    60_000,
  );
}

async function answers(path: string): Promise<boolean> {
  try {
    return (await fetch(`http://127.0.0.1:${httpPort}${path}`)).ok;
  } catch {
    return false;
  }
}

let plan: TrafficPlan;

test("a plan in a status becomes an EndpointSlice that is ready, and a port that answers", async () => {
  plan = await newPlan([stableArm(gpu)]);
  await want("ranker", plan);
  await untilInEffect("ranker", 1);
  expect(await conditions("ranker")).toEqual({ ready: true, serving: true, terminating: false });
  expect(await answers("/readyz")).toBe(true);
  const response = await fetch(`http://127.0.0.1:${plan.port}/v2`);
  expect(response.status).toBe(503);
  expect(await response.json()).toEqual({ error: "no healthy upstream" });
});

test("its metrics tell the epochs", async () => {
  const metrics = await (await fetch(`http://127.0.0.1:${httpPort}/metrics`)).text();
  expect(metrics).toContain('petrel_router_acknowledged_epoch{model_deployment="ranker"} 1');
  expect(metrics).toContain("petrel_router_envoy_up 1");
});

test("a router that was marked as lost, and lives, takes its EndpointSlice back with all its fields", async () => {
  const live = asRecord(await slice("ranker")) as unknown as KubeObject;
  const mark = JSON.stringify(renderMark(live));
  const flags = ["--server-side", "--force-conflicts", `--field-manager=${MARK_MANAGER}`];
  const marked = JSON.parse(
    await controlPlane.kubectl(["apply", ...flags, "-o", "json", "-f", "-"], { input: mark }),
  );
  expect(valueAt(marked.endpoints[0], "conditions")).toEqual(MARKED);
  await until("it is ready again", async () => valueAt(await conditions("ranker"), "ready") === true);
  const managers = asList(valueAt(await slice("ranker"), "metadata", "managedFields"));
  expect(managers.map((entry) => valueAt(entry, "manager"))).toEqual(["petrel-router"]);
});

test("a mark that comes too late changes nothing", async () => {
  const live = asRecord(await slice("ranker")) as unknown as KubeObject;
  const stale = { ...live, metadata: { ...live.metadata, resourceVersion: "1" } };
  const flags = ["--server-side", "--force-conflicts", `--field-manager=${MARK_MANAGER}`];
  const input = JSON.stringify(renderMark(stale));
  await expect(controlPlane.kubectl(["apply", ...flags, "-f", "-"], { input })).rejects.toThrow(
    /the object has been modified/,
  );
  expect(await conditions("ranker")).toEqual({ ready: true, serving: true, terminating: false });
});

test("without the API server, and started anew, it leaves Envoy alone; then it goes on", async () => {
  await controlPlane.apiserver.kill();
  router.kill("SIGTERM");
  await once(router, "exit");
  startRouter();
  await until("the router has started", () => answers("/startupz"), 30_000);
  expect(await answers("/readyz")).toBe(false);
  expect((await fetch(`http://127.0.0.1:${plan.port}/v2`)).status).toBe(503);
  await controlPlane.apiserver.start();
  await until("the router is ready", () => answers("/readyz"), 60_000);
  await want("ranker", { ...plan, epoch: 2, arms: [] });
  await untilInEffect("ranker", 2);
});

/** A model pod behind the router, at an address of its own. */
async function runModelServer(ip: string): Promise<ModelServer> {
  const labels = {
    [LABEL.component]: COMPONENT.modelServer,
    [LABEL.modelDeployment]: "ranker",
    [LABEL.pool]: gpu.pool,
    [LABEL.modelRevision]: gpu.revision,
  };
  const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "ranker-1", namespace: NAMESPACE, labels } };
  await apply({ ...pod, spec: { nodeName: "n1", containers: [{ name: CONTAINER.serve, image: "serve" }] } });
  const container = { name: CONTAINER.serve, image: "serve", imageID: "", ready: true, restartCount: 0 };
  const status = {
    phase: "Running",
    podIP: ip,
    podIPs: [{ ip }],
    containerStatuses: [{ ...container, started: true, state: { running: {} } }],
  };
  await controlPlane.kubectl(
    ["apply", "--server-side", "--subresource=status", "--field-manager=kubelet", "-f", "-"],
    { input: JSON.stringify({ ...pod, status }) },
  );
  return await ModelServer.start(ip, MODEL_POD_PORT);
}

test("what becomes of first tries under a plan that splits the traffic is told to the operator, minute by minute", async () => {
  modelServer = await runModelServer(`127.${SUBNET}.0.1`);
  const arms = (["Stable", "Candidate"] as const).map((name) => ({ name, weight: 5_000, pools: [gpu] }));
  // The stand-in is in this process, which may stand still for longer than a try lasts.
  await want("ranker", { ...plan, epoch: 3, timeout: "20s", perTryTimeout: "10s", arms });
  await untilInEffect("ranker", 3);
  const ask = askRoutersOverHttp(httpPort);
  const askedOf = (first: number, last: number) =>
    ask(
      {
        type: "Routers",
        deployment: "ranker",
        addresses: ["127.0.0.1"],
        fromMilliseconds: 0,
        epochs: { first, last },
      },
      new AbortController().signal,
    );
  await withClients(plan.port, async ({ rest }) => {
    const load = setInterval(() => void rest.send(), 50);
    // Until a minute is counted there is no evidence.
    const isCounted = () =>
      askedOf(3, 3).then(
        ({ windows }) => windows.length > 0,
        () => false,
      );
    // The time-out, the minute that has begun, and the next one.
    await until("a minute is counted", isCounted, 200_000).finally(() => clearInterval(load));
  });
  const { windows } = await askedOf(3, 3);
  expect(windows).toMatchObject([{ epoch: 3, minutes: 1, candidate: { errors: 0 }, stable: { errors: 0 } }]);
  for (const arm of [windows[0]?.candidate, windows[0]?.stable]) expect(arm?.tries).toBeGreaterThan(100);
  await expect(askedOf(1, 2)).rejects.toThrow("has not counted the first tries");
}, 300_000);

test("when its pod is deleted it says so, has Envoy drain, and waits for the requests that are under way", async () => {
  await want("ranker", { ...plan, epoch: 4, timeout: "25s", perTryTimeout: "25s" });
  await untilInEffect("ranker", 4);
  await withClients(plan.port, async ({ rest, grpc }) => {
    await until("it is served", async () => (await rest.send()).status === rest.good);
    const drained = () => fetch(`http://127.0.0.1:${httpPort}/drained`);
    modelServer.serviceMilliseconds = 8_000;
    const before = modelServer.inferences;
    const longRequest = rest.send().then((answer) => ({ answer, at: performance.now() }));
    await until("it is under way", () => modelServer.inferences > before);

    await controlPlane.kubectl(["delete", "pod", ROUTER_POD, "-n", NAMESPACE, "--wait=false"]);
    const deletedAt = performance.now();
    // What the kubelet does: it asks, ends Envoy after the answer, and the router at last.
    const end = async () => {
      await drained();
      process.kill(envoy.pid, "SIGTERM");
      return performance.now();
    };
    const look = async () => {
      await until(
        "the EndpointSlice is terminating",
        async () => valueAt(await conditions("ranker"), "terminating") === true,
      );
      expect(await conditions("ranker")).toEqual({ ready: false, serving: true, terminating: true });
      expect(await grpc.send()).toMatchObject({ status: grpc.good });
    };
    const [endedAt, { answer, at: answeredAt }] = await Promise.all([end(), longRequest, look()]);
    expect(answer).toMatchObject({ status: 200, headers: { connection: "close" } });
    // Told by two processes of their own: what was answered last may be seen a little later than the end.
    expect(endedAt - answeredAt).toBeGreaterThan(-3_000);
    expect(endedAt - deletedAt).toBeGreaterThanOrEqual(2_500);
  });
  router.kill("SIGTERM");
  const [code] = await once(router, "exit");
  expect(code).toBe(0);
});
