/**
 * The Helm chart against a real kube-apiserver: what it renders is accepted, its schema refuses mistakes, its
 * pods pass the Pod Security Standard *restricted*, and its rights are enough for what Petrel really writes and
 * not one verb more.
 */

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { parse } from "yaml";
import {
  buildTools,
  type CommandResult,
  type ControlPlane,
  run,
  startControlPlane,
} from "../../e2e/cluster/index.ts";
import { RESOURCE } from "../../src/api/kube-resources.ts";
import { API_GROUP_VERSION } from "../../src/api/names.ts";
import { operatorCommand } from "../../src/operator/command.ts";
import {
  controllerRevision,
  modelServerAccount,
  modelServersBudget,
  trafficService,
} from "../../src/render/model-deployment-children.ts";
import { modelServersDeployment } from "../../src/render/model-servers.ts";
import { ROUTER_NAME, routerObjects } from "../../src/render/router.ts";
import {
  allowedQuestions,
  type Question,
  questionsAbout,
  questionsOf,
  type Rights,
} from "./authorization-questions.ts";

const repository = join(import.meta.dirname, "../..");
const chart = join(repository, "charts/petrel");
const OWN = "petrel-system";
const USERS = "shop";

let controlPlane: ControlPlane;
let helmHome: string;
let helm: (...args: string[]) => Promise<CommandResult>;

beforeAll(async () => {
  // The flag adds to the ones of the control plane. With it, owner references need rights too.
  const apiserverFlags = ["--enable-admission-plugins=OwnerReferencesPermissionEnforcement"];
  controlPlane = await startControlPlane({ controllerManager: true, apiserverFlags });
  const tools = await buildTools(["helm"], () => {});
  helmHome = mkdtempSync(join(tmpdir(), "petrel-helm-"));
  const environment = {
    KUBECONFIG: controlPlane.kubeconfig,
    HELM_CACHE_HOME: helmHome,
    HELM_CONFIG_HOME: helmHome,
    HELM_DATA_HOME: helmHome,
  };
  helm = (...args) => run(tools.program("helm"), args, { environment });
  for (const namespace of [OWN, USERS]) await controlPlane.kubectl(["create", "namespace", namespace]);
  const restricted = ["enforce", "warn"].map((mode) => `pod-security.kubernetes.io/${mode}=restricted`);
  await controlPlane.kubectl(["label", "namespace", OWN, ...restricted]);
}, 1_800_000);

afterAll(async () => {
  await controlPlane?.stop();
  if (helmHome !== undefined) rmSync(helmHome, { recursive: true, force: true });
});

async function succeeding(result: Promise<CommandResult>): Promise<string> {
  const { exitCode, stdout, stderr } = await result;
  if (exitCode !== 0) throw new Error(stderr);
  return stdout;
}

/** The version of the package, which chart and image share. */
function packageVersion(): unknown {
  return JSON.parse(readFileSync(join(repository, "package.json"), "utf8")).version;
}

const digest = `sha256:${"0".repeat(64)}`;

