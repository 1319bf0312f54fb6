/**
 * The installed chart on a real kube-apiserver: its pods pass the Pod Security Standard *restricted*, and its
 * rights are enough for what Petrel really writes and not one verb more, in every namespace or in chosen ones.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { parse } from "yaml";
import { type ControlPlane, startControlPlane } from "../../e2e/cluster/index.ts";
import { tlsCredentials } from "../../src/api/credential.ts";
import { RESOURCE } from "../../src/api/kube-resources.ts";
import { API_GROUP_VERSION } from "../../src/api/names.ts";
import { decide } from "../../src/core/decide.ts";
import { operatorCommand } from "../../src/operator/command.ts";
import { collectorObjects } from "../../src/render/collector.ts";
import { COLLECTOR_NAME } from "../../src/render/collector-names.ts";
import { ROUTER_NAME, routerObjects } from "../../src/render/router.ts";
import { World } from "../fixtures/world.ts";
import { allowedQuestions, type Question, questionsAbout, questionsOf } from "./authorization-questions.ts";
import { everyQuestion, operatorRights, routerRights } from "./chart-rights.ts";
import { chart, type Helm, type HelmHome, openHelm, repository, succeeding } from "./chart-setup.ts";
import { freePort } from "./router-envoy/envoy-process.ts";

const OWN = "petrel-system";
const USERS = "shop";
const OTHERS = "search";

let controlPlane: ControlPlane;
let home: HelmHome;
let helm: Helm;

beforeAll(async () => {
  // The flag adds to the ones of the control plane. With it, owner references need rights too.
  const apiserverFlags = ["--enable-admission-plugins=OwnerReferencesPermissionEnforcement"];
  controlPlane = await startControlPlane({ controllerManager: true, apiserverFlags });
  home = await openHelm(controlPlane);
  helm = home.helm;
  for (const namespace of [OWN, USERS, OTHERS])
    await controlPlane.kubectl(["create", "namespace", namespace]);
  const restricted = ["enforce", "warn"].map((mode) => `pod-security.kubernetes.io/${mode}=restricted`);
  await controlPlane.kubectl(["label", "namespace", OWN, ...restricted]);
}, 1_800_000);

afterAll(async () => {
  await controlPlane?.stop();
  home?.remove();
});

/** The version of the package, which chart and image share. */
function packageVersion(): unknown {
  return JSON.parse(readFileSync(join(repository, "package.json"), "utf8")).version;
}

const digest = `sha256:${"0".repeat(64)}`;

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

const operator = `system:serviceaccount:${OWN}:petrel-operator`;
const router = `system:serviceaccount:${USERS}:${ROUTER_NAME}`;
const apply = ["apply", "--server-side", "--filename=-"];
const asOperator = [`--as=${operator}`, "--field-manager=petrel"];

function allowed(questions: readonly Question[], user: string, namespace: string) {
  return allowedQuestions(controlPlane, questions, user, namespace);
}

function kubectl(args: readonly string[], input?: object): Promise<string> {
  return controlPlane.kubectl(args, input === undefined ? {} : { input: JSON.stringify(input) });
}

/** The operator's command line as it reads it itself. */
async function operatorOptions(): Promise<Record<string, unknown>> {
  const args = "{range .spec.template.spec.containers[0].args[*]}{@}{'\\n'}{end}";
  const deployment = ["get", "deployment", "petrel-operator", `--namespace=${OWN}`];
  const [verb, ...options] = (await kubectl([...deployment, `--output=jsonpath=${args}`])).trim().split("\n");
  expect(verb).toBe("operator");
  const command = operatorCommand()
    .exitOverride()
    .action(() => {});
  await command.parseAsync(options, { from: "user" });
  return command.opts();
}

