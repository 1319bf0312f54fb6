import { describe, expect, test } from "@jest/globals";
import { MemoryApiServer } from "../../test/memory-cluster/api-server.ts";
import { brokenConnection, FaultyPort } from "../../test/memory-cluster/faulty-port.ts";
import { VirtualClock } from "../../test/memory-cluster/virtual-clock.ts";
import { MemoryEnvoy } from "../../test/memory-envoy/memory-envoy.ts";
import { asList, valueAt } from "../api/json.ts";
import type { KubeObject } from "../api/kube-object.ts";
import { RESOURCE } from "../api/kube-resources.ts";
import { ANNOTATION, API_GROUP_VERSION, COMPONENT, LABEL } from "../api/names.ts";
import type { TrafficPlan } from "../api/traffic-plan.ts";
import { createLogger } from "../core/log.ts";
import { configurationLayout } from "../render/envoy/layout.ts";
import { sliceName } from "./endpoint-slices.ts";
import { Router } from "./router.ts";
import type { RouterIdentity } from "./router-identity.ts";

const NAMESPACE = "shop";

function plan(epoch: number, more: Partial<TrafficPlan> = {}): TrafficPlan {
  return {
    port: 10_000,
    epoch,
    timeout: "600ms",
    perTryTimeout: "200ms",
    arms: [{ name: "Stable", weight: 10_000, pools: [{ pool: "gpu", revision: "r1", replicas: 1 }] }],
    ...more,
  };
}

/** A namespace with one router, its Envoy and the API server, all in memory and on one virtual clock. */
class World {
  readonly clock = new VirtualClock();
  readonly api = new MemoryApiServer(this.clock);
  readonly envoy = new MemoryEnvoy();
  readonly lines: string[] = [];
  apiIsUp = true;
  /** How far the watches are behind. */
  lagMilliseconds = 0;
  /** Calls of the router that write. */
  writes = 0;
  readonly port = new FaultyPort(this.api, this.clock, {
    call: ({ verb }) => {
      if (verb === "apply" || verb === "delete") this.writes += 1;
      return this.apiIsUp ? undefined : { refusal: brokenConnection() };
    },
    event: () => ({ delayMilliseconds: this.lagMilliseconds }),
  });
  readonly stopping = new AbortController();
  identity: RouterIdentity = {
    namespace: NAMESPACE,
    podName: "petrel-router-1",
    podUid: "",
    podIp: "10.0.0.9",
    nodeName: "n1",
  };
  router: Router | undefined;
  hasEnded = false;

  async start(): Promise<void> {
    const pod = await this.api.create(routerPod(this.identity.podName), { fieldManager: "test" });
    this.identity = { ...this.identity, podUid: pod.metadata.uid ?? "" };
    this.runRouter(this.stopping.signal);
    await this.clock.advance(2_000);
  }

  runRouter(signal: AbortSignal): void {
    this.router = new Router({
      identity: this.identity,
      port: this.port,
      envoy: this.envoy,
      store: this.envoy,
      bootstrap: {},
      settings: {
        layout: configurationLayout("/etc/petrel/envoy"),
        address: "0.0.0.0",
        ports: { rest: 8080, grpc: 8081 },
      },
      drainMilliseconds: 15_000,
      clock: this.clock,
      random: () => 0.5,
      log: createLogger({
        write: (line) => this.lines.push(line),
        now: () => this.clock.now(),
        level: "info",
      }),
    });
    void this.router.run(signal).then(() => {
      this.hasEnded = true;
    });
  }

  async want(name: string, traffic: unknown): Promise<void> {
    const metadata = { name, namespace: NAMESPACE };
    const object = { apiVersion: API_GROUP_VERSION, kind: "ModelDeployment", metadata };
    await this.api.apply({ ...object, spec: {} }, { fieldManager: "test", force: true });
    await this.api.apply(
      { ...object, status: { traffic } },
      { fieldManager: "test", force: true, subresource: "status" },
    );
    await this.clock.advance(2_000);
  }

  /** Makes a model pod, or changes how it stands. Its address is 10.0.1.1. */
  async runModelServer(name: string, { started }: { readonly started: boolean }): Promise<void> {
    const labels = {
      [LABEL.component]: COMPONENT.modelServer,
      [LABEL.modelDeployment]: "ranker",
      [LABEL.pool]: "gpu",
      [LABEL.modelRevision]: "r1",
    };
    const pod = { apiVersion: "v1", kind: "Pod", metadata: { name, namespace: NAMESPACE } };
    const spec = { containers: [{ name: "serve" }] };
    const containerStatuses = [{ name: "serve", started, ready: false }];
    const status = { phase: "Running", podIP: "10.0.1.1", containerStatuses };
    const options = { fieldManager: "test", force: true } as const;
    await this.api.apply({ ...pod, metadata: { ...pod.metadata, labels }, spec }, options);
    await this.api.apply({ ...pod, status }, { ...options, subresource: "status" });
    await this.clock.advance(1_000);
  }