describe("the chart", () => {
  it("passes the strict linter", async () => {
    await succeeding(helm("lint", "--strict", chart));
  });

  it("has the version of the package", () => {
    const chartFile: unknown = parse(readFileSync(join(chart, "Chart.yaml"), "utf8"));
    expect(chartFile).toMatchObject({ version: packageVersion(), appVersion: packageVersion() });
  });

  it.each([
    ["the defaults", "petrel", []],
    ["a release of the longest name", "r".repeat(53), []],
    ["no CRDs", "petrel", ["--set=crds.enabled=false"]],
    ["CRDs that go with the chart", "petrel", ["--set=crds.keep=false"]],
    [
      "all about pods",
      "petrel",
      [
        "--set=imagePullSecrets[0].name=registry,priorityClassName=critical",
        '--set-json=nodeSelector={"kubernetes.io/os":"linux"}',
        '--set-json=tolerations=[{"key":"dedicated","operator":"Equal","value":"control","effect":"NoSchedule"}]',
        '--set-json=affinity={"nodeAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":{"nodeSelectorTerms":[{"matchExpressions":[{"key":"a","operator":"Exists"}]}]}}}',
        '--set-json=resources={"limits":{"cpu":1,"memory":"1Gi"}}',
      ],
    ],
  ])("renders what the API server takes without a warning: %s", async (_name, release, values) => {
    const input = await succeeding(helm("template", release, chart, `--namespace=${OWN}`, ...values));
    const apply = ["apply", "--server-side", "--force-conflicts", "--dry-run=server", "--warnings-as-errors"];
    await controlPlane.kubectl([...apply, "--filename=-"], { input });
  });

  it.each([
    ["image.tag=1.2.3", "ghcr.io/petrel-dev/petrel:1.2.3"],
    [`image.repository=registry:5000/petrel,image.digest=${digest}`, `registry:5000/petrel@${digest}`],
  ])("runs the operator, and what it makes, from one image: %s", async (values, image) => {
    const only = "--show-only=templates/operator/deployment.yaml";
    const deployment = await succeeding(helm("template", "petrel", chart, only, "--set", values));
    expect(deployment).toContain(`image: "${image}"\n`);
    expect(deployment).toContain(`- --image=${image}\n`);
  });

  it.each([
    ["replicas=two", "at '/replicas': got string, want integer"],
    ["router.replicas=0", "at '/router/replicas': minimum: got 0, want 1"],
    [
      "image.pullPolicy=Sometimes",
      "at '/image/pullPolicy': value must be one of 'Always', 'IfNotPresent', 'Never'",
    ],
    ["image.digest=latest", "at '/image/digest': 'latest' does not match pattern"],
    ["replicaCount=3", "additional properties 'replicaCount' not allowed"],
    ["crds.enable=true", "at '/crds': additional properties 'enable' not allowed"],
    ["resources.limit.memory=1Gi", "at '/resources': additional properties 'limit' not allowed"],
    ["envoy=null", "missing property 'envoy'"],
  ])("refuses %s", async (value, message) => {
    const { exitCode, stderr } = await helm("template", "petrel", chart, "--set", value);
    expect(stderr).toContain(message);
    expect(exitCode).not.toBe(0);
  });
});

/** All that the operator may do without naming an object, in any namespace: `RESOURCE[.GROUP][/SUBRESOURCE]` -> verbs. */
const operatorRights: Rights = {
  "modeldeployments.petrel.dev": "get list watch",
  "modeldeployments.petrel.dev/status": "patch",
  "modeldeployments.petrel.dev/finalizers": "update",
  "deployments.apps": "get list watch create patch delete",
  "deployments.apps/scale": "get patch",
  "controllerrevisions.apps": "get list watch create patch delete",
  services: "get list watch create patch delete",
  serviceaccounts: "get list watch create patch delete",
  "poddisruptionbudgets.policy": "get list watch create patch delete",
  "rolebindings.rbac.authorization.k8s.io": "get list watch",
  pods: "get list watch",
  "endpointslices.discovery.k8s.io": "get list watch",
  "events.events.k8s.io": "create patch",
};

/** All that a router may do in its namespace. */
const routerRights: Rights = {
  "modeldeployments.petrel.dev": "get list watch",
  pods: "get list watch",
  "endpointslices.discovery.k8s.io": "get list watch create patch delete",
};

/** Asked about as well. No table allows anything on them. */
const otherResources = [
  "modeldeployments.petrel.dev/scale",
  "secrets",
  "configmaps",
  "namespaces",
  "nodes",
  "events",
  "endpoints",
  "users",
  "pods/exec",
  "pods/log",
  "pods/eviction",
  "services/proxy",
  "serviceaccounts/token",
  "deployments.apps/status",
  "replicasets.apps",
  "jobs.batch",
  "leases.coordination.k8s.io",
  "roles.rbac.authorization.k8s.io",
  "clusterroles.rbac.authorization.k8s.io",
  "clusterrolebindings.rbac.authorization.k8s.io",
  "customresourcedefinitions.apiextensions.k8s.io",
];

const everyQuestion = questionsAbout([...Object.keys(operatorRights), ...otherResources]);

