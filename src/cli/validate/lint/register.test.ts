import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { model, spec } from "../../../../test/fixtures/spec.ts";
import type { AutoscalingSpec } from "../../../api/autoscaling.ts";
import type { ModelDeploymentSpec } from "../../../api/model-deployment-spec.ts";
import { pathText } from "../finding.ts";
import { LINTS } from "./register.ts";

const gpu = { name: "gpu", resources: { limits: { "nvidia.com/gpu": 1 } } };
const claim = { name: "gpu", resourceClaims: [{ name: "a", resourceClaimTemplateName: "a" }] };
const plain = { name: "plain", replicas: 2 };
const onnx = { name: "onnxruntime", intraOpThreads: 1 } as const;
const jwt = { issuer: "i", audiences: ["a"], jwks: { inline: "{}" } };
const container = (image: string) =>
  ({ runtime: { name: "container", intraOpThreads: 1, container: { image } } }) as const;
const key = { kind: "Secret", name: "a", key: "a" } as const;
const disk = (amount: string) => ({
  name: "default",
  resources: { requests: { "ephemeral-storage": amount } },
});
const cpu = (amount: number | string) => ({ name: "default", resources: { limits: { cpu: amount } } });
const batching = (maxDelay?: string) => ({
  runtime: { ...onnx, batching: { independentRows: true, ...(maxDelay === undefined ? {} : { maxDelay }) } },
});

const drift = { reference: { type: "FirstValues", firstValues: { count: 100 } } } as const;
const observed = (more: { readonly userHeader?: string }, observe: object = { drift }) => ({
  quality: {
    labels: [{ name: "click", matures: "30m" }],
    metrics: [{ name: "ctr", type: "ClickThroughRate" as const }],
    response: { scores: "score" },
    observe,
    ...more,
  },
});

const scaled = (changes: Partial<AutoscalingSpec> = {}) => ({
  autoscaling: { maxReplicas: 9, metrics: [{ type: "Rate" as const, target: 10 }], ...changes },
});
const sale = (schedule: string, timeZone = "Asia/Shanghai") => ({
  ...{ name: "sale", schedule, timeZone, duration: "1h", minReplicas: 4 },
});

/** A canary with these gates. */
const gated = (gates: NonNullable<ModelDeploymentSpec["rollout"]>["gates"]) => ({
  rollout: {
    strategy: { type: "Canary" as const, canary: { steps: [{ weight: "10%", minDuration: "1h" }] } },
    ...(gates === undefined ? {} : { gates }),
  },
});
const latency = (max?: string) =>
  gated([
    {
      name: "fast",
      type: "Latency",
      latency: { quantile: "p99", ...(max === undefined ? { maxAboveStable: "20%" } : { max }) },
    },
  ]);
const mirrored = {
  rollout: {
    strategy: {
      type: "Shadow" as const,
      shadow: { minDuration: "1h", latency: { quantile: "p99" as const, max: "40ms" } },
    },
  },
};
const hook = gated([{ name: "judge", type: "WebHook", webHook: { url: "http://judge" } }]);

