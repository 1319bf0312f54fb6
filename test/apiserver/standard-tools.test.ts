/**
 * What people's own tools make of a ModelDeployment on a real kube-apiserver: a dry run, the look of one that the
 * operator has not seen yet, and an autoscaler of the real controller manager beside the real operator.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { parse } from "yaml";
import { buildTools, type ControlPlane, runOrFail, startControlPlane } from "../../e2e/cluster/index.ts";
import { asList, valueAt } from "../../src/api/json.ts";
import { until } from "./router-envoy/until.ts";
import { OPERATOR_NAMESPACE, OperatorProcess } from "./running-operator.ts";

const root = join(import.meta.dirname, "../..");
const crdFolder = join(root, "crds");
const minimal = parse(readFileSync(join(import.meta.dirname, "manifests/valid/minimal.yaml"), "utf8"));
const PATIENCE_MILLISECONDS = 120_000;

let controlPlane: ControlPlane;
let operator: OperatorProcess | undefined;

beforeAll(async () => {
  controlPlane = await startControlPlane({
    controllerManager: true,
    controllerManagerFlags: ["--horizontal-pod-autoscaler-sync-period=1s"],
  });
  await kubectl(["apply", "-f", crdFolder]);
  const isServed = () =>
    kubectl(["get", "modeldeployments"]).then(
      () => true,
      () => false,
    );
  await until("the kind is served", isServed, PATIENCE_MILLISECONDS);
  await kubectl(["create", "namespace", OPERATOR_NAMESPACE]);
}, 1_800_000);

afterAll(async () => {
  operator?.child.kill("SIGKILL");
  await controlPlane?.stop();
}, 60_000);

function kubectl(args: readonly string[], object?: object): Promise<string> {
  return controlPlane.kubectl(args, object === undefined ? {} : { input: JSON.stringify(object) });
}

async function read(...args: readonly string[]): Promise<unknown> {
  return JSON.parse(await kubectl(["get", ...args, "--output=json"]));
}

function modelDeployment(name: string): object {
  return { ...minimal, metadata: { name, namespace: "default" } };
}

test("apply --dry-run=server shows what would be stored, and stores nothing", async () => {
  const apply = ["apply", "--dry-run=server", "--output=json", "--filename=-"];
  const { spec } = JSON.parse(await kubectl(apply, modelDeployment("dry")));
  expect(spec.pools).toEqual([{ name: "default" }]);
  expect(await kubectl(["get", "modeldeployments", "--output=name"])).not.toContain("dry");
}, 300_000);

test("one that the operator has not looked at is under way, to kstatus and to Argo CD", async () => {
  await kubectl(["create", "--filename=-"], modelDeployment("unseen"));
  const unseen = await read("modeldeployment", "unseen");
  expect(valueAt(unseen, "status")).toEqual({ observedGeneration: 0 });
  const program = (await buildTools(["gitops"], () => {})).program("gitops");
  const health = join(root, "examples/argocd/health.lua");
  const status = async (...args: readonly string[]) => {
    const [answer] = JSON.parse(await runOrFail(program, args, { input: JSON.stringify([unseen]) }));
    return answer.status;
  };
  expect(await status("kstatus")).toBe("InProgress");
  expect(await status("argocd", health)).toBe("Progressing");
  await kubectl(["delete", "modeldeployment", "unseen"]);
}, 300_000);

/** `STATUS REASON` by type. */
async function conditionsOfAutoscaler(name: string): Promise<Readonly<Record<string, string>>> {
  const conditions = asList(valueAt(await read("hpa", name), "status", "conditions"));
  return Object.fromEntries(
    conditions.map((each) => [
      String(valueAt(each, "type")),
      `${valueAt(each, "status")} ${valueAt(each, "reason")}`,
    ]),
  );
}

/** An operator that may make objects of KEDA, of which the cluster knows nothing. */
async function startOperator(): Promise<void> {
  operator ??= await OperatorProcess.start(controlPlane.kubeconfig, "--keda");
}

