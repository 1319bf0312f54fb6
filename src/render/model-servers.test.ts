import { describe, expect, test } from "@jest/globals";
import { model } from "../../test/fixtures/world.ts";
import type { PoolSpec } from "../api/model-deployment-spec.ts";
import { modelServerLabels, modelServersDeployment } from "./model-servers.ts";

const owner = { name: "ranker", namespace: "shop", uid: "uid" };

function deploymentOf(pool: Partial<PoolSpec>, replicas?: number) {
  return modelServersDeployment({
    owner,
    name: "ranker-gpu",
    revision: "ranker-1",
    model: model("v1"),
    runtime: { name: "onnxruntime", intraOpThreads: 1 },
    pool: { name: "gpu", ...pool },
    serviceAccountName: "ranker-model-server",
    image: "petrel",
    imagePullPolicy: "Always",
    ...(replicas === undefined ? {} : { replicas }),
  });
}

describe("pods are replaced", () => {
  const strategy = (maxSurge: number, maxUnavailable: number) => ({
    spec: { strategy: { rollingUpdate: { maxSurge, maxUnavailable } } },
  });

  test.each<[string, Partial<PoolSpec>, object]>([
    ["with one more when nothing is asked for", {}, strategy(1, 0)],
    [
      "with one more when CPU and memory are",
      { resources: { limits: { cpu: 1, memory: "1Gi" } } },
      strategy(1, 0),
    ],
    ["in place when a GPU is", { resources: { limits: { "nvidia.com/gpu": 1 } } }, strategy(0, 1)],
    [
      "in place when a slice of one is",
      { resources: { limits: { "nvidia.com/mig-1g.10gb": 1 } } },
      strategy(0, 1),
    ],
  ])("%s", (_when, pool, expected) => {
    expect(deploymentOf(pool)).toMatchObject(expected);
  });
});

describe("replicas", () => {
  test("are left out unless they are given, 0 too", () => {
    expect(deploymentOf({})["spec"]).not.toHaveProperty("replicas");
    expect(deploymentOf({}, 0)["spec"]).toMatchObject({ replicas: 0 });
    expect(deploymentOf({}, 3)["spec"]).toMatchObject({ replicas: 3 });
  });
});

describe("a model server reserves", () => {
  const limits = (list: Readonly<Record<string, string | number>>) => ({ resources: { limits: list } });

  test.each<[string, Partial<PoolSpec>, object]>([
    ["a little when the spec does not say", {}, { requests: { cpu: "250m", memory: "128Mi" } }],
    [
      "what the spec says, written as text as Kubernetes stores it",
      { resources: { requests: { cpu: 2, memory: "1Gi" } } },
      { requests: { cpu: "2", memory: "1Gi" } },
    ],
    [
      "as much as its limit, never more",
      limits({ cpu: "100m", "nvidia.com/gpu": 1 }),
      {
        limits: { cpu: "100m", "nvidia.com/gpu": "1" },
        requests: { cpu: "100m", memory: "128Mi", "nvidia.com/gpu": "1" },
      },
    ],
    [
      "less than its limit when the spec says so",
      { resources: { limits: { memory: "4Gi" }, requests: { memory: "1Gi" } } },
      { limits: { memory: "4Gi" }, requests: { cpu: "250m", memory: "1Gi" } },
    ],
  ])("%s", (_what, pool, resources) => {
    const { spec } = JSON.parse(JSON.stringify(deploymentOf(pool)));
    expect(spec.template.spec.containers[0].resources).toEqual(resources);
  });
});

describe("labels", () => {
  test("select the pods of one revision in one pool, and no router", () => {
    expect(modelServerLabels(owner, "ranker-1", "gpu")).toEqual({
      "app.kubernetes.io/managed-by": "petrel",
      "petrel.dev/component": "model-server",
      "petrel.dev/model-deployment": "ranker",
      "petrel.dev/model-revision": "ranker-1",
      "petrel.dev/pool": "gpu",
    });
  });

  test("are the same in selector, template, and spread", () => {
    const labels = modelServerLabels(owner, "ranker-1", "gpu");
    expect(deploymentOf({})).toMatchObject({
      spec: {
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: { topologySpreadConstraints: [{ labelSelector: { matchLabels: labels } }, {}] },
        },
      },
    });
  });
});