/** Asks until the answer is as expected, or 30 s have passed: some controllers work behind the API server. */
async function eventually<T>(ask: () => Promise<T>, expected: T): Promise<void> {
  const deadline = performance.now() + 30_000;
  let answer = await ask();
  while (!isDeepStrictEqual(answer, expected) && performance.now() < deadline) {
    await pause(250);
    answer = await ask();
  }
  expect(answer).toEqual(expected);
}

describe("the installed chart", () => {
  const operator = `system:serviceaccount:${OWN}:petrel-operator`;
  const router = `system:serviceaccount:${USERS}:${ROUTER_NAME}`;

  const allowed = (questions: readonly Question[], user: string, namespace: string) =>
    allowedQuestions(controlPlane, questions, user, namespace);
  const kubectl = (args: readonly string[], input?: object) =>
    controlPlane.kubectl(args, input === undefined ? {} : { input: JSON.stringify(input) });
  const apply = ["apply", "--server-side", "--filename=-"];
  const asOperator = [`--as=${operator}`, "--field-manager=petrel"];

  beforeAll(async () => {
    await succeeding(helm("install", "petrel", chart, `--namespace=${OWN}`));
    await kubectl(["wait", "--for=condition=Established", "crd", "--all", "--timeout=30s"]);
  }, 120_000);

  it("runs its operators as pods that the Pod Security Standard restricted admits", async () => {
    const pods = ["get", "pods", `--namespace=${OWN}`, "--selector=app.kubernetes.io/component=operator"];
    await eventually(async () => (await kubectl([...pods, "--output=name"])).trim().split("\n").length, 2);
  }, 60_000);

  it("starts the operator with options that it knows", async () => {
    const args = "{range .spec.template.spec.containers[0].args[*]}{@}{'\\n'}{end}";
    const deployment = ["get", "deployment", "petrel-operator", `--namespace=${OWN}`];
    const [verb, ...options] = (await kubectl([...deployment, `--output=jsonpath=${args}`]))
      .trim()
      .split("\n");
    expect(verb).toBe("operator");
    const command = operatorCommand()
      .exitOverride()
      .action(() => {});
    await command.parseAsync(options, { from: "user" });
    expect(command.opts()).toMatchObject({
      image: `ghcr.io/petrel-dev/petrel:${packageVersion()}`,
      envoyImage: "docker.io/envoyproxy/envoy:distroless-v1.40.0",
      imagePullPolicy: "IfNotPresent",
      routerClusterRole: "petrel-router",
      routerReplicas: 2,
      namespace: "$(POD_NAMESPACE)",
      httpPort: 8080,
    });
  });

  it("lets the operator write what a ModelDeployment and its routers are made of", async () => {
    const metadata = { name: "ranker", namespace: USERS };
    const model = { uri: "file:///models/ranker.onnx", digest };
    const identity = { apiVersion: API_GROUP_VERSION, kind: "ModelDeployment", metadata };
    await kubectl(apply, { ...identity, spec: { model } });
    const uid = await kubectl([
      "get",
      "mdep",
      "ranker",
      `--namespace=${USERS}`,
      "--output=jsonpath={.metadata.uid}",
    ]);
    const owner = { ...metadata, uid };

    const images = { image: "petrel", imagePullPolicy: "IfNotPresent" };
    const objects = [
      controllerRevision(owner, "ranker-1", 1, {}),
      modelServerAccount(owner, "ranker-model-server"),
      trafficService(owner, 10_000),
      modelServersBudget(owner, "ranker-1", { revision: "1" }),
      modelServersDeployment({
        ...images,
        owner,
        name: "ranker-1",
        revision: "ranker-1",
        model,
        runtime: { name: "onnxruntime", intraOpThreads: 1 },
        pool: { name: "default" },
        serviceAccountName: "ranker-model-server",
        replicas: 0,
      }),
      ...routerObjects({
        ...images,
        namespace: USERS,
        replicas: 2,
        envoyImage: "envoy",
        clusterRole: "petrel-router",
      }),
    ];
    for (const object of objects) await kubectl([...apply, ...asOperator], object);
    const status = { ...identity, status: { observedGeneration: 1 } };
    await kubectl([...apply, ...asOperator, "--subresource=status"], status);
  }, 60_000);

  it("speaks of the resources that the operator knows, and of no other", () => {
    const known = Object.values(RESOURCE).map(({ plural, group }) =>
      group === "" ? plural : `${plural}.${group}`,
    );
    const spokenOf = Object.keys(operatorRights).map((resource) => resource.replace(/\/.*/, ""));
    expect(new Set([...spokenOf, "leases.coordination.k8s.io"])).toEqual(new Set(known));
  });

  it("gives the operator these rights in every namespace, and not one more", async () => {
    expect(await allowed(everyQuestion, operator, USERS)).toEqual(questionsOf(operatorRights));
  }, 60_000);

  it("gives a router these rights in its namespace, and not one more", async () => {
    expect(await allowed(everyQuestion, router, USERS)).toEqual(questionsOf(routerRights));
    expect(await allowed(everyQuestion, router, OWN)).toEqual([]);
  }, 60_000);

  it("binds the operator's other rights to names", async () => {
    const leases = "leases.coordination.k8s.io";
    const bindings = "rolebindings.rbac.authorization.k8s.io";
    const roles = "clusterroles.rbac.authorization.k8s.io";
    const named = [
      ...["create", "patch", "delete"].map((verb) => `${verb} ${bindings} petrel-router`),
      `bind ${roles} petrel-router`,
    ];
    const leaseNamed = ["get", "update", "patch"].map((verb) => `${verb} ${leases} petrel-operator`);
    const others = [
      ...["create", "patch", "delete"].map((verb) => `${verb} ${bindings} other`),
      ...["cluster-admin", "petrel-operator"].map((role) => `bind ${roles} ${role}`),
      `update ${bindings} petrel-router`,
      `delete ${leases} petrel-operator`,
      `update ${leases} kube-scheduler`,
    ];
    const questions = [...named, `create ${leases}`, ...leaseNamed, ...others];
    expect(await allowed(questions, operator, USERS)).toEqual(named);
    expect(await allowed(questions, operator, OWN)).toEqual([...named, `create ${leases}`, ...leaseNamed]);
  });

  it("does not let the operator give away the rights of another role", async () => {
    const binding = {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "RoleBinding",
      metadata: { name: ROUTER_NAME, namespace: OWN },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "edit" },
      subjects: [{ kind: "ServiceAccount", name: ROUTER_NAME, namespace: OWN }],
    };
    await expect(kubectl([...apply, ...asOperator], binding)).rejects.toThrow(
      "attempting to grant RBAC permissions",
    );
  });

  it("adds Petrel's kinds to the roles view and edit", async () => {
    for (const role of ["view", "edit"]) {
      await kubectl([
        "create",
        "rolebinding",
        role,
        `--clusterrole=${role}`,
        `--user=${role}er`,
        `--namespace=${USERS}`,
      ]);
    }
    const resources = ["", "/scale", "/status"].map(
      (subresource) => `modeldeployments.petrel.dev${subresource}`,
    );
    const questions = questionsAbout(resources);
    const read = "get list watch";
    const viewer = questionsOf(Object.fromEntries(resources.map((resource) => [resource, read])));
    await eventually(() => allowed(questions, "viewer", USERS), viewer);
    const editor = questionsOf({
      "modeldeployments.petrel.dev": `${read} create update patch delete deletecollection`,
      "modeldeployments.petrel.dev/scale": `${read} update patch`,
      "modeldeployments.petrel.dev/status": read,
    });
    await eventually(() => allowed(questions, "editer", USERS), editor);
  }, 90_000);

  it("leaves every ModelDeployment when it is uninstalled", async () => {
    await succeeding(helm("uninstall", "petrel", `--namespace=${OWN}`));
    const names = ["get", "mdep", `--namespace=${USERS}`, "--output=name"];
    expect((await kubectl(names)).trim()).toBe("modeldeployment.petrel.dev/ranker");
    expect(await allowed(everyQuestion, operator, USERS)).toEqual([]);
  }, 60_000);
});
