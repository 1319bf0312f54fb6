/**
 * `petrel operator` as a process on a real kube-apiserver: what it tells the cluster around it while the API server
 * comes and goes, what it logs, and how it stops.
 */
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { type ControlPlane, startControlPlane } from "../../e2e/cluster/index.ts";
import { customResourceDefinition } from "../../src/api/crd.ts";
import { failoverDrillKind } from "../../src/api/failover-drill.ts";
import { asString, parseJson, valueAt } from "../../src/api/json.ts";
import { modelDeploymentKind } from "../../src/api/model-deployment.ts";
import { modelExperimentKind } from "../../src/api/model-experiment.ts";
import { modelRolloutKind } from "../../src/api/model-rollout.ts";
import { until } from "./router-envoy/until.ts";
import { OPERATOR_NAMESPACE, OperatorProcess } from "./running-operator.ts";

const PATIENCE_MILLISECONDS = 120_000;

let controlPlane: ControlPlane;
let first: OperatorProcess;
let second: OperatorProcess;

beforeAll(async () => {
  controlPlane = await startControlPlane();
  for (const kind of [failoverDrillKind, modelDeploymentKind, modelExperimentKind, modelRolloutKind])
    await apply(customResourceDefinition(kind));
  const wait = ["wait", "--for=condition=Established", "--timeout=5s", "crd", "--all"];
  const isEstablished = () =>
    controlPlane.kubectl(wait).then(
      () => true,
      // kubectl takes a definition without any condition yet for an error.
      () => false,
    );
  await until("the definition is established", isEstablished, PATIENCE_MILLISECONDS);
  await controlPlane.kubectl(["create", "namespace", OPERATOR_NAMESPACE]);
  first = await OperatorProcess.start(controlPlane.kubeconfig);
}, 1_200_000);

afterAll(async () => {
  first?.child.kill("SIGKILL");
  second?.child.kill("SIGKILL");
  await controlPlane?.stop();
}, 60_000);

async function apply(object: object): Promise<void> {
  await controlPlane.kubectl(["apply", "--server-side", "-f", "-"], { input: JSON.stringify(object) });
}

/** When the lease was taken by the one that holds it: milliseconds since the Unix epoch. */
async function leaseTakenAt(): Promise<number> {
  const text = await controlPlane.kubectl([
    "get",
    "lease",
    "petrel-operator",
    "-n",
    OPERATOR_NAMESPACE,
    "-o",
    "json",
  ]);
  return Date.parse(String(valueAt(parseJson(text), "spec", "acquireTime")));
}

test("the first gets ready once its caches are filled, and leads; the second is ready to follow", async () => {
  await until("the first leads", () => first.leads(), PATIENCE_MILLISECONDS);
  await until("the first is ready", () => first.isReady(), PATIENCE_MILLISECONDS);
  second = await OperatorProcess.start(controlPlane.kubeconfig);
  await until("the second is ready", () => second.isReady(), PATIENCE_MILLISECONDS);
  expect(await second.leads()).toBe(false);
  expect((await second.answer("/healthz")).status).toBe(200);
}, 400_000);

test("each line of its log is one JSON object in ECS names, and a reconcile has one key in all of its lines", async () => {
  const model = { uri: "https://models.example/ranker", digest: `sha256:${"0".repeat(64)}` };
  await apply({
    apiVersion: "petrel.dev/v1alpha1",
    kind: "ModelDeployment",
    metadata: { name: "ranker", namespace: "default" },
    spec: { model, replicas: 1 },
  });
  await until(
    "scaled",
    () => first.lines().some((line) => valueAt(line, "message") === "scaled"),
    PATIENCE_MILLISECONDS,
  );
  for (const line of first.lines()) {
    expect(line).toMatchObject({
      "@timestamp": expect.stringMatching(/^\d{4}-.*Z$/),
      "log.level": expect.stringMatching(/^(debug|info|warn|error)$/),
      message: expect.any(String),
      "service.name": "petrel-operator",
    });
  }
  const scaled = first.lines().find((line) => valueAt(line, "message") === "scaled");
  const key = asString(valueAt(scaled, "trace.id"));
  expect(valueAt(scaled, "petrel.key")).toBe("default/ranker");
  const sameRun = first.lines().filter((line) => valueAt(line, "trace.id") === key);
  expect(sameRun.map((line) => valueAt(line, "message"))).toEqual(
    expect.arrayContaining(["created", "created", "scaled"]),
  );
  expect(new Set(sameRun.map((line) => valueAt(line, "petrel.key")))).toEqual(new Set(["default/ranker"]));
}, 300_000);

test("routers whose RoleBinding is to the role of a former installation are bound to that of this one", async () => {
  const namespace = "moved";
  await controlPlane.kubectl(["create", "namespace", namespace]);
  const labels = { "app.kubernetes.io/managed-by": "petrel", "petrel.dev/component": "router" };
  const role = (kind: string) => ({ apiGroup: "rbac.authorization.k8s.io", kind, name: "petrel-router" });
  await apply({
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "RoleBinding",
    metadata: { name: "petrel-router", namespace, labels },
    roleRef: role("Role"),
    subjects: [{ kind: "ServiceAccount", name: "petrel-router", namespace }],
  });
  const model = { uri: "https://models.example/ranker", digest: `sha256:${"0".repeat(64)}` };
  await apply({
    apiVersion: "petrel.dev/v1alpha1",
    kind: "ModelDeployment",
    metadata: { name: "ranker", namespace },
    spec: { model, replicas: 1 },
  });
  const get = ["get", "rolebinding", "petrel-router", "-n", namespace, "-o", "json", "--ignore-not-found"];
  const isBound = async () => {
    const binding = parseJson(await controlPlane.kubectl(get));
    return valueAt(binding, "roleRef", "kind") === "ClusterRole";
  };
  await until("the routers are bound to the ClusterRole", isBound, PATIENCE_MILLISECONDS);
}, 300_000);

test("asked to stop, the first gives the lease back and ends with 0, and the second leads at once", async () => {
  first.child.kill("SIGTERM");
  expect(await first.ended()).toBe(0);
  const endedAt = Date.now();
  expect(first.lines().map((line) => valueAt(line, "message"))).toContain("asked to stop");
  await until("the second leads", () => second.leads(), PATIENCE_MILLISECONDS);
  // One that is not given back has been renewed within 2 s, and is free only 15 s after that.
  expect((await leaseTakenAt()) - endedAt).toBeLessThan(12_000);
}, 300_000);

test("it is alive while the API server is gone, and ends with 1 once the lease is lost", async () => {
  await controlPlane.apiserver.pause();
  try {
    expect((await second.answer("/healthz")).status).toBe(200);
    expect((await second.answer("/metrics")).status).toBe(200);
    expect(await second.ended()).toBe(1);
    expect(second.lines().map((line) => valueAt(line, "message"))).toContain("lost the lead");
  } finally {
    await controlPlane.apiserver.resume();
  }
}, 300_000);
