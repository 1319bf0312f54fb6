/**
 * What execution does with an object that stands though the cache does not show it, and with one that it has just
 * made.
 */
import { describe, expect, test } from "@jest/globals";
import { silentLogger } from "../../test/fixtures/silent-logger.ts";
import { MemoryApiServer } from "../../test/memory-cluster/api-server.ts";
import { FaultyPort } from "../../test/memory-cluster/faulty-port.ts";
import { VirtualClock } from "../../test/memory-cluster/virtual-clock.ts";
import { valueAt } from "../api/json.ts";
import type { KubeObject } from "../api/kube-object.ts";
import { RESOURCE } from "../api/kube-resources.ts";
import { COMPONENT, LABEL } from "../api/names.ts";
import { scale } from "../kube/apply.ts";
import { KubeError, type KubePort } from "../kube/port.ts";
import { podRevision } from "../render/model-deployment-children.ts";
import { routerObjects } from "../render/router.ts";
import { type Execution, execute, type Writes } from "./execute.ts";
import { liveKey } from "./gather.ts";

const owner = { name: "ranker", namespace: "shop", uid: "uid" };
const target = { resource: RESOURCE.controllerRevision, name: "ranker-pods", namespace: "shop" };

function revisionOf(image: string) {
  const template = { spec: { containers: [{ name: "serve", image }] } };
  return podRevision(owner, "ranker-pods", 1, { pool: "default" }, { inputs: "x", template });
}

const servers = { resource: RESOURCE.deployment, name: "ranker-default", namespace: "shop" };

function carryOutWith(port: KubePort, writes: Writes, execution: Partial<Execution> = {}) {
  const signal = new AbortController().signal;
  return execute(writes, {
    port,
    live: new Map(),
    isOurs: () => "Ours",
    log: silentLogger,
    signal,
    ...execution,
  });
}

/** Makes model servers and sizes them, with somebody else at work right before they are sized. */
async function makeServers(meanwhile: (port: KubePort) => unknown) {
  const clock = new VirtualClock();
  const server = new MemoryApiServer(clock);
  const port = new FaultyPort(server, clock, {
    call: ({ subresource }) => {
      if (subresource === "scale" && looks === 0) meanwhile(server);
      return undefined;
    },
  });
  let looks = 0;
  const object = {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: servers.name, namespace: servers.namespace },
    spec: { replicas: 0, template: {} },
  };
  await carryOutWith(
    port,
    {
      apply: [object],
      scale: [{ name: servers.name, namespace: servers.namespace, replicas: 2 }],
      remove: [],
    },
    {
      confirm: async () => {
        looks += 1;
      },
    },
  );
  return { looks, replicas: valueAt(await server.get(servers), "spec", "replicas") };
}

describe("model servers that were just made are sized", () => {
  test("at once, for they have no capacity to lose", async () => {
    expect(await makeServers(() => {})).toEqual({ looks: 0, replicas: 2 });
  });

  test("after a look at what is stored, when somebody else has sized them in between", async () => {
    const meanwhile = (port: KubePort) => scale(port, servers, 5);
    expect(await makeServers(meanwhile)).toEqual({ looks: 1, replicas: 2 });
  });
});

function carryOut(port: MemoryApiServer, image: string) {
  return carryOutWith(port, { apply: [revisionOf(image)], remove: [] });
}

