import { describe, expect, test } from "@jest/globals";
import { COMPONENT, LABEL } from "../api/names.ts";
import { readPod } from "./observed-pod.ts";

const labels = {
  [LABEL.component]: COMPONENT.modelServer,
  [LABEL.modelDeployment]: "ranker",
  [LABEL.pool]: "gpu",
  [LABEL.modelRevision]: "r1",
};
const serve = { name: "serve", started: true, ready: false };
const status = { phase: "Running", podIP: "10.0.0.1", containerStatuses: [serve] };

function pod(more: { readonly metadata?: object; readonly status?: object } = {}) {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "p", uid: "u", labels, ...more.metadata },
    status: { ...status, ...more.status },
  };
}

test("a model server that has started may get requests, whatever the kubelet thinks of its readiness", () => {
  expect(readPod(pod())).toEqual({
    name: "p",
    uid: "u",
    isTerminating: false,
    endpoint: { pod: "p", ip: "10.0.0.1", pool: "gpu", revision: "r1", modelDeployment: "ranker" },
  });
});

describe("a pod whose requests pass through its sidecar", () => {
  const ports = [
    { name: "rest", containerPort: 9092 },
    { name: "grpc", containerPort: 9093 },
  ];
  const inline = (started: boolean) => ({
    ...pod({ status: { initContainerStatuses: [{ name: "sidecar", started }] } }),
    spec: { initContainers: [{ name: "fetch" }, { name: "sidecar", ports }] },
  });

  test("is reached at the ports of the sidecar", () => {
    expect(readPod(inline(true)).endpoint).toMatchObject({
      ip: "10.0.0.1",
      ports: { rest: 9092, grpc: 9093 },
    });
  });

  test("is none before the sidecar listens", () => {
    expect(readPod(inline(false)).endpoint).toBeUndefined();
  });

  test("is reached as ever where the sidecar stands beside its server", () => {
    const beside = [{ name: "sidecar", ports: [{ name: "sidecar", containerPort: 9091 }] }];
    expect(readPod({ ...pod(), spec: { initContainers: beside } }).endpoint).not.toHaveProperty("ports");
  });
});

describe("no endpoint is", () => {
  test.each([
    ["a pod without an address", pod({ status: { podIP: undefined } })],
    ["a pod with an address that is none", pod({ status: { podIP: "somewhere" } })],
    ["a pod that is pending", pod({ status: { phase: "Pending" } })],
    ["a pod that has failed", pod({ status: { phase: "Failed" } })],
    ["a server that has not started", pod({ status: { containerStatuses: [{ ...serve, started: false }] } })],
    [
      "a pod of which only another container has started",
      pod({ status: { containerStatuses: [{ name: "x", started: true }] } }),
    ],
    ["a pod that tells nothing yet", pod({ status: { containerStatuses: undefined } })],
    ["a terminating pod", pod({ metadata: { deletionTimestamp: "2026-01-01T00:00:00Z" } })],
    ["a router", pod({ metadata: { labels: { ...labels, [LABEL.component]: COMPONENT.router } } })],
    ["a pod without a pool", pod({ metadata: { labels: { ...labels, [LABEL.pool]: undefined } } })],
  ])("%s", (_what, object) => expect(readPod(object).endpoint).toBeUndefined());
});

test("a router on its way out is seen", () => {
  expect(readPod(pod({ metadata: { deletionTimestamp: "2026-01-01T00:00:00Z" } })).isTerminating).toBe(true);
});

test("an IPv6 address is one", () => {
  expect(readPod(pod({ status: { podIP: "fd00::1" } })).endpoint?.ip).toBe("fd00::1");
});
