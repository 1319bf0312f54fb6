/**
 * Every Kubernetes object that Petrel makes, as YAML, so that a change of any field is seen in review.
 */
import { afterAll, describe, expect, test } from "@jest/globals";
import { stringify } from "yaml";
import { tlsCredentials } from "../../src/api/credential.ts";
import { valueAt } from "../../src/api/json.ts";
import type { KubeObject } from "../../src/api/kube-object.ts";
import { resourceOf } from "../../src/api/kube-resources.ts";
import type { ModelDeploymentSpec } from "../../src/api/model-deployment-spec.ts";
import { COMPONENT, LABEL } from "../../src/api/names.ts";
import type { RuntimeSpec } from "../../src/api/runtime.ts";
import { decideCollector } from "../../src/core/collector/decide-collector.ts";
import { decide } from "../../src/core/decide.ts";
import { decideRouters } from "../../src/core/router/decide-routers.ts";
import type { RouterPods } from "../../src/render/router-pods.ts";
import { DrilledWorld } from "../fixtures/drilled-world.ts";
import { logByIdentity, logByKeys, observed, observedByFile, quality } from "../fixtures/observed-quality.ts";
import { judgedBeside, judgedFirst } from "../fixtures/validations.ts";
import { model, servingWorld, TEST_SETTINGS, World } from "../fixtures/world.ts";
import { GoldenFolder } from "./golden-file.ts";
import { fetched, triton } from "./pod-specs.ts";

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

/** The only one of a kind; what two children have in common is told apart by a word in front. */
function only(objects: readonly KubeObject[], kind: string): KubeObject {
  const kindOf = (object: KubeObject) => {
    if (object.metadata.labels?.[LABEL.component] === COMPONENT.podRevision) return "PodRevision";
    return valueAt(object, "spec", "clusterIP") === "None" ? "HeadlessService" : object.kind;
  };
  const [object, ...others] = objects.filter((candidate) => kindOf(candidate) === kind);
  if (object === undefined || others.length > 0) throw new Error(`expected one ${kind}`);
  return object;
}

/** Pools whose devices come by other ways than a whole GPU. */
const devices: Partial<ModelDeploymentSpec> = {
  pools: [
    {
      name: "mig",
      resources: { limits: { "nvidia.com/mig-1g.10gb": 1 } },
      runtimeClassName: "nvidia",
      priorityClassName: "serving",
    },
    {
      name: "dra",
      replicas: 1,
      resourceClaims: [{ name: "gpu", resourceClaimTemplateName: "large-or-two-small" }],
    },
  ],
};

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
    ["HeadlessService", "model-servers-service.yaml"],
    ["NetworkPolicy", "model-servers-policy.yaml"],
    ["PodRevision", "pod-revision.yaml"],
    ["Deployment", "model-servers.yaml"],
  ])("%s", (kind, file) => {
    golden.expectFile(file, yaml(only(objects, kind)));
  });

  test("are these and no others", () => {
    expect(objects).toHaveLength(8);
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

  test.each([
    ["a slice of a GPU, with runtime class and priority", "model-servers-mig.yaml", 0],
    ["a resource claim", "model-servers-dra.yaml", 1],
  ])("Deployment on %s", (_what, file, index) => {
    const deployments = made(new World(devices)).filter(({ kind }) => kind === "Deployment");
    golden.expectFile(file, yaml(present(deployments[index])));
  });

  test("Deployment of a pool with a model of its own", () => {
    const [, deployment] = made(new World(chain)).filter(({ kind }) => kind === "Deployment");
    golden.expectFile("model-servers-pool-model.yaml", yaml(present(deployment)));
  });

  test.each(Object.entries(fetched))("Deployment of a model that is fetched %s", (way, changes) => {
    const file = `model-servers-fetched-${way.replaceAll(" ", "-")}.yaml`;
    golden.expectFile(file, yaml(only(made(new World(changes)), "Deployment")));
  });

  test("Deployment whose replicas somebody else owns", () => {
    golden.expectFile("model-servers-sized.yaml", yaml(only(made(servingWorld()), "Deployment")));
  });

  test("Deployment with all that the spec says about pods", () => {
    const said = {
      serviceAccountName: "theirs",
      imagePullSecrets: [{ name: "registry" }],
      startupTimeout: "90s",
    };
    golden.expectFile("model-servers-said.yaml", yaml(only(made(new World(said)), "Deployment")));
  });

  test("Deployment of a model whose requests are joined, with all its versions", () => {
    const runtime: RuntimeSpec = {
      name: "onnxruntime",
      intraOpThreads: 2,
      batching: { independentRows: true, maxRows: 32, maxDelay: "2ms" },
      modelVersions: "All",
    };
    const file = "model-servers-batched.yaml";
    golden.expectFile(file, yaml(only(made(new World({ runtime })), "Deployment")));
  });

  test.each(["file", "image"])("Deployment of a container of the user's choice, its model a %s", (kind) => {
    const changes = kind === "image" ? fetched["as an image"] : {};
    const file = `model-servers-container-${kind}.yaml`;
    golden.expectFile(file, yaml(only(made(new World({ ...changes, runtime: triton })), "Deployment")));
  });

  test("Deployment of a name that is too long for its children", () => {
    const name = "ranker-for-the-category-pages-of-the-shop-in-every-country-x-63";
    const objects = made(new World({}, name));
    golden.expectFile("model-servers-long-name.yaml", yaml(only(objects, "Deployment")));
  });
});