describe("what the API server refuses", () => {
  const forbidden = (why: string) =>
    new KubeError(403, "Forbidden", `services "ranker" is forbidden: ${why}`);
  const service = { apiVersion: "v1", kind: "Service", metadata: { name: "ranker", namespace: "shop" } };

  function applyAgainst(refusal: KubeError) {
    const clock = new VirtualClock();
    const port = new FaultyPort(new MemoryApiServer(clock), clock, { call: () => ({ refusal }) });
    return carryOutWith(port, { apply: [service], remove: [] });
  }

  test.each([
    new KubeError(400, "BadRequest", "strict decoding error: unknown field"),
    new KubeError(422, "Invalid", "spec.ports: Required value"),
    forbidden("exceeded quota: services, requested: count/services=1, limited: count/services=2"),
    forbidden('User "system:serviceaccount:petrel-system:petrel" cannot patch resource "services"'),
  ])("comes back in its words: $message", async (refusal) => {
    const told = { object: "Service/ranker", reason: "ChildRejected", message: refusal.message };
    expect(await applyAgainst(refusal)).toEqual([told]);
  });

  test.each([
    new KubeError(404, "Unknown", 'the API server answered HTTP 404: "404 page not found"'),
    new KubeError(404, "NotFound", "the server could not find the requested resource"),
  ])("is told of a kind that the cluster does not know: $message", async (refusal) => {
    const message = expect.stringContaining("kind Service of v1");
    const told = { object: "Service/ranker", reason: "KindMissing", message };
    expect(await applyAgainst(refusal)).toEqual([told]);
  });

  test.each([
    new KubeError(404, "NotFound", 'namespaces "shop" not found'),
    forbidden("unable to create new content in namespace shop because it is being terminated"),
    new KubeError(500, "InternalError", "etcdserver: request timed out"),
    new KubeError(429, "TooManyRequests", "try again later"),
  ])("is thrown where it passes by itself: $message", async (refusal) => {
    await expect(applyAgainst(refusal)).rejects.toBe(refusal);
  });
});

describe("pods are not made without", () => {
  const metadata = { name: "ranker-guard", namespace: "shop" };
  const policy = { apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata, spec: {} };
  const account = { apiVersion: "v1", kind: "ServiceAccount", metadata };
  const refusal = new KubeError(422, "Invalid", "spec.ingress: Invalid value");

  const deploymentOf = (replicas: number) => ({
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: servers.name, namespace: servers.namespace },
    spec: { replicas, template: { spec: {} } },
  });
  const scaleTo = (replicas: number) => [{ name: servers.name, namespace: servers.namespace, replicas }];

  /** Applies a guard, which is refused, and model servers; `live` is what stands. Notes every other call. */
  async function carryOutRefused(
    guard: KubeObject,
    live: readonly KubeObject[],
    replicas: number,
    guarded: readonly KubeObject[] = [],
  ) {
    const clock = new VirtualClock();
    const server = new MemoryApiServer(clock);
    const calls: string[] = [];
    const port = new FaultyPort(server, clock, {
      call: ({ resource, subresource }) => {
        if (resource.kind === guard.kind) return { refusal };
        calls.push([resource.kind, subresource].filter(Boolean).join(" "));
        return undefined;
      },
    });
    const standing = await Promise.all(
      live.map((object) => server.apply(object, { fieldManager: "petrel", force: true })),
    );
    const refusals = await carryOutWith(
      port,
      {
        apply: [guard, ...guarded, { ...deploymentOf(0), spec: { template: { spec: { priority: 1 } } } }],
        scale: scaleTo(replicas),
        remove: [],
      },
      { live: new Map(standing.map((object) => [liveKey(object), object])) },
    );
    return { calls, refusals };
  }

  test.each([policy, account])(
    "their $kind: neither a Deployment is made, nor one changed or sized up",
    async (guard) => {
      for (const live of [[], [deploymentOf(2)]]) {
        const { calls, refusals } = await carryOutRefused(guard, live, 3);
        expect(calls).toEqual([]);
        const message = "spec.ingress: Invalid value; no pod is made without it";
        expect(refusals).toEqual([
          { object: `${guard.kind}/ranker-guard`, reason: "ChildRejected", message },
        ]);
      }
    },
  );

  test("the guard of another component: its Job is not made, and model servers are made and sized", async () => {
    const labels = { [LABEL.component]: COMPONENT.prober };
    const labelled = (object: KubeObject) => ({ ...object, metadata: { ...object.metadata, labels } });
    const job = labelled({ apiVersion: "batch/v1", kind: "Job", metadata });
    const { calls } = await carryOutRefused(labelled(policy), [], 3, [job]);
    expect(calls).toEqual(["Deployment", "Deployment scale"]);
  });

  test("it, but are taken away", async () => {
    expect((await carryOutRefused(policy, [deploymentOf(2)], 1)).calls).toEqual(["Deployment scale"]);
  });

  test("it, yet with a former one that stands, whose change alone is refused", async () => {
    const { calls, refusals } = await carryOutRefused(policy, [policy, deploymentOf(2)], 3);
    expect(calls).toEqual(["Deployment", "Deployment scale"]);
    expect(refusals).toMatchObject([{ message: "spec.ingress: Invalid value" }]);
  });
});

