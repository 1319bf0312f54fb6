/**
 * What people write: the spec of a ModelDeployment.
 *
 * Only what works is here. Unknown fields are refused by strict clients (kubectl), so adding a field is a
 * promise that it does what its description says.
 */
import Type from "typebox";
import { autoscalingRules, autoscalingSchema } from "./autoscaling.ts";
import { fetchRules, fetchSchema } from "./fetch.ts";
import { modelSourceRules, modelSourceSchema } from "./model-source.ts";
import { poolRules, poolSchema } from "./pool.ts";
import { qualityRules, qualitySchema } from "./quality.ts";
import { rolloutRules, rolloutSchema } from "./rollout.ts";
import { runtimeRules, runtimeSchema } from "./runtime.ts";
import { type CelRule, durationSchema, objectNameSchema } from "./schema.ts";
import { trafficRules, trafficSchema } from "./traffic.ts";
import { validationRules, validationSchema } from "./validation.ts";

const imagePullSecretSchema = Type.Object(
  { name: objectNameSchema("Name of the Secret.") },
  { description: "A Secret with credentials of a registry." },
);

/**
 * JSON Schema of the spec. Fields that shape pods are optional and without a default here: pods keep their template
 * as long as the stored fields are the same, so a default that an upgrade adds would restart them all.
 */
export const modelDeploymentSpecSchema = Type.Object(
  {
    model: modelSourceSchema,
    fetch: Type.Optional(fetchSchema),
    runtime: runtimeSchema,
    replicas: Type.Integer({
      minimum: 0,
      maximum: 1000,
      default: 1,
      description:
        "Replicas of the first pool. `kubectl scale` and autoscalers write it. While `autoscaling.owner` is `Petrel` it counts only where nothing runs yet.",
    }),
    autoscaling: Type.Optional(autoscalingSchema),
    pools: Type.Array(poolSchema, {
      minItems: 1,
      maxItems: 8,
      default: [{ name: "default" }],
      "x-kubernetes-list-type": "atomic",
      description:
        "Pools in order of preference: requests go to the first one that is healthy, and to the next when it is not.",
    }),
    traffic: trafficSchema,
    validation: Type.Optional(validationSchema),
    rollout: Type.Optional(rolloutSchema),
    quality: Type.Optional(qualitySchema),
    suspend: Type.Optional(
      Type.Boolean({
        description:
          "Leaves everything as it stands: what serves goes on, and nothing is made, changed or removed, whatever the rest of the spec says. Deleting works.",
      }),
    ),
    serviceAccountName: Type.Optional(
      objectNameSchema(
        "ServiceAccount of the model servers, of your own. Unless set, one without any rights is made. Its token is not mounted.",
      ),
    ),
    imagePullSecrets: Type.Optional(
      Type.Array(imagePullSecretSchema, {
        maxItems: 8,
        "x-kubernetes-list-type": "atomic",
        description: "Secrets of the namespace with which the images of model servers are pulled.",
      }),
    ),
    startupTimeout: Type.Optional(
      durationSchema({
        description:
          "Time for a model server to load its model; then it is started again. From 10s to 24h, 30m unless set. The time to fetch the model does not count.",
      }),
    ),
  },
  { description: "What should run." },
);

/** Rules over the whole spec. */
export const modelDeploymentSpecRules: readonly CelRule[] = [
  ...modelSourceRules,
  ...autoscalingRules,
  ...fetchRules,
  ...poolRules,
  ...qualityRules,
  ...runtimeRules,
  ...trafficRules,
  ...validationRules,
  ...rolloutRules,
  {
    rule: "!has(self.startupTimeout) || (duration(self.startupTimeout) >= duration('10s') && duration(self.startupTimeout) <= duration('24h'))",
    message: "spec.startupTimeout: must be from 10s to 24h",
  },
];

/** The spec with the defaults of the schema filled in, as the API server stores it. */
export type ModelDeploymentSpec = Type.Static<typeof modelDeploymentSpecSchema>;
