/**
 * What people write for an autoscaler that is not Petrel's own, and that Petrel makes for them: a HorizontalPodAutoscaler of
 * Kubernetes, or a ScaledObject of KEDA. The fields are those of their APIs, under the same names, and mean the same.
 *
 * Each has a bound, so that no object can be made of them that the API server would not keep. It must never hold what the
 * operator says itself: the target, and the bounds of replicas.
 */
import Type from "typebox";
import { type CelRule, objectNameSchema, stringEnum, stringMapSchema } from "./schema.ts";

/** Most metrics of a HorizontalPodAutoscaler, and most triggers of a ScaledObject. */
const MAXIMUM_SOURCES = 8;
/** Most policies of one direction. */
const MAXIMUM_POLICIES = 4;

function quantity(description: string) {
  return Type.Unsafe<number | string>({
    "x-kubernetes-int-or-string": true,
    anyOf: [{ type: "integer" }, { type: "string" }],
    minimum: 0,
    maxLength: 32,
    pattern: "^([0-9]+|[0-9]*\\.[0-9]+)(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$",
    description,
  });
}

const name = (maxLength: number, description: string) =>
  Type.String({ minLength: 1, maxLength, description });

const targetSchema = Type.Object(
  {
    type: stringEnum(["Utilization", "Value", "AverageValue"], { description: "How it is stated." }),
    averageUtilization: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 10_000, description: "Of what pods request, in percent." }),
    ),
    averageValue: Type.Optional(quantity("For each pod, in the mean.")),
    value: Type.Optional(quantity("For all pods together.")),
  },
  { description: "What the metric is held at." },
);

const metricNameSchema = Type.Object(
  {
    name: name(253, "Name of the metric."),
    selector: Type.Optional(
      Type.Object(
        { matchLabels: stringMapSchema(16, "Labels that the metric must have.") },
        { description: "Which series of the metric count." },
      ),
    ),
  },
  { description: "Which metric." },
);

const resourceFields = { name: name(253, "Such as `cpu` or `memory`."), target: targetSchema };

const hpaMetricSchema = Type.Object(
  {
    type: stringEnum(["Resource", "ContainerResource", "Pods", "Object", "External"], {
      description: "Where the metric comes from; the field of that name says which it is.",
    }),
    resource: Type.Optional(Type.Object(resourceFields, { description: "A resource of the pods." })),
    containerResource: Type.Optional(
      Type.Object(
        { ...resourceFields, container: name(63, "Name of the container.") },
        { description: "A resource of one container of each pod." },
      ),
    ),
    pods: Type.Optional(
      Type.Object(
        { metric: metricNameSchema, target: targetSchema },
        { description: "A metric of each pod, of the custom metrics API." },
      ),
    ),
    object: Type.Optional(
      Type.Object(
        {
          describedObject: Type.Object(
            {
              apiVersion: name(253, "Its API version."),
              kind: name(63, "Its kind."),
              name: name(253, "Its name."),
            },
            { description: "The object of the namespace that the metric is of." },
          ),
          metric: metricNameSchema,
          target: targetSchema,
        },
        { description: "A metric of another object, of the custom metrics API." },
      ),
    ),
    external: Type.Optional(
      Type.Object(
        { metric: metricNameSchema, target: targetSchema },
        { description: "A metric of the external metrics API." },
      ),
    ),
  },
  { description: "A metric, as in `autoscaling/v2`." },
);

function directionSchema(description: string) {
  return Type.Object(
    {
      stabilizationWindowSeconds: Type.Optional(
        Type.Integer({
          minimum: 0,
          maximum: 3600,
          description: "For so many seconds the most careful of the recommendations counts.",
        }),
      ),
      selectPolicy: Type.Optional(
        stringEnum(["Max", "Min", "Disabled"], { description: "Which of the policies counts." }),
      ),
      policies: Type.Optional(
        Type.Array(
          Type.Object(
            {
              type: stringEnum(["Pods", "Percent"], { description: "What `value` counts." }),
              value: Type.Integer({ minimum: 1, maximum: 1_000_000, description: "By how much at most." }),
              periodSeconds: Type.Integer({ minimum: 1, maximum: 1800, description: "In how many seconds." }),
            },
            { description: "A bound of how fast it goes." },
          ),
          {
            minItems: 1,
            maxItems: MAXIMUM_POLICIES,
            "x-kubernetes-list-type": "atomic",
            description: "How fast it goes at most.",
          },
        ),
      ),
    },
    { description },
  );
}