function change(name: string, spec: object): Promise<string> {
  return kubectl(["patch", "modeldeployment", name, "--type=merge", "--patch", JSON.stringify({ spec })]);
}

test("a HorizontalPodAutoscaler finds the pods by the scale subresource, and sizes them", async () => {
  const name = "scaled";
  await startOperator();
  await kubectl(["create", "--filename=-"], modelDeployment(name));
  const scale = () => read("modeldeployment", name, "--subresource=scale");
  const podsOfScale = async () => {
    const selector = String(valueAt(await scale(), "status", "selector"));
    return asList(valueAt(await read("pods", "--selector", selector), "items"));
  };
  const replicas = async (wanted: number) =>
    valueAt(await scale(), "status", "replicas") === wanted && (await podsOfScale()).length === wanted;
  await until("one pod", () => replicas(1), PATIENCE_MILLISECONDS);

  await kubectl(["create", "--filename=-"], {
    apiVersion: "autoscaling/v2",
    kind: "HorizontalPodAutoscaler",
    metadata: { name },
    spec: {
      scaleTargetRef: { apiVersion: "petrel.dev/v1alpha1", kind: "ModelDeployment", name },
      minReplicas: 3,
      maxReplicas: 5,
      metrics: [
        {
          type: "Resource",
          resource: { name: "cpu", target: { type: "Utilization", averageUtilization: 50 } },
        },
      ],
    },
  });
  // Below its least, an autoscaler acts without any metric.
  await until("three pods", () => replicas(3), PATIENCE_MILLISECONDS);
  expect(valueAt(await read("modeldeployment", name), "spec", "replicas")).toBe(3);
  // Then it asks for metrics of the pods. There are none to be had here; a selector that it cannot use it would tell
  // as InvalidSelector, before it asks.
  await until(
    "it asks for metrics",
    async () => (await conditionsOfAutoscaler(name))["ScalingActive"] === "False FailedGetResourceMetric",
    PATIENCE_MILLISECONDS,
  );
  expect((await conditionsOfAutoscaler(name))["AbleToScale"]).toMatch(/^True /);

  // Petrel takes over what the autoscaler leaves, and the next autoscaler what Petrel leaves.
  await kubectl(["delete", "hpa", name]);
  const autoscaling = { minReplicas: 1, maxReplicas: 5, metrics: [{ type: "Rate", target: 10 }] };
  const asked = async () => valueAt(await read("modeldeployment", name), "status", "autoscaling", "replicas");
  await change(name, { autoscaling });
  await until("Petrel asks for what is there", async () => (await asked()) === 3, PATIENCE_MILLISECONDS);
  await change(name, { autoscaling: { ...autoscaling, owner: "None" } });
  await kubectl(["autoscale", `modeldeployment/${name}`, "--min=4", "--max=5"]);
  await until("four pods", () => replicas(4), PATIENCE_MILLISECONDS);
  expect(await asked()).toBeUndefined();
}, 500_000);

