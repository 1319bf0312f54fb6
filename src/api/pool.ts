/**
 * A pool: a set of equal model servers, and where they run.
 */
import Type from "typebox";
import { modelSourceSchema } from "./model-source.ts";
import {
  type CelRule,
  dnsLabelSchema,
  objectNameSchema,
  resourceListSchema,
  stringEnum,
  stringMapSchema,
} from "./schema.ts";

/** JSON Schema of a toleration. */
export const tolerationSchema = Type.Object(
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

const resourceClaimSchema = Type.Object(
  {
    name: dnsLabelSchema(63, "Name of the claim, unique in the pool."),
    resourceClaimTemplateName: objectNameSchema(
      "ResourceClaimTemplate (`resource.k8s.io/v1`) in the namespace; every pod gets a claim made from it.",
    ),
  },
  { description: "Devices of one model server, asked for through dynamic resource allocation (DRA)." },
);

/** JSON Schema of a pool. */
export const poolSchema = Type.Object(
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
    capacity: Type.Optional(
      stringEnum(["Elastic"], {
        description:
          "How replicas are planned. `Elastic`, which is also meant when nothing is said: a replica may wait for a node, so that node autoscalers add one.",
      }),
    ),
    resources: Type.Optional(
      Type.Object(
        {
          limits: Type.Optional(
            resourceListSchema(
              "Upper limits. Devices such as `nvidia.com/gpu` or `nvidia.com/mig-1g.10gb` go here.",
            ),
          ),
          requests: Type.Optional(
            resourceListSchema(
              "What the scheduler reserves: 250m of CPU, 128Mi of memory and 1Gi of ephemeral storage, where the model lies, unless stated.",
            ),
          ),
        },
        { description: "Resources of one model server, as in a container." },
      ),
    ),
    resourceClaims: Type.Optional(
      Type.Array(resourceClaimSchema, {
        maxItems: 4,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["name"],
        description:
          "Devices through dynamic resource allocation, for the model server alone. What to choose from (`firstAvailable` too) stands in the template.",
      }),
    ),
    runtimeClassName: Type.Optional(
      objectNameSchema("RuntimeClass of the pods, where GPUs need one, such as `nvidia`."),
    ),
    priorityClassName: Type.Optional(
      objectNameSchema("PriorityClass of the pods: who may take whose place when nodes are full."),
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

/** Rules over the pools of a spec. */
export const poolRules: readonly CelRule[] = [
  {
    rule: "self.pools.all(p, self.pools.exists_one(q, q.name == p.name))",
    message: "spec.pools: two pools have the same name; give each pool a name of its own",
  },
  {
    // As a list of one, because `has` of an index is understood by the API server but not by every other reader.
    rule: "[self.pools[0]].all(p, !has(p.replicas))",
    message: "spec.pools[0].replicas: the first pool takes its replicas from spec.replicas; remove it here",
  },
  {
    rule: "self.pools.filter(p, !has(p.replicas)).size() <= 1",
    message: "spec.pools: every pool after the first one needs replicas",
  },
];

/** One pool. */
export type PoolSpec = Type.Static<typeof poolSchema>;