describe("where predictions are counted", () => {
  const ranker = { name: "ranker", uid: "uid-1", quality, revisions: ["ranker-a"] };
  const observation = {
    namespace: "shop",
    nowMilliseconds: 0,
    deployments: [ranker],
    standing: new Map<string, string>(),
    fresh: { users: "USERS", root: "ROOT", accessToken: "ACCESS" },
    settings: {
      ...TEST_SETTINGS,
      collectorPods: { storageClassName: "fast" },
      operatorPods: { namespace: "petrel-system", labels: { "app.kubernetes.io/name": "petrel" } },
    },
  };
  const { apply } = decideCollector(observation, (_root, _deployment, revision) => `KEY OF ${revision}`);

  test.each([
    ["ServiceAccount", "collector-service-account.yaml"],
    ["NetworkPolicy", "collector-policy.yaml"],
    ["Secret", "collector-secret.yaml"],
    ["Service", "collector-service.yaml"],
    ["StatefulSet", "collector.yaml"],
  ])("%s of the collector", (kind, file) => {
    golden.expectFile(file, yaml(only(apply, kind)));
  });

  test("these are its objects and no others", () => {
    expect(apply).toHaveLength(5);
  });

  test("Deployment of model servers that sign tokens", () => {
    golden.expectFile("model-servers-counted.yaml", yaml(only(made(new World({ quality })), "Deployment")));
  });

  describe("and requests are observed", () => {
    test("StatefulSet and Secret of a collector that keeps training logs", () => {
      const others = [
        { ...ranker, quality: { ...observed, log: logByKeys } },
        { name: "other", uid: "uid-2", quality: { ...observed, log: logByIdentity }, revisions: [] },
        { name: "plain", uid: "uid-3", quality, revisions: [] },
      ];
      const { apply } = decideCollector({ ...observation, deployments: others }, () => "KEY");
      golden.expectFile("collector-logging.yaml", yaml(only(apply, "StatefulSet")));
      golden.expectFile("collector-logging-secret.yaml", yaml(only(apply, "Secret")));
    });

    test.each([
      ["all that may be said", "model-servers-observed.yaml", observed],
      ["a training log with keys", "model-servers-logged.yaml", { ...observed, log: logByKeys }],
      [
        "a training log by identity",
        "model-servers-logged-identity.yaml",
        { ...observedByFile, log: logByIdentity },
      ],
      ["a reference in a file, and resources", "model-servers-observed-file.yaml", observedByFile],
    ])("Deployment of model servers with a sidecar: %s", (_what, name, spec) => {
      golden.expectFile(name, yaml(only(made(new World({ quality: spec })), "Deployment")));
    });

    test.each([
      ["observes", "observed", observed],
      ["logs", "logged", { ...observed, log: logByKeys }],
      ["gives tokens alone", "counted", quality],
    ])("Deployment of a container of the user's choice behind a sidecar that %s", (_what, name, spec) => {
      const objects = made(new World({ runtime: triton, quality: spec }));
      golden.expectFile(`model-servers-container-${name}.yaml`, yaml(only(objects, "Deployment")));
      golden.expectFile("model-servers-policy-observed.yaml", yaml(only(objects, "NetworkPolicy")));
    });

    test("a container keeps its model revision whether a sidecar stands before it or not", () => {
      const revision = (changes: Partial<ModelDeploymentSpec>) =>
        only(made(new World({ runtime: triton, ...changes })), "ControllerRevision");
      expect(revision({ quality: observed })).toEqual(revision({}));
    });

    test("NetworkPolicy, which lets scrapers reach the sidecar", () => {
      const objects = made(new World({ quality: observed }));
      golden.expectFile("model-servers-policy-observed.yaml", yaml(only(objects, "NetworkPolicy")));
    });
  });

  test("Deployment of routers that count", () => {
    const observation = { namespace: "shop", modelDeploymentCount: 1, standing: new Map(), credentials: [] };
    const objects = decideRouters({ ...observation, isCounting: true, settings: TEST_SETTINGS }).apply;
    golden.expectFile("router-counted.yaml", yaml(only(objects, "Deployment")));
  });
});