test("Petrel, a HorizontalPodAutoscaler of its own, and Petrel again own the replicas, and none is lost", async () => {
  const name = "handed";
  await startOperator();
  const byPetrel = {
    owner: "Petrel",
    minReplicas: 3,
    maxReplicas: 5,
    metrics: [{ type: "Rate", target: 10 }],
  };
  await kubectl(["create", "--filename=-"], modelDeployment(name));
  await change(name, { autoscaling: byPetrel });
  const status = async () => valueAt(await read("modeldeployment", name), "status");
  const counts: unknown[] = [];
  const runs = async (wanted: number) => {
    const replicas = valueAt(await status(), "replicas");
    counts.push(replicas);
    return replicas === wanted;
  };
  await until("three by Petrel", () => runs(3), PATIENCE_MILLISECONDS);
  expect(valueAt(await read("modeldeployment", name), "spec", "replicas")).toBe(1);

  counts.length = 0;
  await change(name, { autoscaling: { owner: "HPA", minReplicas: 2, metrics: null } });
  const because = async () => {
    await runs(3);
    return valueAt(await status(), "autoscaling", "because");
  };
  await until(
    "the autoscaler owns them",
    async () => (await because()) === "Autoscaler",
    PATIENCE_MILLISECONDS,
  );
  expect(valueAt(await read("modeldeployment", name), "spec", "replicas")).toBe(3);
  const bounds = async () => {
    const { spec } = (await read("hpa", name)) as { spec?: unknown };
    return [valueAt(spec, "minReplicas"), valueAt(spec, "maxReplicas")];
  };
  await until("its own bounds", async () => String(await bounds()) === "2,5", PATIENCE_MILLISECONDS);
  await runs(3);
  expect(new Set(counts)).toEqual(new Set([3]));

  // A number that its controller writes counts.
  await change(name, { autoscaling: { minReplicas: 4 } });
  await until("four by the autoscaler", () => runs(4), PATIENCE_MILLISECONDS);
  await until(
    "which stand in spec.replicas",
    async () => valueAt(await read("modeldeployment", name), "spec", "replicas") === 4,
    PATIENCE_MILLISECONDS,
  );

  counts.length = 0;
  await change(name, { autoscaling: byPetrel });
  const autoscalers = () =>
    kubectl(["get", "hpa", "--output=name", `--selector=petrel.dev/model-deployment=${name}`]);
  await until("it is gone", async () => (await autoscalers()) === "", PATIENCE_MILLISECONDS);
  await runs(4);
  expect(new Set(counts)).toEqual(new Set([4]));
  expect(valueAt(await status(), "autoscaling", "replicas")).toBe(4);
}, 500_000);

test("where the cluster does not know KEDA that is said, replicas stay, and the operator is ready", async () => {
  const name = "by-keda";
  await startOperator();
  const triggers = [{ type: "prometheus", metadata: { query: "x", threshold: "1" } }];
  const object = { ...minimal, metadata: { name, namespace: "default" } };
  const autoscaling = { owner: "KEDA", minReplicas: 2, maxReplicas: 5, keda: { triggers } };
  await kubectl(["create", "--filename=-"], { ...object, spec: { ...minimal.spec, autoscaling } });
  const scalingActive = async () =>
    asList(valueAt(await read("modeldeployment", name), "status", "conditions")).find(
      (condition) => valueAt(condition, "type") === "ScalingActive",
    );
  await until(
    "it is said",
    async () => valueAt(await scalingActive(), "reason") === "KindMissing",
    PATIENCE_MILLISECONDS,
  );
  expect(valueAt(await scalingActive(), "message")).toContain("ScaledObject");
  expect(valueAt(await read("modeldeployment", name), "status", "replicas")).toBe(2);
  expect(await operator?.isReady()).toBe(true);
}, 300_000);

test("an autoscaler of its name that a person made stays theirs, and that is said", async () => {
  const name = "taken";
  await startOperator();
  await kubectl(["create", "--filename=-"], modelDeployment(name));
  await kubectl(["autoscale", `modeldeployment/${name}`, "--min=1", "--max=2"]);
  const { metadata } = (await read("hpa", name)) as { metadata?: unknown };
  await change(name, { autoscaling: { owner: "HPA", minReplicas: 2, maxReplicas: 5 } });
  await until(
    "it is said",
    async () =>
      asList(valueAt(await read("modeldeployment", name), "status", "conditions")).some(
        (condition) =>
          valueAt(condition, "type") === "ScalingActive" && valueAt(condition, "reason") === "NotOwned",
      ),
    PATIENCE_MILLISECONDS,
  );
  const after = await read("hpa", name);
  expect(valueAt(after, "metadata", "uid")).toBe(valueAt(metadata, "uid"));
  expect(valueAt(after, "spec", "maxReplicas")).toBe(2);
  await change(name, { autoscaling: null });
  await kubectl(["get", "hpa", name]);
}, 300_000);
