import { describe, expect, test } from "@jest/globals";
import { model } from "../../../test/fixtures/world.ts";
import { asList, valueAt } from "../../api/json.ts";
import type { PoolSpec } from "../../api/pool.ts";
import { modelServersDeployment } from "./deployment.ts";
import { modelServerLabels } from "./model-servers-input.ts";
import type { Replacement } from "./pod-placement.ts";
import { modelServersTemplate } from "./pod-template.ts";

const owner = { name: "ranker", namespace: "shop", uid: "uid" };

function deploymentOf(
  pool: Partial<PoolSpec>,
  replicas?: number,
  replacement: Replacement = "BeforeItGoes",
  source = model("v1"),
) {
  const shared = { owner, revision: "ranker-1", pool: { name: "gpu", ...pool } };
  const template = modelServersTemplate({
    ...shared,
    model: source,
    runtime: { name: "onnxruntime", intraOpThreads: 1 },
    serviceAccountName: "ranker-model-server",
    image: "petrel",
    cudaImage: "petrel-serve-cuda",
    imagePullPolicy: "Always",
  });
  return modelServersDeployment({
    ...shared,
    name: "ranker-gpu",
    podRevision: "ranker-gpu-1",
    template,
    replacement,
    ...(replicas === undefined ? {} : { replicas }),
  });
}

test("pods are replaced as the deployment is told to", () => {
  const rollingUpdate = (replacement: Replacement) => deploymentOf({}, 2, replacement)["spec"];
  expect(rollingUpdate("BeforeItGoes")).toMatchObject({
    strategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
  });
  expect(rollingUpdate("InItsPlace")).toMatchObject({
    strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: 1 } },
  });
});

describe("what the kubelet makes of the arguments of fetch", () => {
  /** As k8s.io/kubernetes/third_party/forked/golang/expansion does it, for a pod with one variable. */
  const expanded = (argument: string) =>
    argument.replaceAll(/\$(\$|\(([^)]*)\))/g, (found, word, name) =>
      word === "$" ? "$" : name === "HOSTNAME" ? "node-1" : found,
    );

  test.each([
    "https://models.example/ranker?version=$(HOSTNAME)",
    "https://models.example/$$/ranker",
    "https://models.example/a$b/$(UNKNOWN)/ranker$",
    "https://models.example/ranker",
  ])("is what the spec says: %s", (uri) => {
    const { spec } = deploymentOf({}, undefined, undefined, { ...model("v1"), uri });
    const fetch = asList(valueAt(spec, "template", "spec", "initContainers"))[0];
    const words = asList(valueAt(fetch, "args")).map(String);
    expect(expanded(words[words.indexOf("--uri") + 1] ?? "")).toBe(uri);
  });
});

describe("a pool with GPUs", () => {
  const podOf = (pool: Partial<PoolSpec>) =>
    JSON.parse(JSON.stringify(deploymentOf(pool))).spec.template.spec;
  const gpu = { resources: { limits: { "nvidia.com/gpu": 1 } } };

  test("serves with CUDA from the image that can, and fetches with the usual one", () => {
    const { containers, initContainers } = podOf(gpu);
    expect(containers[0]).toMatchObject({ image: "petrel-serve-cuda" });
    expect(containers[0].args.join(" ")).toContain("--execution-provider CUDA");
    expect(initContainers[0]).toMatchObject({ image: "petrel" });
  });

  test("gives its claims to the model server alone", () => {
    const claims = [{ name: "gpu", resourceClaimTemplateName: "one-gpu" }];
    const { resourceClaims, containers, initContainers } = podOf({ resourceClaims: claims });
    expect(resourceClaims).toEqual(claims);
    expect(containers[0].resources.claims).toEqual([{ name: "gpu" }]);
    expect(initContainers[0].resources).not.toHaveProperty("claims");
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
    [
      "a little when the spec does not say",
      {},
      { requests: { cpu: "250m", memory: "128Mi", "ephemeral-storage": "1Gi" } },
    ],
    [
      "what the spec says, written as text as Kubernetes stores it",
      { resources: { requests: { cpu: 2, memory: "1Gi" } } },
      { requests: { cpu: "2", memory: "1Gi", "ephemeral-storage": "1Gi" } },
    ],
    [
      "as much as its limit, never more",
      limits({ cpu: "100m", "nvidia.com/gpu": 1 }),
      {
        limits: { cpu: "100m", "nvidia.com/gpu": "1" },
        requests: { cpu: "100m", memory: "128Mi", "ephemeral-storage": "1Gi", "nvidia.com/gpu": "1" },
      },
    ],
    [
      "less than its limit when the spec says so",
      { resources: { limits: { memory: "4Gi" }, requests: { memory: "1Gi" } } },
      { limits: { memory: "4Gi" }, requests: { cpu: "250m", memory: "1Gi", "ephemeral-storage": "1Gi" } },
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

  test("of the selector are in the template and in the spread, and pods have two more", () => {
    const labels = modelServerLabels(owner, "ranker-1", "gpu");
    expect(deploymentOf({})).toMatchObject({
      spec: {
        selector: { matchLabels: labels },
        template: {
          metadata: {
            labels: {
              ...labels,
              "petrel.dev/model-deployment-uid": "uid",
              "petrel.dev/pod-template": expect.stringMatching(/^[a-z0-9]{10}$/),
            },
          },
          spec: {
            topologySpreadConstraints: [
              { topologyKey: "kubernetes.io/hostname", labelSelector: { matchLabels: labels } },
            ],
            affinity: {
              podAntiAffinity: {
                preferredDuringSchedulingIgnoredDuringExecution: [
                  {
                    podAffinityTerm: {
                      topologyKey: "topology.kubernetes.io/zone",
                      labelSelector: { matchLabels: labels },
                    },
                  },
                ],
              },
            },
          },
        },
      },
    });
  });
});