/** JSON Schema of what a HorizontalPodAutoscaler is made of. */
export const hpaSchema = Type.Object(
  {
    metrics: Type.Optional(
      Type.Array(hpaMetricSchema, {
        minItems: 1,
        maxItems: MAXIMUM_SOURCES,
        "x-kubernetes-list-type": "atomic",
        description:
          "Its metrics; the one that needs most replicas counts. Unless set, 80 % of the CPU that the pods request.",
      }),
    ),
    behavior: Type.Optional(
      Type.Object(
        {
          scaleUp: Type.Optional(directionSchema("How replicas are added.")),
          scaleDown: Type.Optional(directionSchema("How replicas are taken away.")),
        },
        { description: "How fast it goes. Unless set, as Kubernetes does." },
      ),
    ),
  },
  { description: "The HorizontalPodAutoscaler that is made while `owner` is `HPA`." },
);

const triggerSchema = Type.Object(
  {
    type: name(63, "Which scaler of KEDA, such as `prometheus` or `kafka`."),
    name: Type.Optional(name(63, "Name of the trigger, unique in the list.")),
    metadata: Type.Unsafe<Readonly<Record<string, string>>>({
      type: "object",
      maxProperties: 32,
      description: "Settings of the scaler, all of them text.",
      additionalProperties: { type: "string", maxLength: 4096 },
    }),
    authenticationRef: Type.Optional(
      Type.Object(
        {
          name: objectNameSchema("Its name."),
          kind: Type.Optional(
            stringEnum(["TriggerAuthentication", "ClusterTriggerAuthentication"], {
              description: "Its kind; `TriggerAuthentication` unless set.",
            }),
          ),
        },
        { description: "What the scaler shows to the source." },
      ),
    ),
    metricType: Type.Optional(
      stringEnum(["Utilization", "Value", "AverageValue"], { description: "How the metric is stated." }),
    ),
    useCachedMetrics: Type.Optional(
      Type.Boolean({ description: "Whether a value is kept for the polling interval." }),
    ),
  },
  { description: "A source of the load, as in `keda.sh/v1alpha1`." },
);

/** JSON Schema of what a ScaledObject is made of. */
export const kedaSchema = Type.Object(
  {
    triggers: Type.Array(triggerSchema, {
      minItems: 1,
      maxItems: MAXIMUM_SOURCES,
      "x-kubernetes-list-type": "atomic",
      description: "Its triggers; the one that needs most replicas counts.",
    }),
    pollingInterval: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 3600,
        description: "Seconds between two looks; as KEDA has it unless set.",
      }),
    ),
  },
  { description: "The ScaledObject that is made while `owner` is `KEDA`. It never scales to zero." },
);

const has = (field: string) => `has(self.autoscaling.${field})`;
const OWNER = "self.autoscaling.owner";
const isOwner = (...owners: readonly string[]) =>
  `(${has("owner")} && ${OWNER} in [${owners.map((owner) => `'${owner}'`).join(", ")}])`;
const whereAutoscaled = (rule: string) => `!has(self.autoscaling) || ${rule}`;
const METRIC_FIELDS = {
  Resource: "resource",
  ContainerResource: "containerResource",
  Pods: "pods",
  Object: "object",
  External: "external",
} as const;

/** Rules about which fields belong to which owner. */
export const autoscalerRules: readonly CelRule[] = [
  {
    rule: whereAutoscaled(`${isOwner("HPA", "KEDA", "None")} || ${has("metrics")}`),
    message: "spec.autoscaling.metrics: must be set while owner is Petrel",
  },
  {
    rule: whereAutoscaled(
      `!${isOwner("HPA", "KEDA")} || !(${["metrics", "forecast", "schedules", "tolerance", "scaleIn"].map(has).join(" || ")})`,
    ),
    message:
      "spec.autoscaling.owner: metrics, forecast, schedules, tolerance and scaleIn belong to owner Petrel: remove them for HPA and KEDA",
  },
  {
    rule: whereAutoscaled(`!${has("hpa")} || ${isOwner("HPA", "None")}`),
    message: "spec.autoscaling.hpa: belongs to owner HPA, or None",
  },
  {
    rule: whereAutoscaled(`!${has("keda")} || ${isOwner("KEDA", "None")}`),
    message: "spec.autoscaling.keda: belongs to owner KEDA, or None",
  },
  {
    rule: whereAutoscaled(`!${isOwner("KEDA")} || ${has("keda")}`),
    message: "spec.autoscaling.keda: must be set while owner is KEDA",
  },
  {
    rule: whereAutoscaled(
      `!${has("hpa")} || !${has("hpa.metrics")} || self.autoscaling.hpa.metrics.all(m, ${Object.entries(
        METRIC_FIELDS,
      )
        .map(([type, field]) => `has(m.${field}) == (m.type == '${type}')`)
        .join(" && ")})`,
    ),
    message: "spec.autoscaling.hpa.metrics: each must have the field that its type names, and no other",
  },
];