  slice(name: string): KubeObject | undefined {
    const wanted = sliceName(name, this.identity);
    return this.api
      .objects()
      .find(({ kind, metadata }) => kind === "EndpointSlice" && metadata.name === wanted);
  }

  conditions(name: string): unknown {
    return valueAt(asList(valueAt(this.slice(name), "endpoints"))[0], "conditions");
  }

  annotations(name: string): Readonly<Record<string, string>> {
    return this.slice(name)?.metadata.annotations ?? {};
  }
}

function routerPod(name: string): KubeObject {
  const metadata = { name, namespace: NAMESPACE, labels: { [LABEL.component]: COMPONENT.router } };
  return { apiVersion: "v1", kind: "Pod", metadata, spec: { nodeName: "n1" } };
}

const READY = { ready: true, serving: true, terminating: false };

describe("EndpointSlices", () => {
  test("say which plan is in effect, and send connections to the pod", async () => {
    const world = new World();
    await world.start();
    await world.want("ranker", plan(3));
    const { podUid } = world.identity;
    expect(world.slice("ranker")).toMatchObject({
      metadata: {
        labels: {
          "kubernetes.io/service-name": "ranker",
          "endpointslice.kubernetes.io/managed-by": "router.petrel.dev",
          [LABEL.modelDeployment]: "ranker",
          [LABEL.managedBy]: "petrel",
        },
        annotations: { [ANNOTATION.acknowledgedEpoch]: "3" },
        ownerReferences: [{ apiVersion: "v1", kind: "Pod", name: "petrel-router-1", uid: podUid }],
      },
      addressType: "IPv4",
      ports: [{ name: "http", port: 10_000, protocol: "TCP" }],
      endpoints: [
        {
          addresses: ["10.0.0.9"],
          nodeName: "n1",
          targetRef: { kind: "Pod", name: "petrel-router-1", namespace: NAMESPACE, uid: podUid },
          conditions: READY,
        },
      ],
    });
    expect(world.router?.status).toMatchObject({ isStarted: true, isReady: true, state: "Serving" });
  });

  test("are not ready before Envoy has taken a plan", async () => {
    const world = new World();
    world.envoy.warmsAtOnce = false;
    await world.start();
    await world.want("ranker", plan(1));
    expect(world.annotations("ranker")).toMatchObject({ [ANNOTATION.acknowledgedEpoch]: "0" });
    expect(world.conditions("ranker")).toEqual({ ready: false, serving: false, terminating: false });
    world.envoy.warmsAtOnce = true;
    await world.clock.advance(2_000);
    expect(world.conditions("ranker")).toEqual(READY);
  });

  test("keep the readiness of a former plan when a later one is refused, or cannot be read", async () => {
    const world = new World();
    await world.start();
    await world.want("ranker", plan(1));
    world.envoy.faultOf = (resource) =>
      JSON.stringify(resource).includes('"9.999s"') ? "Unusable" : undefined;
    await world.want("ranker", plan(2, { timeout: "9999ms" }));
    expect(world.annotations("ranker")).toMatchObject({
      [ANNOTATION.acknowledgedEpoch]: "1",
      [ANNOTATION.rejection]: expect.stringContaining("Envoy refused the routes"),
    });
    expect(world.conditions("ranker")).toEqual(READY);
    await world.want("ranker", { ...plan(3), arms: "all of them" });
    expect(world.annotations("ranker")).toMatchObject({
      [ANNOTATION.acknowledgedEpoch]: "1",
      [ANNOTATION.rejection]: expect.stringContaining("/arms must be array"),
    });
    expect(world.conditions("ranker")).toEqual(READY);
    expect(world.lines.join()).toContain("ignored a traffic plan");
    await world.want("ranker", plan(4));
    expect(world.annotations("ranker")[ANNOTATION.rejection]).toBeUndefined();
    expect(world.annotations("ranker")).toMatchObject({ [ANNOTATION.acknowledgedEpoch]: "4" });
  });

  test("go with their ModelDeployment", async () => {
    const world = new World();
    await world.start();
    await world.want("ranker", plan(1));
    await world.api.delete({ resource: RESOURCE.modelDeployment, namespace: NAMESPACE, name: "ranker" }, {});
    await world.clock.advance(2_000);
    expect(world.slice("ranker")).toBeUndefined();
  });

  test("come back when somebody deletes them or writes into them", async () => {
    const world = new World();
    await world.start();
    await world.want("ranker", plan(1));
    const reference = {
      resource: RESOURCE.endpointSlice,
      namespace: NAMESPACE,
      name: sliceName("ranker", world.identity),
    };
    await world.api.delete(reference, {});
    await world.clock.advance(2_000);
    expect(world.conditions("ranker")).toEqual(READY);
    const live = await world.api.get(reference);
    await world.api.replace({ ...live, endpoints: [] }, { fieldManager: "somebody" });
    await world.clock.advance(2_000);
    expect(world.conditions("ranker")).toEqual(READY);
  });

  test("are written once: a settled router is silent", async () => {
    const world = new World();
    await world.start();
    await world.want("ranker", plan(1));
    world.writes = 0;
    await world.clock.advance(600_000);
    expect(world.writes).toBe(0);
  });

  test("are written once, too, while the watch does not yet show them", async () => {
    const world = new World();
    await world.start();
    await world.want("ranker", plan(1));
    world.lagMilliseconds = 10_000;
    world.writes = 0;
    world.envoy.isRunning = false;
    await world.clock.advance(9_000);
    expect(world.writes).toBe(1);
  });

  test("are not ready while Envoy is down, and again when it is back", async () => {
    const world = new World();
    await world.start();
    await world.want("ranker", plan(1));
    world.envoy.isRunning = false;
    await world.clock.advance(5_000);
    expect(world.conditions("ranker")).toEqual({ ready: false, serving: false, terminating: false });
    expect(world.router?.status).toMatchObject({ isReady: false, state: "Down" });
    world.envoy.restart();
    await world.clock.advance(5_000);
    expect(world.conditions("ranker")).toEqual(READY);
  });
});