test("model servers that went after they were read are not made with the replica of the API's default", async () => {
  const server = new MemoryApiServer(new VirtualClock());
  const { name, namespace } = servers;
  const object = (image: string): KubeObject => ({
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, namespace },
    spec: { template: { spec: { containers: [{ name: "serve", image }] } } },
  });
  const read = await server.apply(object("petrel:1"), { fieldManager: "petrel", force: true });
  const carryOut = () =>
    carryOutWith(
      server,
      { apply: [object("petrel:2")], scale: [], remove: [] },
      { live: new Map([[liveKey(read), read]]) },
    );
  await carryOut();
  await server.delete(servers, { uid: read.metadata.uid ?? "" });
  await expect(carryOut()).rejects.toMatchObject({ status: 409 });
  await expect(server.get(servers)).rejects.toMatchObject({ status: 404 });
});

describe("an object that the cache does not show", () => {
  const object = (kind: string, apiVersion: string, name: string): KubeObject => ({
    apiVersion,
    kind,
    metadata: { name, namespace: "shop" },
    spec: { template: { spec: {} } },
  });
  const deployments = [servers.name, "ranker-other"].map((name) => object("Deployment", "apps/v1", name));

  /** Applies objects that all stand; notes each call. */
  async function carryOutOver(standing: readonly KubeObject[], execution: Partial<Execution>) {
    const clock = new VirtualClock();
    const server = new MemoryApiServer(clock);
    for (const each of standing) await server.apply(each, { fieldManager: "petrel", force: true });
    const calls: string[] = [];
    const stop = new AbortController();
    const port = new FaultyPort(server, clock, {
      call: ({ verb, name }) => {
        calls.push(`${verb} ${name}`);
        if (calls.length === stopsAfter) stop.abort(new Error("leadership is lost"));
        return undefined;
      },
    });
    let stopsAfter = 0;
    const run = (callCount = 0) => {
      stopsAfter = callCount;
      return carryOutWith(
        port,
        { apply: standing, scale: [{ name: "ranker-other", namespace: "shop", replicas: 2 }], remove: [] },
        { signal: stop.signal, ...execution },
      );
    };
    return { calls, run };
  }

  test.each([
    [1, ["apply ranker-default"]],
    [2, ["apply ranker-default", "get ranker-default"]],
  ])("is not written once leadership is lost: after %i calls", async (callCount, expected) => {
    const { calls, run } = await carryOutOver(deployments, {});
    await expect(run(callCount)).rejects.toThrow("leadership is lost");
    expect(calls).toEqual(expected);
  });

  test("is waited for while it is being removed, and the other model servers are seen to", async () => {
    const isOurs: Execution["isOurs"] = ({ metadata }) =>
      metadata.name === servers.name ? "Leaving" : "Ours";
    const { calls, run } = await carryOutOver(deployments, { isOurs });
    await expect(run()).rejects.toThrow("Deployment/ranker-default is still being removed");
    expect(calls).toEqual([
      "apply ranker-default",
      "get ranker-default",
      "apply ranker-other",
      "get ranker-other",
      "apply ranker-other",
      "apply ranker-other",
    ]);
  });

  test("holds up what follows from it while it is being removed", async () => {
    const policy = object("NetworkPolicy", "networking.k8s.io/v1", "ranker-guard");
    const { calls, run } = await carryOutOver([policy, ...deployments], { isOurs: () => "Leaving" });
    await expect(run()).rejects.toThrow("NetworkPolicy/ranker-guard is still being removed");
    expect(calls).toEqual(["apply ranker-guard", "get ranker-guard"]);
  });
});

