import { describe, expect, test } from "@jest/globals";
import { COMPONENT, LABEL } from "../../api/names.ts";
import { projectPod } from "./pod.ts";

const metadata = { name: "ranker-1", namespace: "shop", labels: {} };

function pod(status: object) {
  return projectPod({ apiVersion: "v1", kind: "Pod", metadata, status }).observed;
}

/** A pod whose model server ended with a termination message and is about to start again. */
function ended(message: string) {
  const terminated = { exitCode: 1, reason: "Error", message };
  return pod({
    containerStatuses: [
      {
        name: "serve",
        ready: false,
        state: { waiting: { reason: "CrashLoopBackOff" } },
        lastState: { terminated },
      },
    ],
  });
}

describe("the trouble of a pod", () => {
  test.each([
    ["ModelNotLoaded", "Load"],
    ["ModelNotLoaded", "Run"],
    ["ExecutionProviderMissing", "ExecutionProvider"],
  ])("is %s when the model server ended at %s", (type, check) => {
    expect(ended(`${JSON.stringify({ check, message: "its own words" })}\n`).trouble).toEqual({
      type,
      message: "its own words",
    });
  });

  test("is how the container ended when it left no message", () => {
    expect(ended("").trouble).toEqual({
      type: "ContainerWaiting",
      message: "container serve ended: Error, exit code 1",
    });
  });

  test("is told in the scheduler's own words", () => {
    const message = "0/3 nodes are available: 3 cannot allocate all claims.";
    const conditions = [{ type: "PodScheduled", status: "False", reason: "Unschedulable", message }];
    expect(pod({ conditions }).trouble).toEqual({ type: "Unschedulable", message });
  });
});

test.each<[what: string, condition: object, since: number | undefined]>([
  ["ready", { status: "True", lastTransitionTime: "2026-01-02T00:00:00Z" }, Date.UTC(2026, 0, 2)],
  ["not ready", { status: "False", lastTransitionTime: "2026-01-02T00:00:00Z" }, undefined],
  ["ready at a time that is none", { status: "True", lastTransitionTime: "yesterday" }, undefined],
  ["ready, at a time that nobody tells", { status: "True" }, undefined],
])("a pod that is %s tells since when it is", (_what, condition, since) => {
  const { readySinceMilliseconds } = pod({ conditions: [{ type: "Ready", ...condition }] });
  expect(readySinceMilliseconds).toBe(since);
});

test("the address of a router is kept, for who asks it; of others it is not", () => {
  const addressOf = (component: string) =>
    projectPod({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { ...metadata, labels: { [LABEL.component]: component } },
      status: { podIP: "10.0.0.7" },
    }).address;
  expect([COMPONENT.router, COMPONENT.modelServer].map(addressOf)).toEqual(["10.0.0.7", undefined]);
});

describe("a pod is ready", () => {
  const unready = { type: "Ready", status: "False", reason: "ContainersNotReady" };
  const container = (name: string, ready: boolean) => ({ name, ready });
  const observed = (sidecar: boolean, serve: boolean, condition: object = unready) =>
    pod({
      conditions: [condition],
      initContainerStatuses: [container("fetch", true), container("sidecar", sidecar)],
      containerStatuses: [container("serve", serve)],
    }).isReady;

  test("when Kubernetes says so, and while its sidecar alone is started again", () => {
    expect(observed(true, true, { type: "Ready", status: "True" })).toBe(true);
    expect(observed(false, true)).toBe(true);
  });

  test("and not while the sidecar that all its requests pass through is started again", () => {
    const ports = [
      { name: "rest", containerPort: 9092 },
      { name: "grpc", containerPort: 9093 },
    ];
    const readiness = (isInline: boolean) =>
      projectPod({
        apiVersion: "v1",
        kind: "Pod",
        metadata,
        spec: { initContainers: [{ name: "sidecar", ...(isInline ? { ports } : {}) }] },
        status: {
          conditions: [unready],
          initContainerStatuses: [container("sidecar", false)],
          containerStatuses: [container("serve", true)],
        },
      }).observed.isReady;
    expect([readiness(false), readiness(true)]).toEqual([true, false]);
  });

  test("and not without its model server, nor when its node is lost, nor before it has begun", () => {
    expect(observed(false, false)).toBe(false);
    expect(observed(true, false)).toBe(false);
    expect(observed(false, true, { type: "Ready", status: "False" })).toBe(false);
    expect(observed(true, true)).toBe(false);
    expect(pod({ conditions: [unready] }).isReady).toBe(false);
  });
});

describe("the devices of a pod", () => {
  const podOf = (spec: object) =>
    projectPod({ apiVersion: "v1", kind: "Pod", metadata, spec, status: {} }).observed;

  test("are those of its containers and claims", () => {
    const containers = [{ name: "serve", resources: { limits: { cpu: "1", "nvidia.com/gpu": "1" } } }];
    expect(podOf({ containers, resourceClaims: [{ name: "nic" }] }).devices).toEqual({
      "nvidia.com/gpu": 1,
      resourceClaims: 1,
    });
  });

  test("are left out where there are none", () => {
    expect(podOf({ containers: [{ name: "serve" }] })).not.toHaveProperty("devices");
  });
});

test.each([
  ["router", ["envoy-config", "collector-access"], true],
  ["router", ["envoy-config"], false],
  ["model-server", ["collector-access"], false],
])("a %s with the volumes %j is a router that counts: %p", (component, volumes, isCounting) => {
  const labels = { "petrel.dev/component": component };
  const spec = { volumes: volumes.map((name) => ({ name })) };
  const object = { apiVersion: "v1", kind: "Pod", metadata: { ...metadata, labels }, spec };
  expect(projectPod(object).isCountingRouter).toBe(isCounting);
});
