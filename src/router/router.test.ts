import { describe, expect, test } from "@jest/globals";
import { NAMESPACE, plan, READY, RouterWorld } from "../../test/fixtures/router-world.ts";
import { RESOURCE } from "../api/kube-resources.ts";
import { ANNOTATION, LABEL } from "../api/names.ts";
import { sliceName } from "./endpoint-slices.ts";

describe("EndpointSlices", () => {
  test("say which plan is in effect, and send connections to the pod", async () => {
    const world = new RouterWorld();
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
    const world = new RouterWorld();
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
    const world = new RouterWorld();
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
    const world = new RouterWorld();
    await world.start();
    await world.want("ranker", plan(1));
    await world.api.delete({ resource: RESOURCE.modelDeployment, namespace: NAMESPACE, name: "ranker" }, {});
    await world.clock.advance(2_000);
    expect(world.slice("ranker")).toBeUndefined();
  });

  test("come back when somebody deletes them or writes into them", async () => {
    const world = new RouterWorld();
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
    const world = new RouterWorld();
    await world.start();
    await world.want("ranker", plan(1));
    world.writes = 0;
    await world.clock.advance(600_000);
    expect(world.writes).toBe(0);
  }, 60_000);

  test("are written once, too, while the watch does not yet show them", async () => {
    const world = new RouterWorld();
    await world.start();
    await world.want("ranker", plan(1));
    world.lagMilliseconds = 10_000;
    world.writes = 0;
    world.envoy.isRunning = false;
    await world.clock.advance(9_000);
    expect(world.writes).toBe(1);
  });

  test("are not ready while Envoy is down, and again when it is back", async () => {
    const world = new RouterWorld();
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
    const world = new RouterWorld();
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
    const world = new RouterWorld();
    await world.start();
    await world.want("ranker", plan(1));
    await world.api.delete({ resource: RESOURCE.pod, namespace: NAMESPACE, name: "petrel-router-1" }, {});
    await world.clock.advance(1_000);
    await world.runModelServer("late", { started: true });
    const [cluster = ""] = world.envoy.routedClusters("ranker");
    expect(world.envoy.endpointsOf(cluster)).toContain("10.0.1.1");
  });

  test("a router that is replaced while its Envoy goes on leaves everything as it is", async () => {
    const world = new RouterWorld();
    await world.start();
    await world.want("ranker", plan(1));
    world.stopping.abort();
    await world.clock.advance(1_000);
    expect(world.hasEnded).toBe(true);
    expect(world.envoy.drains).toBe(0);
    expect(world.conditions("ranker")).toEqual(READY);
  });

  test("a router whose Envoy has ended says so before it ends itself", async () => {
    const world = new RouterWorld();
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
    const world = new RouterWorld();
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
    const world = new RouterWorld();
    world.runRouter(world.stopping.signal);
    expect(world.router?.status).toMatchObject({ isStarted: false, isReady: false });
  });
});

test("a pod gets traffic once its model server has started, and none when it terminates", async () => {
  const world = new RouterWorld();
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