describe("leaving", () => {
  test("a deleted router first says so, then has Envoy send its clients away, then ends", async () => {
    const world = new World();
    await world.start();
    await world.want("ranker", plan(1));
    const deletedAt = world.clock.monotonic();
    const pod = { resource: RESOURCE.pod, namespace: NAMESPACE, name: "petrel-router-1" };
    await world.api.delete(pod, {});
    await world.clock.advance(1_000);
    expect(world.conditions("ranker")).toEqual({ ready: false, serving: true, terminating: true });
    expect(world.envoy.drains).toBe(1);
    world.stopping.abort();
    await world.clock.advance(10_000);
    expect(world.hasEnded).toBe(false);
    await world.clock.advance(6_000);
    expect(world.hasEnded).toBe(true);
    expect(world.clock.monotonic()).toBeGreaterThanOrEqual(deletedAt + 15_000);
  });

  test("it goes on following the pods while it drains", async () => {
    const world = new World();
    await world.start();
    await world.want("ranker", plan(1));
    await world.api.delete({ resource: RESOURCE.pod, namespace: NAMESPACE, name: "petrel-router-1" }, {});
    await world.clock.advance(1_000);
    await world.runModelServer("late", { started: true });
    const [cluster = ""] = world.envoy.routedClusters("ranker");
    expect(world.envoy.endpointsOf(cluster)).toContain("10.0.1.1");
  });

  test("a router that is replaced while its Envoy goes on leaves everything as it is", async () => {
    const world = new World();
    await world.start();
    await world.want("ranker", plan(1));
    world.stopping.abort();
    await world.clock.advance(1_000);
    expect(world.hasEnded).toBe(true);
    expect(world.envoy.drains).toBe(0);
    expect(world.conditions("ranker")).toEqual(READY);
  });

  test("a router whose Envoy has ended says so before it ends itself", async () => {
    const world = new World();
    await world.start();
    await world.want("ranker", plan(1));
    world.envoy.isRunning = false;
    world.stopping.abort();
    await world.clock.advance(3_000);
    expect(world.hasEnded).toBe(true);
    expect(world.conditions("ranker")).toMatchObject({ ready: false, terminating: true });
  });
});

describe("without the API server", () => {
  test("a router that starts leaves the files of the earlier run alone, and counts as started", async () => {
    const world = new World();
    await world.start();
    await world.want("ranker", plan(1));
    world.stopping.abort();
    await world.clock.advance(1_000);
    const routed = world.envoy.routedClusters("ranker");
    const written = world.envoy.written.length;

    world.apiIsUp = false;
    world.runRouter(new AbortController().signal);
    await world.clock.advance(60_000);
    expect(world.router?.status).toMatchObject({ isStarted: true, isReady: false });
    expect(world.envoy.routedClusters("ranker")).toEqual(routed);
    expect(world.envoy.written).toHaveLength(written);
  });

  test("a router with nothing from before is not started", async () => {
    const world = new World();
    world.runRouter(world.stopping.signal);
    expect(world.router?.status).toMatchObject({ isStarted: false, isReady: false });
  });
});

test("a pod gets traffic once its model server has started, and none when it terminates", async () => {
  const world = new World();
  await world.start();
  await world.want("ranker", plan(1));
  const [cluster = ""] = world.envoy.routedClusters("ranker");
  await world.runModelServer("m", { started: false });
  expect(world.envoy.endpointsOf(cluster)).not.toContain("10.0.1.1");
  await world.runModelServer("m", { started: true });
  expect(world.envoy.endpointsOf(cluster)).toContain("10.0.1.1");
  await world.api.delete({ resource: RESOURCE.pod, namespace: NAMESPACE, name: "m" }, {});
  await world.clock.advance(1_000);
  expect(world.envoy.endpointsOf(cluster)).not.toContain("10.0.1.1");
});
