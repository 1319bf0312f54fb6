/**
 * What counts as drift between a desired and a live object.
 */
import { describe, expect, test } from "@jest/globals";
import { asRecord } from "../api/json.ts";
import type { KubeObject } from "../api/kube-object.ts";
import { APPLIED_ANNOTATION, firstDrift, isApplied, standsAs, withApplyHash } from "./drift.ts";

function deployment(podSpec: object, spec: object = {}): KubeObject {
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "a", namespace: "ns", labels: { app: "a" } },
    spec: { ...spec, selector: { matchLabels: { app: "a" } }, template: { spec: podSpec } },
  };
}

const container = (fields: object = {}) => ({ name: "serve", image: "petrel:1", ...fields });
const pod = (...containers: object[]) => deployment({ containers });

describe("no drift", () => {
  test.each<[string, KubeObject, KubeObject]>([
    ["an equal object", pod(container()), pod(container())],
    [
      "the API's defaults",
      pod(container({ ports: [{ containerPort: 8080 }] })),
      {
        ...deployment(
          {
            containers: [
              container({
                ports: [{ containerPort: 8080, protocol: "TCP" }],
                terminationMessagePath: "/dev/termination-log",
              }),
            ],
            restartPolicy: "Always",
          },
          { replicas: 3, progressDeadlineSeconds: 600 },
        ),
        status: { replicas: 3 },
      },
    ],
    ["an item that somebody injected", pod(container()), pod({ name: "mesh" }, container())],
    [
      "items in another order",
      pod(container({ env: [{ name: "A" }, { name: "B" }] })),
      pod(container({ env: [{ name: "B" }, { name: "A" }] })),
    ],
    [
      "quantities written differently",
      pod(container({ resources: { limits: { cpu: "1000m", memory: "1024Mi", "nvidia.com/gpu": 1 } } })),
      pod(container({ resources: { limits: { cpu: "1", memory: "1Gi", "nvidia.com/gpu": "1" } } })),
    ],
    [
      "empty lists and maps that are not stored",
      pod(container({ args: [], securityContext: {} })),
      pod(container()),
    ],
    ["a field that is undefined", pod(container({ command: undefined })), pod(container())],
  ])("%s", (_name, desired, live) => {
    expect(firstDrift(desired, live)).toBeUndefined();
  });
});

describe("drift", () => {
  test.each<[string, KubeObject, KubeObject, string]>([
    [
      "a changed scalar",
      pod(container()),
      pod(container({ image: "petrel:2" })),
      "spec.template.spec.containers.[].image",
    ],
    [
      "a missing item",
      pod(container(), { name: "envoy" }),
      pod(container()),
      "spec.template.spec.containers.[]",
    ],
    [
      "a missing port of the same number and another protocol",
      pod(container({ ports: [{ containerPort: 8080, protocol: "UDP" }] })),
      pod(container({ ports: [{ containerPort: 8080 }] })),
      "spec.template.spec.containers.[].ports.[]",
    ],
    [
      "a longer list that is one value",
      pod(container({ args: ["a"] })),
      pod(container({ args: ["a", "b"] })),
      "spec.template.spec.containers.[].args",
    ],
    [
      "another order of a list that is one value",
      pod(container({ args: ["a", "b"] })),
      pod(container({ args: ["b", "a"] })),
      "spec.template.spec.containers.[].args.[]",
    ],
    [
      "a key more in a map that is one value",
      deployment({ containers: [container()], nodeSelector: { zone: "a" } }),
      deployment({ containers: [container()], nodeSelector: { zone: "a", gpu: "yes" } }),
      "spec.template.spec.nodeSelector.gpu",
    ],
    [
      "a false that is not stored",
      deployment({ containers: [container()], hostNetwork: false }),
      pod(container()),
      "spec.template.spec.hostNetwork",
    ],
    [
      "an equal quantity where none belongs",
      pod(container({ env: [{ name: "CPU", value: "1000m" }] })),
      pod(container({ env: [{ name: "CPU", value: "1" }] })),
      "spec.template.spec.containers.[].env.[].value",
    ],
    [
      "another quantity",
      pod(container({ resources: { limits: { cpu: "1500m" } } })),
      pod(container({ resources: { limits: { cpu: "1" } } })),
      "spec.template.spec.containers.[].resources.limits.cpu",
    ],
    [
      "another type",
      pod(container({ args: ["a"] })),
      pod(container({ args: "a" })),
      "spec.template.spec.containers.[].args",
    ],
  ])("%s", (_name, desired, live, path) => {
    expect(firstDrift(desired, live)).toBe(path);
  });
});

test("a field that is no longer desired is drift, by the hash", () => {
  const before = withApplyHash(pod(container({ command: ["sh"] })));
  const after = withApplyHash(pod(container()));
  expect(isApplied(before, before)).toBe(true);
  expect(firstDrift(after, before)).toBe(`metadata.annotations.${APPLIED_ANNOTATION}`);
});

test("replicas that are no longer desired are no drift: they have an owner of their own", () => {
  const created = withApplyHash(deployment({ containers: [container()] }, { replicas: 0 }));
  const scaled = { ...created, spec: { ...(created["spec"] as object), replicas: 3 } };
  expect(isApplied(withApplyHash(deployment({ containers: [container()] })), scaled)).toBe(true);
  expect(firstDrift(created, scaled)).toBe("spec.replicas");
});

test("the hash depends on content alone, not on the order of fields, and not on itself", () => {
  const desired = pod(container());
  const reordered = {
    spec: desired["spec"],
    metadata: desired.metadata,
    kind: desired.kind,
    apiVersion: desired.apiVersion,
  };
  expect(withApplyHash(reordered)).toEqual(withApplyHash(desired));
  expect(withApplyHash(desired).metadata.annotations).toEqual({
    [APPLIED_ANNOTATION]: expect.stringMatching(/^[0-9a-f]{32}$/),
  });
});

describe("what was found applied once", () => {
  const live = withApplyHash(pod(container()));

  test("is found so again, and only that", () => {
    for (const _look of [1, 2]) {
      expect(standsAs(pod(container()), live)).toBe(true);
      expect(standsAs(pod(container({ image: "petrel:2" })), live)).toBe(false);
    }
  });

  test("is looked at anew in the next form of the live object", () => {
    expect(standsAs(pod(container()), live)).toBe(true);
    expect(standsAs(pod(container()), withApplyHash(pod(container({ image: "petrel:2" }))))).toBe(false);
  });

  test("whichever value a pod template is, and whatever stands around one that is the same value", () => {
    const live = withApplyHash(pod(container()));
    const { template } = asRecord(pod(container())["spec"]) ?? {};
    const around = (spec: object) => ({
      ...pod(),
      spec: { selector: { matchLabels: { app: "a" } }, template, ...spec },
    });
    for (let look = 0; look < 2; look++) {
      expect(standsAs(around({}), live)).toBe(true);
      expect(standsAs(around({ paused: true }), live)).toBe(false);
      expect(standsAs(pod(container()), live)).toBe(true);
      expect(standsAs(pod(container({ image: "petrel:2" })), live)).toBe(false);
    }
  });
});