describe("what is to be removed", () => {
  const budget = { resource: RESOURCE.podDisruptionBudget, name: "ranker-default", namespace: "shop" };
  const metadata = { name: budget.name, namespace: budget.namespace };

  async function removeFormer(name: string) {
    const port = new MemoryApiServer(new VirtualClock());
    const object = { apiVersion: "policy/v1", kind: "PodDisruptionBudget", metadata };
    const former = await port.create(object, { fieldManager: "petrel" });
    await port.delete(budget, {});
    await port.create({ ...object, metadata: { ...metadata, name } }, { fieldManager: "people" });
    const uid = former.metadata.uid ?? "";
    const outcome = carryOutWith(port, { apply: [], remove: [{ reference: budget, uid }] });
    return { outcome, left: () => port.objects().map(({ metadata }) => metadata.name) };
  }

  test("is never another object that has come to its name", async () => {
    const { outcome, left } = await removeFormer(budget.name);
    await expect(outcome).rejects.toMatchObject({ status: 409 });
    expect(left()).toEqual([budget.name]);
  });

  test("may be gone already", async () => {
    const { outcome, left } = await removeFormer("other");
    expect(await outcome).toEqual([]);
    expect(left()).toEqual(["other"]);
  });
});

describe("a ControllerRevision that the cache does not show", () => {
  test("keeps what it holds, and nothing that was decided without knowing it is carried on", async () => {
    const port = new MemoryApiServer(new VirtualClock());
    await carryOut(port, "petrel:1");
    const call = carryOut(port, "petrel:2");
    await expect(call).rejects.toThrow("holds something else than was decided");
    expect(await port.get(target)).toMatchObject({ data: revisionOf("petrel:1")["data"] });
  });

  test("gets its labels back when it holds what was decided", async () => {
    const port = new MemoryApiServer(new VirtualClock());
    await carryOut(port, "petrel:1");
    const stored = await port.get(target);
    const metadata = { ...stored.metadata, labels: {} };
    await port.replace({ ...stored, metadata }, { fieldManager: "kubectl-edit" });
    expect(await carryOut(port, "petrel:1")).toEqual([]);
    expect((await port.get(target)).metadata.labels).toEqual(revisionOf("petrel:1").metadata.labels);
  });
});

describe("a RoleBinding", () => {
  const roleBinding = (kind: "Role" | "ClusterRole", name: string) => {
    const settings = { replicas: 2, image: "petrel", envoyImage: "envoy", imagePullPolicy: "Always" };
    const objects = routerObjects({ namespace: "shop", ...settings, credentials: [], role: { kind, name } });
    const binding = objects.find((object) => object.kind === "RoleBinding");
    if (binding === undefined) throw new Error("routers have no RoleBinding");
    return binding;
  };
  const bound = { resource: RESOURCE.roleBinding, name: "petrel-router", namespace: "shop" };

  /** Binds one role, then another, as the operators of two installations do. */
  async function bindAnew(kind: "Role" | "ClusterRole", name: string, meanwhile?: "Removed" | "Replaced") {
    const port = new MemoryApiServer(new VirtualClock());
    const carryOutBinding = (apply: ReturnType<typeof roleBinding>, live: readonly KubeObject[]) =>
      carryOutWith(
        port,
        { apply: [apply], remove: [] },
        { live: new Map(live.map((object) => [liveKey(object), object])) },
      );
    await carryOutBinding(roleBinding("ClusterRole", "petrel-router"), []);
    const first = await port.get(bound);
    if (meanwhile !== undefined) await port.delete(bound, {});
    if (meanwhile === "Replaced") await carryOutBinding(roleBinding("ClusterRole", "petrel-router"), []);
    const outcome = await carryOutBinding(roleBinding(kind, name), [first]);
    return { outcome, first, second: await port.get(bound) };
  }

  test.each([
    ["Role", "petrel-router"],
    ["ClusterRole", "models-petrel-router"],
  ] as const)("that binds another role is made anew in the same look: %s %s", async (kind, name) => {
    const { outcome, first, second } = await bindAnew(kind, name);
    expect(outcome).toEqual([]);
    expect(second).toMatchObject({ roleRef: { kind, name }, subjects: [{ name: "petrel-router" }] });
    expect(second.metadata.uid).not.toBe(first.metadata.uid);
  });

  test("that binds this role stays", async () => {
    const { first, second } = await bindAnew("ClusterRole", "petrel-router");
    expect(second).toEqual(first);
  });

  test("that is gone already is made", async () => {
    expect(await bindAnew("Role", "petrel-router", "Removed")).toMatchObject({
      outcome: [],
      second: { roleRef: { kind: "Role" } },
    });
  });

  test("that is another by now is not deleted unseen", async () => {
    await expect(bindAnew("Role", "petrel-router", "Replaced")).rejects.toMatchObject({ status: 409 });
  });
});
