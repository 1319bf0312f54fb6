/**
 * What people in the simulation ask for: specs made of a few models and pools, good ones and broken ones.
 */

import { createHash } from "node:crypto";
import { contentHash } from "../../../src/api/content-hash.ts";
import type { ModelDeploymentSpec, ModelSource } from "../../../src/api/model-deployment-spec.ts";
import type { SeededRandom } from "../seeded-random.ts";

/** A model of a name. One called `broken-...` never becomes ready. */
export function model(name: string): ModelSource {
  const digest = createHash("sha256").update(name).digest("hex");
  return { uri: `https://models.example/${name}.onnx`, digest: `sha256:${digest}` };
}

const cpu = (amount: string) => ({ resources: { requests: { cpu: amount } } });
const gpu = { resources: { limits: { "nvidia.com/gpu": "1" } } };

const POOLS: readonly (readonly [weight: number, pools: ModelDeploymentSpec["pools"]])[] = [
  [5, [{ name: "default" }]],
  [2, [{ name: "default", ...cpu("500m") }]],
  [
    3,
    [
      { name: "gpu", ...gpu },
      { name: "cpu", replicas: 2 },
    ],
  ],
  [
    1,
    [
      { name: "cpu", ...cpu("1") },
      { name: "gpu", replicas: 1, ...gpu },
    ],
  ],
  [
    2,
    [
      { name: "gpu", ...gpu },
      { name: "cpu", replicas: 1, model: model("small") },
    ],
  ],
  [
    1,
    [
      { name: "gpu", ...gpu },
      { name: "cpu", replicas: 1, model: model("broken-graph-small") },
    ],
  ],
  [1, [{ name: "default" }, { name: "cpu", replicas: 0 }]],
];

/** A model to serve. */
export function chooseModel(random: SeededRandom): ModelSource {
  return model(
    random.weighted([
      [6, "v1"],
      [6, "v2"],
      [4, "v3"],
      [1, "broken-digest"],
      [1, "broken-graph"],
    ]),
  );
}

/** Replicas to ask for. */
export function chooseReplicas(random: SeededRandom): number {
  return random.weighted([
    [1, 0],
    [5, 1],
    [5, 2],
    [1, 3],
  ]);
}

/** Pools to serve in. */
export function choosePools(random: SeededRandom): ModelDeploymentSpec["pools"] {
  return random.weighted(POOLS);
}

/** A whole spec. */
export function chooseSpec(random: SeededRandom): ModelDeploymentSpec {
  return {
    model: chooseModel(random),
    runtime: { name: "onnxruntime", executionProvider: "CPU", intraOpThreads: 1 },
    replicas: chooseReplicas(random),
    pools: choosePools(random),
    traffic: { timeout: "600ms" },
  };
}

/** Tells specs apart in the trace. */
export function specTag(spec: ModelDeploymentSpec): string {
  const pools = spec.pools.map((pool) => `${pool.name}=${pool.replicas ?? spec.replicas}`).join(",");
  return `${spec.model.uri.replace(/^.*\/(.*)\.onnx$/, "$1")} in ${pools} (${contentHash(spec).slice(0, 4)})`;
}