describe("the installed chart", () => {
  beforeAll(async () => {
    await succeeding(helm("install", "petrel", chart, `--namespace=${OWN}`));
    await kubectl(["wait", "--for=condition=Established", "crd", "--all", "--timeout=30s"]);
  }, 120_000);

  it("has its kinds before its operator", async () => {
    // Helm tells of objects in the order in which it applies them.
    const applied = await succeeding(helm("get", "manifest", "petrel", `--namespace=${OWN}`));
    const kinds = [...applied.matchAll(/^kind: (\w+)$/gm)].map(([, kind]) => kind);
    expect(kinds.filter((kind) => kind === "CustomResourceDefinition")).toHaveLength(4);
    expect(kinds.lastIndexOf("CustomResourceDefinition")).toBeLessThan(kinds.indexOf("Deployment"));
  });

  it("runs its operators as pods that the Pod Security Standard restricted admits", async () => {
    const pods = ["get", "pods", `--namespace=${OWN}`, "--selector=app.kubernetes.io/component=operator"];
    await eventually(async () => (await kubectl([...pods, "--output=name"])).trim().split("\n").length, 2);
  }, 60_000);

  it("starts the operator with options that it knows", async () => {
    const options = await operatorOptions();
    expect(options).not.toHaveProperty("namespaces");
    expect(options).toMatchObject({
      image: `ghcr.io/petrel-dev/petrel:${packageVersion()}`,
      cudaImage: `ghcr.io/petrel-dev/petrel-serve-cuda:${packageVersion()}`,
      envoyImage: "docker.io/envoyproxy/envoy:distroless-v1.40.0",
      imagePullPolicy: "IfNotPresent",
      routerRole: "petrel-router",
      routerReplicas: 2,
      metricsScrapers: [
        { namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "monitoring" } } },
      ],
      namespace: "$(POD_NAMESPACE)",
      httpPort: 8080,
    });
  });

  it("lets the operator write what a ModelDeployment, its routers and its collector are made of", async () => {
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
    const observed = new World({
      traffic: { timeout: "600ms", tls: { secretName: "ranker-tls" } },
    }).observation();
    const deployment = { ...observed.deployment, metadata: { ...observed.deployment.metadata, ...owner } };
    const objects = [
      ...decide({ ...observed, deployment }).apply,
      ...routerObjects({
        ...images,
        namespace: USERS,
        replicas: 2,
        envoyImage: "envoy",
        credentials: tlsCredentials("ranker-tls"),
        role: { kind: "ClusterRole", name: "petrel-router" },
      }),
      ...collectorObjects({
        ...images,
        namespace: USERS,
        pods: {},
        storage: { size: "1Gi" },
        retentionHours: 96,
        metricsScrapers: [],
        files: { "keys.json": "{}" },
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
    // Rights on these are bound to names.
    const named = ["leases.coordination.k8s.io", "secrets", "configmaps"];
    // Rights on these are given where a value of the chart says so.
    const chosen = ["scaledobjects.keda.sh"];
    expect(new Set([...spokenOf, ...named, ...chosen])).toEqual(new Set(known));
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
      ...["get", "create", "patch"].map((verb) => `${verb} secrets ${COLLECTOR_NAME}`),
    ];
    const leaseNamed = [
      ...["get", "update", "patch"].map((verb) => `${verb} ${leases} petrel-operator`),
      ...["get", "list", "watch"].map((verb) => `${verb} configmaps petrel-drills`),
    ];
    const others = [
      ...["create", "patch", "delete"].map((verb) => `${verb} ${bindings} other`),
      ...["cluster-admin", "petrel-operator"].map((role) => `bind ${roles} ${role}`),
      `update ${bindings} petrel-router`,
      ...["get", "create", "patch"].map((verb) => `${verb} secrets ranker-tls`),
      ...["update", "delete", "list", "watch"].map((verb) => `${verb} secrets ${COLLECTOR_NAME}`),
      `delete ${leases} petrel-operator`,
      ...["create", "update", "patch", "delete"].map((verb) => `${verb} configmaps petrel-drills`),
      "get configmaps other",
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
      const flags = [`--clusterrole=${role}`, `--user=${role}er`, `--namespace=${USERS}`];
      await kubectl(["create", "rolebinding", role, ...flags]);
    }
    const resources = [
      "deployments",
      "deployments/scale",
      "deployments/status",
      "experiments",
      "experiments/status",
      "rollouts",
      "rollouts/status",
    ].map((part) => part.replace(/^[a-z]+/, (kind) => `model${kind}.petrel.dev`));
    resources.push("failoverdrills.petrel.dev", "failoverdrills.petrel.dev/status");
    const [questions, read] = [questionsAbout(resources), "get list watch"];
    const viewer = questionsOf(Object.fromEntries(resources.map((resource) => [resource, read])));
    await eventually(() => allowed(questions, "viewer", USERS), viewer);
    const editor = questionsOf({
      "modeldeployments.petrel.dev": `${read} create update patch delete deletecollection`,
      "modeldeployments.petrel.dev/scale": `${read} update patch`,
      "modeldeployments.petrel.dev/status": read,
      "modelexperiments.petrel.dev": `${read} create update patch delete deletecollection`,
      "modelexperiments.petrel.dev/status": read,
      "modelrollouts.petrel.dev": `${read} update patch`,
      "modelrollouts.petrel.dev/status": read,
      "failoverdrills.petrel.dev": `${read} create update patch delete deletecollection`,
      "failoverdrills.petrel.dev/status": read,
    });
    await eventually(() => allowed(questions, "editer", USERS), editor);
  }, 90_000);

  it("takes other values in an upgrade", async () => {
    const values =
      "replicas=3,logLevel=debug,router.replicas=4,router.imagePullSecrets[0].name=registry,router.nodeSelector.pool=edge";
    await succeeding(helm("upgrade", "petrel", chart, `--namespace=${OWN}`, "--set", values));
    expect(await operatorOptions()).toMatchObject({ logLevel: "debug", routerReplicas: 4 });
    expect(await operatorOptions()).toMatchObject({
      routerPods: {
        imagePullSecrets: [{ name: "registry" }],
        nodeSelector: { pool: "edge" },
        tolerations: [],
      },
    });
    const replicas = ["get", "deployment", "petrel-operator", "--output=jsonpath={.spec.replicas}"];
    expect(await kubectl([...replicas, `--namespace=${OWN}`])).toBe("3");
  }, 60_000);

  it("leaves every ModelDeployment when it is uninstalled", async () => {
    await succeeding(helm("uninstall", "petrel", `--namespace=${OWN}`));
    const names = ["get", "mdep", `--namespace=${USERS}`, "--output=name"];
    expect((await kubectl(names)).trim()).toBe("modeldeployment.petrel.dev/ranker");
    expect(await allowed(everyQuestion, operator, USERS)).toEqual([]);
  }, 60_000);
});