/** What is unwise and where that is told; and what is not. */
const CASES: readonly (readonly [string, Partial<ModelDeploymentSpec>, string[]])[] = [
  ["no-failover", { replicas: 1 }, ["spec.replicas"]],
  ["no-failover", { replicas: 2 }, []],
  ["no-failover", { replicas: 1, pools: [gpu, plain] }, []],
  ["no-failover", { replicas: 0 }, []],
  ["no-failover", { replicas: 4, ...scaled() }, ["spec.autoscaling.minReplicas"]],
  ["no-failover", { replicas: 1, ...scaled({ minReplicas: 2 }) }, []],
  ["no-failover", { replicas: 2, ...scaled({ owner: "None" }) }, []],
  ["unreadable-schedule", scaled({ schedules: [sale("0 20 10 11 *")] }), []],
  ["unreadable-schedule", scaled({ schedules: [sale("0 25 * * *")] }), ["spec.autoscaling.schedules"]],
  [
    "unreadable-schedule",
    scaled({ schedules: [sale("0 20 * * *", "Asia/Nowhere")] }),
    ["spec.autoscaling.schedules"],
  ],
  ["no-fallback-pool", { pools: [gpu] }, ["spec.pools"]],
  ["no-fallback-pool", { pools: [claim, { ...gpu, name: "other", replicas: 1 }] }, ["spec.pools"]],
  ["no-fallback-pool", { pools: [gpu, plain] }, []],
  ["empty-fallback-pool", { pools: [gpu, { ...plain, replicas: 0 }] }, ["spec.pools[1].replicas"]],
  ["empty-fallback-pool", { pools: [gpu, plain] }, []],
  ["empty-fallback-pool", { replicas: 0, pools: [gpu, { ...plain, replicas: 0 }] }, []],
  [
    "no-time-for-retry",
    { traffic: { timeout: "1s", perTryTimeout: "501ms" } },
    ["spec.traffic.perTryTimeout"],
  ],
  ["no-time-for-retry", { traffic: { timeout: "1s", perTryTimeout: "500ms" } }, []],
  ["no-time-for-retry", { traffic: { timeout: "1s" } }, []],
  ["batch-delay-beyond-try", batching("200ms"), ["spec.runtime.batching.maxDelay"]],
  ["batch-delay-beyond-try", batching("199ms"), []],
  ["batch-delay-beyond-try", batching(), []],
  ["latency-beyond-try", latency("200ms"), ["spec.rollout.gates[0].latency.max"]],
  ["latency-beyond-try", latency("199ms"), []],
  ["latency-beyond-try", latency(), []],
  ["latency-beyond-try", hook, []],
  ["gate-without-pods", { replicas: 1, ...latency("40ms") }, ["spec.rollout.gates[0]"]],
  ["gate-without-pods", { replicas: 2, ...latency("40ms") }, []],
  ["gate-without-pods", { replicas: 0, ...latency("40ms") }, []],
  ["gate-without-pods", { replicas: 4, ...scaled(), ...latency("40ms") }, ["spec.rollout.gates[0]"]],
  ["gate-without-pods", { replicas: 1, ...hook }, []],
  ["gate-without-pods", { replicas: 1, ...mirrored }, ["spec.rollout.strategy.shadow.latency"]],
  ["gate-without-pods", { replicas: 2, ...mirrored }, []],
  ["little-ephemeral-storage", { fetch: { maxSize: "2Gi" } }, ["spec.pools[0]"]],
  ["little-ephemeral-storage", { fetch: { maxSize: "2Gi" }, pools: [disk("1500Mi")] }, ["spec.pools[0]"]],
  ["little-ephemeral-storage", { fetch: { maxSize: "2Gi" }, pools: [disk("2Gi")] }, []],
  ["little-ephemeral-storage", { fetch: { maxSize: "2Gi", ephemeralStorage: "2Gi" } }, []],
  ["little-ephemeral-storage", { fetch: { maxSize: "500Mi" } }, []],
  ["unpinned-image", container("registry.example/server:1"), ["spec.runtime.container.image"]],
  ["unpinned-image", container(`registry.example/server@sha256:${"0".repeat(64)}`), []],
  ["unpinned-image", {}, []],
  ["drift-without-users", observed({}), ["spec.quality.observe.drift"]],
  ["drift-without-users", observed({ userHeader: "x-user-id" }), []],
  [
    "drift-without-users",
    { ...observed({}), traffic: { timeout: "1s", stickiness: { header: "x-user-id" } } },
    [],
  ],
  ["drift-without-users", observed({}, {}), []],
  [
    "token-in-clear",
    { traffic: { timeout: "1s", authentication: { type: "JWT", jwt } } },
    ["spec.traffic.authentication"],
  ],
  [
    "token-in-clear",
    { traffic: { timeout: "1s", tls: { secretName: "a" }, authentication: { type: "JWT", jwt } } },
    [],
  ],
  [
    "token-in-clear",
    {
      fetch: { authorization: key },
      pools: [gpu, { ...plain, model: { ...model("v1"), uri: "http://models.example/1" } }],
    },
    ["spec.pools[1].model.uri"],
  ],
  ["token-in-clear", { fetch: { authorization: key } }, []],
  [
    "provider-without-gpu",
    { runtime: { ...onnx, executionProvider: "CUDA" }, pools: [gpu, plain] },
    ["spec.pools[1]"],
  ],
  ["provider-without-gpu", { runtime: { ...onnx, executionProvider: "CUDA" }, pools: [gpu] }, []],
  ["provider-without-gpu", { pools: [gpu, plain] }, []],
  ["gpu-unused", { runtime: { ...onnx, executionProvider: "CPU" }, pools: [gpu, plain] }, ["spec.pools[0]"]],
  ["gpu-unused", { pools: [gpu, plain] }, []],
  [
    "more-threads-than-cpu",
    { runtime: { ...onnx, intraOpThreads: 4 }, pools: [cpu(2)] },
    ["spec.pools[0].resources.limits.cpu"],
  ],
  ["more-threads-than-cpu", { runtime: { ...onnx, intraOpThreads: 4 }, pools: [cpu("4")] }, []],
  ["more-threads-than-cpu", { pools: [cpu("500m")] }, []],
  ["more-threads-than-cpu", { runtime: { ...onnx, intraOpThreads: 4 } }, []],
  ["suspended", { suspend: true }, ["spec.suspend"]],
  ["suspended", { suspend: false }, []],
];

describe.each(LINTS.map((lint) => [lint.name, lint] as const))("%s", (name, lint) => {
  const cases = CASES.filter(([of]) => of === name);

  test.each(cases.map(([, changes, places]) => [JSON.stringify(changes), changes, places] as const))(
    "%s",
    (_text, changes, places) => {
      expect(lint.find(spec(changes)).map(({ path }) => pathText(path))).toEqual(places);
    },
  );

  test("is tried both ways", () => {
    expect(new Set(cases.map(([, , places]) => places.length > 0))).toEqual(new Set([true, false]));
  });
});

test("no two lints have one name, and each row of the page about the command line is one", () => {
  const page = readFileSync(join(import.meta.dirname, "../../../../docs/cli.md"), "utf8");
  const table = page.match(/^\| lint \|.*\n(?:\|.*\n)+/m)?.[0] ?? "";
  const rows = [...table.matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, name]) => name);
  expect(rows).toEqual(LINTS.map(({ name }) => name));
});
