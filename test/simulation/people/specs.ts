/**
 * What people in the simulation ask for: specs made of a few models and pools, good ones and broken ones.
 */

import { createHash } from "node:crypto";
import type { AutoscalingSpec } from "../../../src/api/autoscaling.ts";
import { contentHash } from "../../../src/api/content-hash.ts";
import type { ModelDeploymentSpec } from "../../../src/api/model-deployment-spec.ts";
import type { ModelSource } from "../../../src/api/model-source.ts";
import type { RolloutSpec, RolloutStrategy } from "../../../src/api/rollout.ts";
import type { ValidationSpec } from "../../../src/api/validation.ts";
import { VALIDATION } from "../../fixtures/validations.ts";
import { COUNTED_METRIC } from "../experiment-counts.ts";
import { JUDGED_GATE } from "../judges.ts";
import { REQUESTS_PER_REPLICA } from "../loads.ts";
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
    [2, 3],
  ]);
}

/** Pools to serve in. */
export function choosePools(random: SeededRandom): ModelDeploymentSpec["pools"] {
  return random.weighted(POOLS);
}

/** Share of canaries that somebody judges. */
const JUDGED_SHARE = 0.25;

/** Somebody else tells how far both answers agree; here they are whatever a mood says. */
const MIRRORED = { share: "5%", minDuration: "3s", agreement: { by: "Best", min: "90%" } } as const;

/** Rollouts: most people say nothing of them. Steps of seconds, so that whole canaries pass. */
const ROLLOUTS: readonly (readonly [weight: number, rollout: ModelDeploymentSpec["rollout"]])[] = [
  [5, undefined],
  [
    2,
    canary([
      { weight: "1%", minDuration: "2s" },
      { weight: "50%", minDuration: "15s" },
    ]),
  ],
  [
    2,
    canary([
      { weight: "0.5%", minDuration: "1s", pause: true },
      { weight: "10%", minDuration: "1s" },
    ]),
  ],
  [1, { ...canary([{ weight: "34%", minDuration: "20s" }]), onNewRevision: "Queue" }],
  [2, { ...canary([{ weight: "10%", minDuration: "2s" }]), holdback: { weight: "5%", for: "25s" } }],
  [
    1,
    {
      ...canary([{ weight: "1%", minDuration: "1s" }]),
      holdback: { weight: "40%", for: "10s" },
      onNewRevision: "Queue",
    },
  ],
  [1, { strategy: { type: "BlueGreen" }, onNewRevision: "Queue" }],
  [1, { strategy: { type: "Recreate" } }],
  [3, { strategy: { type: "Shadow", shadow: MIRRORED } }],
  [
    2,
    {
      strategy: { ...canary([{ weight: "20%", minDuration: "2s" }]).strategy, shadow: MIRRORED },
      holdback: { weight: "10%", for: "15s" },
    },
  ],
];

function canary(steps: NonNullable<RolloutStrategy["canary"]>["steps"]): RolloutSpec {
  return { strategy: { type: "Canary", canary: { steps } } };
}

/** How releases go; undefined to say nothing. */
export function chooseRollout(random: SeededRandom): ModelDeploymentSpec["rollout"] {
  const rollout = random.weighted(ROLLOUTS);
  const isJudged = rollout?.strategy.type === "Canary" && random.fork("gates").chance(JUDGED_SHARE);
  return isJudged ? { ...rollout, gates: [JUDGED_GATE] } : rollout;
}

/** The spec with other releases. */
export function withRollout(
  { rollout: _former, ...spec }: ModelDeploymentSpec,
  rollout: ModelDeploymentSpec["rollout"],
): ModelDeploymentSpec {
  return rollout === undefined ? spec : { ...spec, rollout };
}

/** A validation to ask for: always of the same set, and in a time that some do not keep to. */
export function chooseValidation(random: SeededRandom): ValidationSpec {
  return { ...VALIDATION, timeout: `${random.integer(60, 63)}s` };
}

/** The spec with its answers counted, of users or of requests. */
export function withQuality(spec: ModelDeploymentSpec, random: SeededRandom): ModelDeploymentSpec {
  return {
    ...spec,
    quality: {
      labels: [{ name: "click", matures: "5s" }],
      metrics: [{ name: COUNTED_METRIC, type: "ClickThroughRate" }],
    },
    ...(random.chance(0.5)
      ? { traffic: { ...spec.traffic, stickiness: { header: "x-user-id", anonymous: "Random" } } }
      : {}),
  };
}

/** Scaling in waits for so long, in all specs. */
export const SCALE_IN_MILLISECONDS = 120_000;

/** Replicas by the load, or by the spec though that says how it could be otherwise. */
export function chooseAutoscaling(random: SeededRandom): AutoscalingSpec {
  const minReplicas = random.integer(1, 2);
  return {
    owner: random.chance(0.75) ? "Petrel" : "None",
    minReplicas,
    maxReplicas: random.integer(minReplicas, 4),
    metrics: [{ type: "Rate", target: REQUESTS_PER_REPLICA }],
    forecast: random.pick(["Auto", "None"]) ?? "None",
    scaleIn: { after: `${SCALE_IN_MILLISECONDS / 1_000}s` },
  };
}

/** The spec with other autoscaling, or without any; people who take it out may leave no replicas there. */
export function withAutoscaling(
  { autoscaling: former, ...spec }: ModelDeploymentSpec,
  random: SeededRandom,
  endChance: number,
): ModelDeploymentSpec {
  const replicas = random.chance(0.5) ? 1 : spec.replicas;
  if (former !== undefined && random.chance(endChance)) return { ...spec, replicas };
  return { ...spec, replicas, autoscaling: chooseAutoscaling(random) };
}

/** A whole spec. */
export function chooseSpec(random: SeededRandom): ModelDeploymentSpec {
  const spec: ModelDeploymentSpec = {
    model: chooseModel(random),
    runtime: { name: "onnxruntime", executionProvider: "CPU", intraOpThreads: 1 },
    replicas: chooseReplicas(random),
    pools: choosePools(random),
    traffic: { timeout: "600ms" },
  };
  const scaled = random.fork("scaled");
  const sized = scaled.chance(0.3) ? { ...spec, autoscaling: chooseAutoscaling(scaled) } : spec;
  return withRollout(sized, chooseRollout(random));
}

/** Tells specs apart in the trace. */
export function specTag(spec: ModelDeploymentSpec): string {
  const pools = spec.pools.map((pool) => `${pool.name}=${pool.replicas ?? spec.replicas}`).join(",");
  const suspended = spec.suspend === true ? "suspended, " : "";
  const judged = spec.rollout?.gates === undefined ? "" : "judged ";
  const heldBack = spec.rollout?.holdback === undefined ? "" : "held back ";
  const rollout = spec.rollout === undefined ? "" : `${judged}${heldBack}${spec.rollout.strategy.type}, `;
  const { owner, minReplicas, maxReplicas } = spec.autoscaling ?? {};
  const scaled = owner === undefined ? "" : `scaled by ${owner} from ${minReplicas} to ${maxReplicas}, `;
  const counted = spec.quality === undefined ? "" : "counted, ";
  const validated = spec.validation === undefined ? "" : `validated in ${spec.validation.timeout}, `;
  return `${suspended}${scaled}${counted}${validated}${rollout}${spec.model.uri.replace(/^.*\/(.*)\.onnx$/, "$1")} in ${pools} (${contentHash(spec).slice(0, 4)})`;
}
