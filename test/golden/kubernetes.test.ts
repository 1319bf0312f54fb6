/**
 * Every Kubernetes object that Petrel makes, as YAML, so that a change of any field is seen in review.
 */
import { afterAll, describe, expect, test } from "@jest/globals";
import { stringify } from "yaml";
import type { KubeObject } from "../../src/api/kube-object.ts";
import { resourceOf } from "../../src/api/kube-resources.ts";
import type { ModelDeploymentSpec } from "../../src/api/model-deployment-spec.ts";
import { decide } from "../../src/core/decide.ts";
import { decideRouters } from "../../src/core/router/decide-routers.ts";
import { model, servingWorld, TEST_SETTINGS, World } from "../fixtures/world.ts";
import { GoldenFolder } from "./golden-file.ts";

const golden = new GoldenFolder("kubernetes");
afterAll(() => golden.expectNothingElse());

function yaml(object: KubeObject): string {
  return stringify(object, { lineWidth: 0, aliasDuplicateObjects: false });
}

function made(world: World): readonly KubeObject[] {
  return decide(world.observation()).apply;
}

function present(object: KubeObject | undefined): KubeObject {
  if (object === undefined) throw new Error("expected an object");
  return object;
}

function only(objects: readonly KubeObject[], kind: string): KubeObject {
  const [object, ...others] = objects.filter((candidate) => candidate.kind === kind);
  if (object === undefined || others.length > 0) throw new Error(`expected one ${kind}`);
  return object;
}

/** A chain of a GPU pool with everything that a pool may say, and a plain pool with a model of its own. */
const chain: Partial<ModelDeploymentSpec> = {
  replicas: 4,
  runtime: { name: "onnxruntime", executionProvider: "CPU", intraOpThreads: 4 },
  pools: [
    {
      name: "gpu",
      resources: {
        limits: { "nvidia.com/gpu": 1, memory: "8Gi" },
        requests: { cpu: "500m", memory: "4Gi" },
      },
      nodeSelector: { "node.example/class": "inference" },
      tolerations: [
        { key: "nvidia.com/gpu", operator: "Exists", effect: "NoSchedule" },
        { key: "spot", operator: "Equal", value: "batch", effect: "NoExecute", tolerationSeconds: 300 },
      ],
    },
    { name: "cpu", replicas: 6, model: model("v1-small"), resources: { requests: { cpu: 2 } } },
  ],
};

describe("the children of a ModelDeployment", () => {
  const objects = made(new World());

  test.each([
    ["ControllerRevision", "controller-revision.yaml"],
    ["ServiceAccount", "service-account.yaml"],
    ["Service", "service.yaml"],
    ["PodDisruptionBudget", "disruption-budget.yaml"],
    ["Deployment", "model-servers.yaml"],
  ])("%s", (kind, file) => {
    golden.expectFile(file, yaml(only(objects, kind)));
  });

  test("are these and no others", () => {
    expect(objects).toHaveLength(5);
  });

  test("ControllerRevision with the model of a pool", () => {
    golden.expectFile(
      "controller-revision-pool-model.yaml",
      yaml(only(made(new World(chain)), "ControllerRevision")),
    );
  });

  test("Deployment on devices, with node selector and tolerations", () => {
    const [deployment] = made(new World(chain)).filter(({ kind }) => kind === "Deployment");
    golden.expectFile("model-servers-gpu.yaml", yaml(present(deployment)));
  });

  test("Deployment of a pool with a model of its own", () => {
    const [, deployment] = made(new World(chain)).filter(({ kind }) => kind === "Deployment");
    golden.expectFile("model-servers-pool-model.yaml", yaml(present(deployment)));
  });

  test("Deployment whose replicas somebody else owns", () => {
    golden.expectFile("model-servers-sized.yaml", yaml(only(made(servingWorld()), "Deployment")));
  });

  test("Deployment of a name that is too long for its children", () => {
    const name = "ranker-for-the-category-pages-of-the-shop-in-every-country-x-63";
    const objects = made(new World({}, name));
    golden.expectFile("model-servers-long-name.yaml", yaml(only(objects, "Deployment")));
  });
});

describe("the routers of a namespace", () => {
  const { apply } = decideRouters({
    namespace: "shop",
    modelDeploymentCount: 1,
    standing: new Map(),
    settings: TEST_SETTINGS,
  });

  test.each([
    ["ServiceAccount", "router-service-account.yaml"],
    ["RoleBinding", "router-role-binding.yaml"],
    ["PodDisruptionBudget", "router-disruption-budget.yaml"],
    ["Deployment", "router.yaml"],
  ])("%s", (kind, file) => {
    golden.expectFile(file, yaml(only(apply, kind)));
  });

  test("are these and no others", () => {
    expect(apply).toHaveLength(4);
  });
});

test("every object is of a kind that Petrel may write, and carries who made it", () => {
  const { apply } = decideRouters({
    namespace: "shop",
    modelDeploymentCount: 1,
    standing: new Map(),
    settings: TEST_SETTINGS,
  });
  for (const object of [...made(new World(chain)), ...apply]) {
    expect(resourceOf(object).namespaced).toBe(true);
    expect(object.metadata.labels).toMatchObject({ "app.kubernetes.io/managed-by": "petrel" });
  }
});