test.each([
  ["beside the stable one: what authorizes at its server is not sent to that of the set", "", judgedBeside()],
  [
    "of a first model, on a GPU, with models and set in images",
    "-first",
    judgedFirst(fetched["as an image"]),
  ],
])("Job that judges a model %s", (_what, suffix, world) => {
  golden.expectFile(`validation-job${suffix}.yaml`, yaml(only(made(world), "Job")));
});

test("the prober of a drill, and who may ask it", () => {
  const world = new DrilledWorld().make();
  world.world.settings = {
    ...TEST_SETTINGS,
    operatorPods: { namespace: "petrel-system", labels: { "app.kubernetes.io/component": "operator" } },
  };
  const objects: KubeObject[] = [];
  for (let second = 0; second < 3; second += 1) objects.push(...world.second().flatMap(({ apply }) => apply));
  const isOfProber = ({ metadata }: KubeObject) => metadata.labels?.[LABEL.component] === COMPONENT.prober;
  const [policy] = objects.filter((object) => isOfProber(object) && object.kind === "NetworkPolicy");
  golden.expectFile("prober.yaml", yaml(only(objects.filter(isOfProber), "Job")));
  golden.expectFile("prober-policy.yaml", yaml(present(policy)));
});

describe("the routers of a namespace", () => {
  const { apply } = decideRouters({
    namespace: "shop",
    modelDeploymentCount: 1,
    standing: new Map(),
    credentials: [],
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

  test("mount what doors need, from Secrets and ConfigMaps, none of which must be there", () => {
    const credentials = [
      { kind: "ConfigMap", name: "issuer", key: "jwks.json" } as const,
      ...tlsCredentials("ranker-tls"),
    ];
    const observation = { namespace: "shop", modelDeploymentCount: 1, standing: new Map(), credentials };
    const objects = decideRouters({ ...observation, settings: TEST_SETTINGS }).apply;
    golden.expectFile("router-credentials.yaml", yaml(only(objects, "Deployment")));
  });

  test("run where the installation says, with what it says", () => {
    const routerPods: RouterPods = {
      imagePullSecrets: [{ name: "registry" }],
      nodeSelector: { "node.example/class": "edge" },
      tolerations: [{ key: "dedicated", operator: "Equal", value: "edge", effect: "NoSchedule" }],
      routerResources: { limits: { cpu: 1 } },
      envoyResources: { requests: { cpu: "2" }, limits: { memory: "4Gi" } },
    };
    const observation = { namespace: "shop", modelDeploymentCount: 1, standing: new Map(), credentials: [] };
    const objects = decideRouters({ ...observation, settings: { ...TEST_SETTINGS, routerPods } }).apply;
    golden.expectFile("router-placed.yaml", yaml(only(objects, "Deployment")));
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
    credentials: [],
    settings: TEST_SETTINGS,
  });
  for (const object of [...made(new World(chain)), ...apply]) {
    expect(resourceOf(object).namespaced).toBe(true);
    expect(object.metadata.labels).toMatchObject({ "app.kubernetes.io/managed-by": "petrel" });
  }
});
