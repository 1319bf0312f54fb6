/**
 * Who says how many replicas the first pool has, and by what. Nothing of it shapes pods or predictions: a change takes effect
 * at once, with no new revision.
 */
import Type from "typebox";
import { percentageSchema } from "./percentage.ts";
import { type CelRule, dnsLabelSchema, durationSchema, matching, stringEnum } from "./schema.ts";

/** Most metrics: one of each type. */
const MAXIMUM_METRICS = 2;
/** Most schedules. */
const MAXIMUM_SCHEDULES = 16;
/** Longest time for which replicas are kept that are not needed any more. */
export const LONGEST_SCALE_IN_SECONDS = 3_600;

const FIELD = "[0-9*/,-]{1,32}";

const targetSchema = Type.Unsafe<number | string>({
  "x-kubernetes-int-or-string": true,
  anyOf: [{ type: "integer" }, { type: "string" }],
  minimum: 1,
  maximum: 1_000_000,
  maxLength: 10,
  pattern: "^([1-9][0-9]{0,5}(\\.[0-9]{1,3})?|0\\.([1-9][0-9]{0,2}|0[1-9][0-9]?|00[1-9]))$",
  description:
    'What one replica is to carry: requests under way, or requests a second. A number above 0 such as `4`, or as text `"0.7"`.',
});

const metricSchema = Type.Object(
  {
    type: stringEnum(["Concurrency", "Rate"], {
      description:
        "`Concurrency`: requests under way at the same time, those that wait in a server included. `Rate`: requests a second, those that were refused included. Routers measure both.",
    }),
    target: targetSchema,
  },
  { description: "A measure of the load, and how much of it is for one replica." },
);

const scheduleSchema = Type.Object(
  {
    name: dnsLabelSchema(40, "Name of the event, unique in the list."),
    schedule: Type.String({
      minLength: 9,
      maxLength: 128,
      ...matching(
        `^${FIELD}( ${FIELD}){4}$`,
        'must be five fields of cron in digits, such as "0 20 10 11 *": minute, hour, day of the month, month, day of the week',
      ),
      description:
        "When it begins, as five fields of cron: minute, hour, day of the month, month, day of the week.",
    }),
    timeZone: Type.String({
      minLength: 1,
      maxLength: 64,
      ...matching(
        "^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*$",
        "must be a time zone of the IANA database such as Asia/Shanghai or UTC",
      ),
      description: "Time zone of the schedule, by its name in the IANA database, such as `Asia/Shanghai`.",
    }),
    duration: durationSchema({ description: "How long it lasts. From 1m to 840h." }),
    minReplicas: Type.Integer({
      minimum: 1,
      maximum: 1000,
      description:
        "Replicas that there are at least while it lasts. They are asked for as long before as replicas took to start.",
    }),
  },
  { description: "An event that is known beforehand." },
);

/** JSON Schema of autoscaling. */
export const autoscalingSchema = Type.Object(
  {
    owner: Type.Optional(
      stringEnum(["Petrel", "None"], {
        description:
          "Who says how many replicas the first pool has. `Petrel`, unless set: the operator, by the rest of this. `None`: `spec.replicas`, which `kubectl scale`, a HorizontalPodAutoscaler or Git writes. Whoever takes over begins with the replicas that there are.",
      }),
    ),
    minReplicas: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 1000, description: "Fewest replicas: 1 unless set." }),
    ),
    maxReplicas: Type.Integer({ minimum: 1, maximum: 1000, description: "Most replicas." }),
    metrics: Type.Array(metricSchema, {
      minItems: 1,
      maxItems: MAXIMUM_METRICS,
      "x-kubernetes-list-type": "map",
      "x-kubernetes-list-map-keys": ["type"],
      description: "Measures of the load; the one that needs most replicas counts.",
    }),
    forecast: Type.Optional(
      stringEnum(["Auto", "None"], {
        description:
          "`Auto`, unless set: replicas come ahead of a load that returns, while that would have helped on the days that lie behind. A forecast only ever adds replicas. `None`: by the present load and schedules alone.",
      }),
    ),
    schedules: Type.Optional(
      Type.Array(scheduleSchema, {
        maxItems: MAXIMUM_SCHEDULES,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["name"],
        description: "Events that are known beforehand, such as sales.",
      }),
    ),
    tolerance: Type.Optional(
      percentageSchema(
        "By how much load and replicas may differ without a change. At most 50%, 5% unless set.",
      ),
    ),
    scaleIn: Type.Optional(
      Type.Object(
        {
          after: durationSchema({
            description:
              "Replicas go once the load has not needed them for so long, at most half of them at once. From 1m to 1h, 5m unless set.",
          }),
        },
        { description: "How calm replicas are taken away." },
      ),
    ),
  },
  { description: "Replicas of the first pool by the load." },
);

const each = (list: string, rule: string) =>
  `!has(self.autoscaling) || !has(self.autoscaling.${list}) || self.autoscaling.${list}.all(${rule})`;

/** Rules over the autoscaling of a spec. */
export const autoscalingRules: readonly CelRule[] = [
  {
    rule: "!has(self.autoscaling) || !has(self.autoscaling.minReplicas) || self.autoscaling.minReplicas <= self.autoscaling.maxReplicas",
    message: "spec.autoscaling.minReplicas: must not be more than maxReplicas",
  },
  {
    rule: each("schedules", "s, s.minReplicas <= self.autoscaling.maxReplicas"),
    message: "spec.autoscaling.schedules: minReplicas must not be more than maxReplicas of spec.autoscaling",
  },
  {
    rule: each(
      "schedules",
      "s, duration(s.duration) >= duration('1m') && duration(s.duration) <= duration('840h')",
    ),
    message: "spec.autoscaling.schedules: duration must be from 1m to 840h",
  },
  {
    rule: "!has(self.autoscaling) || !has(self.autoscaling.tolerance) || double(self.autoscaling.tolerance.replace('%', '')) <= 50.0",
    message: "spec.autoscaling.tolerance: must be from 0% to 50%",
  },
  {
    rule: `!has(self.autoscaling) || !has(self.autoscaling.scaleIn) || (duration(self.autoscaling.scaleIn.after) >= duration('1m') && duration(self.autoscaling.scaleIn.after) <= duration('${LONGEST_SCALE_IN_SECONDS}s'))`,
    message: "spec.autoscaling.scaleIn.after: must be from 1m to 1h",
  },
];

/** Replicas of the first pool by the load. */
export type AutoscalingSpec = Type.Static<typeof autoscalingSchema>;

/** Whether the operator says how many replicas the first pool has. */
export function isScaledByPetrel({
  autoscaling,
}: {
  /** Of a stored object anything may stand there. */
  readonly autoscaling?: { readonly owner?: unknown } | undefined;
}): boolean {
  return autoscaling !== undefined && autoscaling.owner !== "None";
}

/** Fewest replicas that the first pool may have. */
export function leastReplicas(spec: {
  readonly autoscaling?: AutoscalingSpec;
  readonly replicas: number;
}): number {
  return isScaledByPetrel(spec) ? (spec.autoscaling?.minReplicas ?? 1) : spec.replicas;
}