describe("the chart, installed for chosen namespaces", () => {
  beforeAll(async () => {
    const values = `namespaces={${USERS},${OTHERS}}`;
    await succeeding(helm("install", "petrel", chart, `--namespace=${OWN}`, "--set", values));
    await kubectl(["wait", "--for=condition=Established", "crd", "--all", "--timeout=30s"]);
  }, 120_000);

  it("starts the operator for these alone", async () => {
    expect(await operatorOptions()).toMatchObject({ namespaces: [USERS, OTHERS] });
  });

  it("gives the operator its rights there, and none in any other namespace", async () => {
    for (const namespace of [USERS, OTHERS]) {
      expect(await allowed(everyQuestion, operator, namespace)).toEqual(questionsOf(operatorRights));
    }
    expect(await allowed(everyQuestion, operator, OWN)).toEqual(["create leases.coordination.k8s.io"]);
    expect(await allowed(everyQuestion, operator, "default")).toEqual([]);
    expect(await allowed(everyQuestion, operator, "")).toEqual([]);
  }, 60_000);

  it("lets the operator give routers the rights of routers, and no other", async () => {
    const write = (role: string) => {
      const objects = routerObjects({
        namespace: OTHERS,
        replicas: 2,
        image: "petrel",
        imagePullPolicy: "IfNotPresent",
        credentials: [],
        envoyImage: "envoy",
        role: { kind: "Role", name: role },
      });
      return Promise.all(objects.map((object) => kubectl([...apply, ...asOperator], object)));
    };
    const rules = [{ apiGroups: [""], resources: ["secrets"], verbs: ["get"] }];
    const metadata = { name: "reader-of-secrets", namespace: OTHERS };
    const more = { apiVersion: "rbac.authorization.k8s.io/v1", kind: "Role", metadata, rules };
    await kubectl(apply, more);
    await expect(write(metadata.name)).rejects.toThrow("attempting to grant RBAC permissions");
    await write("petrel-router");
    const other = `system:serviceaccount:${OTHERS}:${ROUTER_NAME}`;
    expect(await allowed(everyQuestion, other, OTHERS)).toEqual(questionsOf(routerRights));
    expect(await allowed(everyQuestion, other, USERS)).toEqual([]);
  }, 60_000);

  it("lets the operator do its work there, and it looks nowhere else", async () => {
    const token = (await kubectl(["create", "token", "petrel-operator", `--namespace=${OWN}`])).trim();
    const folder = mkdtempSync(join(tmpdir(), "petrel-operator-"));
    const kubeconfig = join(folder, "kubeconfig");
    const admin = parse(readFileSync(controlPlane.kubeconfig, "utf8"));
    const users = admin.users.map(({ name }: { readonly name: string }) => ({ name, user: { token } }));
    writeFileSync(kubeconfig, JSON.stringify({ ...admin, users }), { mode: 0o600 });
    for (const namespace of [OTHERS, "default"]) {
      const metadata = { name: "lonely", namespace };
      const spec = { model: { uri: "file:///models/ranker.onnx", digest } };
      await kubectl(apply, { apiVersion: API_GROUP_VERSION, kind: "ModelDeployment", metadata, spec });
    }
    const main = join(repository, "src/main.ts");
    const options = ["--image=petrel", "--envoy-image=envoy", "--router-role=petrel-router"];
    const own = [`--namespaces=${USERS},${OTHERS}`, `--namespace=${OWN}`, `--http-port=${await freePort()}`];
    const operatorProcess = spawn(process.execPath, [main, "operator", ...options, ...own], {
      env: { PATH: process.env["PATH"], KUBECONFIG: kubeconfig },
      stdio: ["ignore", "pipe", "inherit"],
    });
    let log = "";
    operatorProcess.stdout.setEncoding("utf8").on("data", (text: string) => {
      log += text;
    });
    try {
      const generation = ["get", "mdep", "lonely", "--output=jsonpath={.status.observedGeneration}"];
      await eventually(() => kubectl([...generation, `--namespace=${OTHERS}`]), "1");
      expect(await kubectl([...generation, "--namespace=default"])).toBe("0");
      expect(log).not.toContain("forbidden");
    } finally {
      operatorProcess.kill("SIGKILL");
      rmSync(folder, { recursive: true, force: true });
    }
  }, 90_000);

  it("takes its rights along when it is uninstalled", async () => {
    await succeeding(helm("uninstall", "petrel", `--namespace=${OWN}`));
    expect(await allowed(everyQuestion, operator, USERS)).toEqual([]);
  }, 60_000);
});
