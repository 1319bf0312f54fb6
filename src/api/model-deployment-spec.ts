/**
 * What people write: the spec of a ModelDeployment.
 *
 * Only what works is here. Unknown fields are refused by strict clients (kubectl), so adding a field is a
 * promise that it does what its description says.
 */
import Type from "typebox";
import {
  type CelRule,
  dnsLabelSchema,
  durationSchema,
  resourceListSchema,
  stringEnum,
  stringMapSchema,
} from "./schema.ts";

/** JSON Schema of a model source. */
export const modelSourceSchema = Type.Object(
  {
    uri: Type.String({
      minLength: 9,
      maxLength: 2048,
      pattern: "^(file:///|https?://[^/?#]+/)[^\\s]+$",
      description:
        "Where the model is: `https://HOST/PATH`, `http://HOST/PATH`, or `file:///PATH` inside the Petrel image.",
    }),
    digest: Type.String({
      maxLength: 71,
      pattern: "^sha256:[0-9a-f]{64}$",
      description: "SHA-256 of the file. A model with another digest is never served.",
    }),
  },
  { description: "Where a model comes from, and which bytes it must be." },
);

/** How a model is run. */
export const runtimeSchema = Type.Object(
  {
    name: stringEnum(["onnxruntime"], { description: "The model server.", default: "onnxruntime" }),
    executionProvider: Type.Optional(
      stringEnum(["CPU"], {
        description:
          "What computes. Must be stated for pools that ask for GPUs, because the model server of this version has no GPU provider: `CPU` then says that this is known.",
      }),
    ),
    intraOpThreads: Type.Integer({
      minimum: 1,
      maximum: 64,
      default: 1,
      description: "Threads that one run of the model may use.",
    }),
  },
  { description: "How the model is run. A change makes a new model revision.", default: {} },
);

const tolerationSchema = Type.Object(
  {
    key: Type.Optional(
      Type.String({ maxLength: 253, description: "Key of the taint; absent for every key." }),
    ),
    operator: Type.Optional(
      stringEnum(["Exists", "Equal"], { description: "How key and value are compared." }),
    ),
    value: Type.Optional(Type.String({ maxLength: 63, description: "Value of the taint." })),
    effect: Type.Optional(
      stringEnum(["NoSchedule", "PreferNoSchedule", "NoExecute"], {
        description: "Effect; absent for every effect.",
      }),
    ),
    tolerationSeconds: Type.Optional(
      Type.Integer({ minimum: 0, maximum: 86_400, description: "How long a NoExecute taint is tolerated." }),
    ),
  },
  { description: "A Kubernetes toleration." },
);

const poolSchema = Type.Object(
  {
    name: dnsLabelSchema(40, "Name of the pool, unique in the list."),
    replicas: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 1000,
        description: "Replicas of this pool. Not for the first pool, whose replicas are `spec.replicas`.",
      }),
    ),
    model: Type.Optional(modelSourceSchema),
    resources: Type.Optional(
      Type.Object(
        {
          limits: Type.Optional(
            resourceListSchema("Upper limits. Devices such as `nvidia.com/gpu` go here."),
          ),
          requests: Type.Optional(
            resourceListSchema("What the scheduler reserves: 250m of CPU and 128Mi of memory unless stated."),
          ),
        },
        { description: "Resources of one model server, as in a container." },
      ),
    ),
    nodeSelector: Type.Optional(stringMapSchema(16, "Labels that a node must have.")),
    tolerations: Type.Optional(
      Type.Array(tolerationSchema, {
        maxItems: 16,
        "x-kubernetes-list-type": "atomic",
        description: "Taints that the pods tolerate.",
      }),
    ),
  },
  { description: "A set of equal model servers." },
);

const trafficSchema = Type.Object(
  {
    timeout: durationSchema({
      description: "Time for the whole answer, retries included, at most 25s.",
      default: "600ms",
    }),
    perTryTimeout: Type.Optional(
      durationSchema({
        description: "Time for one try. A third of `timeout`, at most 500ms, unless set.",
      }),
    ),
  },
  { description: "How requests are routed. Takes effect without a new revision.", default: {} },
);

/** JSON Schema of the spec. */
export const modelDeploymentSpecSchema = Type.Object(
  {
    model: modelSourceSchema,
    runtime: runtimeSchema,
    replicas: Type.Integer({
      minimum: 0,
      maximum: 1000,
      default: 1,
      description: "Replicas of the first pool. `kubectl scale` and autoscalers write it.",
    }),
    pools: Type.Array(poolSchema, {
      minItems: 1,
      maxItems: 8,
      default: [{ name: "default" }],
      "x-kubernetes-list-type": "atomic",
      description:
        "Pools in order of preference: requests go to the first one that is healthy, and to the next when it is not.",
    }),
    traffic: trafficSchema,
  },
  { description: "What should run." },
);

/** Rules over the whole spec. */
export const modelDeploymentSpecRules: readonly CelRule[] = [
  {
    rule: "self.pools.all(p, self.pools.exists_one(q, q.name == p.name))",
    message: "spec.pools: two pools have the same name; give each pool a name of its own",
  },
  {
    rule: "!has(self.pools[0].replicas)",
    message: "spec.pools[0].replicas: the first pool takes its replicas from spec.replicas; remove it here",
  },
  {
    rule: "self.pools.filter(p, !has(p.replicas)).size() <= 1",
    message: "spec.pools: every pool after the first one needs replicas",
  },
  {
    rule: "!self.pools.exists(p, has(p.resources) && has(p.resources.limits) && p.resources.limits.exists(k, k.startsWith('nvidia.com/'))) || has(self.runtime.executionProvider)",
    message:
      "spec.runtime.executionProvider: a pool asks for a GPU, but the model server has no GPU provider; state executionProvider: CPU to run on the CPU of such nodes",
  },
  {
    rule: "!has(self.traffic.perTryTimeout) || (duration(self.traffic.perTryTimeout) >= duration('1ms') && duration(self.traffic.perTryTimeout) <= duration(self.traffic.timeout))",
    message: "spec.traffic.perTryTimeout: must be from 1ms to spec.traffic.timeout",
  },
  {
    rule: "duration(self.traffic.timeout) >= duration('10ms') && duration(self.traffic.timeout) <= duration('25s')",
    message: "spec.traffic.timeout: must be from 10ms to 25s",
  },
];

/** The spec with the defaults of the schema filled in, as the API server stores it. */
export type ModelDeploymentSpec = Type.Static<typeof modelDeploymentSpecSchema>;
/** One pool of a {@link ModelDeploymentSpec}. */
export type PoolSpec = ModelDeploymentSpec["pools"][number];
/** Where a model comes from. */
export type ModelSource = Type.Static<typeof modelSourceSchema>;
