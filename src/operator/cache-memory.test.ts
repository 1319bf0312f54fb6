/**
 * What a cached object costs in memory, by kind: about half of its bound here. 5,000 ModelDeployments with their
 * children and pods must fit into the operator's 512 MiB; the whole process is measured by bench/operator.ts.
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { beforeAll, expect, test } from "@jest/globals";
import { startLeadingOperator } from "../../test/fixtures/leading-operator.ts";
import { modelDeploymentObject } from "../../test/fixtures/model-deployment-object.ts";
import { MemoryApiServer } from "../../test/memory-cluster/api-server.ts";
import { VirtualClock } from "../../test/memory-cluster/virtual-clock.ts";
import { asRecord, parseJson, valueAt } from "../api/json.ts";
import type { KubeObject } from "../api/kube-object.ts";
import { COMPONENT, LABEL } from "../api/names.ts";
import { parseObject } from "../kube/wire.ts";
import { projectChild } from "./projections/child.ts";
import { readModelDeployment } from "./projections/model-deployment.ts";
import { projectPod } from "./projections/pod.ts";

const COPIES = 2_000;
/** What the API server adds to an object and nobody here needs: other owners' fields, annotations, a long status. */
const PADDING = "x".repeat(20_000);

const OTHERS = { manager: PADDING, operation: "Update", apiVersion: "v1" } as const;

const stored = new Map<string, string>();
let collectGarbage = () => {};

beforeAll(async () => {
  setFlagsFromString("--expose-gc");
  collectGarbage = runInNewContext("gc");
  const clock = new VirtualClock();
  const server = new MemoryApiServer(clock);
  const operator = startLeadingOperator(server, clock);
  const ranker = modelDeploymentObject("ranker", { replicas: 2 });
  await server.apply(ranker, { fieldManager: "people", force: true });
  await clock.advance(5_000);
  operator.stop();
  for (const object of server.objects()) {
    if (object.kind !== "ModelDeployment" && object.metadata.ownerReferences === undefined) continue;
    const padded = { ...object, metadata: { ...object.metadata, managedFields: [OTHERS] } };
    const isPodRevision = object.metadata.labels?.[LABEL.component] === COMPONENT.podRevision;
    const kind = isPodRevision ? "PodRevision" : object.kind;
    stored.set(kind, JSON.stringify(object.kind === "ModelDeployment" ? padded : withStatus(padded)));
    if (object.kind === "Deployment") stored.set("Pod", JSON.stringify(podOf(object)));
  }
});

function withStatus(object: KubeObject): KubeObject {
  return { ...object, status: { conditions: [{ type: "Progressing", message: PADDING }] } };
}

function podOf(deployment: KubeObject): KubeObject {
  const template = asRecord(valueAt(deployment, "spec", "template")) ?? {};
  const metadata = { ...asRecord(template["metadata"]), name: "ranker-1", namespace: "shop" };
  const message = "0/3 nodes are available: 3 Insufficient nvidia.com/gpu.";
  const conditions = [{ type: "PodScheduled", status: "False", reason: "Unschedulable", message }];
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata,
    spec: { ...asRecord(template["spec"]), PADDING },
    status: { conditions },
  };
}

/** Bytes of heap that stay in use for each object that is kept as `project` keeps it. */
function bytesPerObject(kind: string, project: (object: KubeObject) => unknown): number {
  const text = stored.get(kind);
  if (text === undefined) throw new Error(`there is no ${kind}`);
  const kept: unknown[] = [];
  const keep = (count: number) => {
    // Each comes over the wire by itself, so no text is shared between two.
    for (let index = 0; index < count; index += 1) {
      kept.push(project(parseObject(parseJson(text.replaceAll("ranker", `r${kept.length}`)))));
    }
  };
  // What is made once (compiled code, shapes of objects) is not of an object.
  keep(100);
  collectGarbage();
  const before = process.memoryUsage().heapUsed;
  keep(COPIES);
  collectGarbage();
  const bytes = (process.memoryUsage().heapUsed - before) / COPIES;
  expect(kept).toHaveLength(100 + COPIES);
  return bytes;
}

test.each([
  ["ModelDeployment", readModelDeployment, 8_000],
  ["Deployment", projectChild, 15_000],
  ["PodDisruptionBudget", projectChild, 4_000],
  ["Service", projectChild, 4_000],
  ["ServiceAccount", projectChild, 4_000],
  ["NetworkPolicy", projectChild, 6_000],
  ["ControllerRevision", projectChild, 4_000],
  ["PodRevision", projectChild, 12_000],
  ["Pod", projectPod, 1_500],
])(
  "a cached %s keeps within its bytes",
  (kind, project, maximumBytes) => {
    const bytes = bytesPerObject(kind, project);
    expect(bytes).toBeGreaterThan(100);
    expect(bytes).toBeLessThan(maximumBytes);
  },
  60_000,
);
