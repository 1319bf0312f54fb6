/**
 * Gates of a release: what has to be so before a step may end, and what each gate says of itself.
 *
 * A type belongs here only when somebody gathers its evidence: the collector, the routers, or whoever a gate names.
 */
import Type from "typebox";
import { percentageSchema } from "./percentage.ts";
import {
  type CelRule,
  decimalSchema,
  dnsLabelSchema,
  durationSchema,
  matching,
  stringEnum,
} from "./schema.ts";

/** Most gates of one release that people declare. */
export const MAXIMUM_GATES = 16;
/** A gate that has not passed for so long gives the release up, unless it says otherwise. */
export const DEFAULT_GATE_DEADLINE = "168h";

/** Names of gates that nobody declares. Those that judge counts are on where requests are counted for releases. */
const RESERVED_GATE_NAMES = [
  "candidate-replicas",
  "assigned-arms",
  "sample-ratio",
  "shadow-answers",
  "shadow-agreement",
  "shadow-rank-correlation",
  "shadow-latency",
] as const;

/** The quantiles of latency that a gate may hold. */
export const LATENCY_QUANTILES = ["p50", "p90", "p95", "p99", "p99.9"] as const;

/** JSON Schema of the metric that a gate judges by. */
export const gatedMetricSchema = Type.String({
  minLength: 1,
  maxLength: 63,
  ...matching(
    "^[A-Za-z0-9][A-Za-z0-9._-]*$",
    "must be of letters, digits, points, hyphens and underscores, with a letter or digit first",
  ),
  description: "Name of a metric of `spec.quality.metrics`.",
});

const qualitySchema = Type.Object(
  {
    metric: gatedMetricSchema,
    nonInferiorityMargin: percentageSchema(
      "How much worse the metric may be, as a share of stable's. Before all the traffic moves, the whole range that the evidence leaves open must be on the good side of it.",
    ),
  },
  { description: "Settings of the type `Quality`." },
);

/** JSON Schema of a bound on latency. */
export const latencySchema = Type.Object(
  {
    quantile: stringEnum(LATENCY_QUANTILES, {
      description:
        "Which quantile of the latency of first tries: the time from the request to the whole answer of the model server that it went to first.",
    }),
    max: Type.Optional(durationSchema({ description: "The most that it may be." })),
    maxAboveStable: Type.Optional(
      percentageSchema("The most that it may be above that of stable, as a share of stable's."),
    ),
  },
  { description: "A bound on latency: `max`, `maxAboveStable`, or both." },
);

const errorsSchema = Type.Object(
  {
    max: Type.Optional(
      percentageSchema("The largest share of first tries that may fail by the server's fault; more than 0%."),
    ),
    maxAboveStable: Type.Optional(
      percentageSchema(
        "How much larger the share may be than stable's, in percentage points: with `1%`, 3% where stable has 2%.",
      ),
    ),
  },
  { description: "Settings of the type `Errors`; `max`, `maxAboveStable`, or both." },
);

const urlSchema = Type.String({
  minLength: 8,
  maxLength: 1024,
  ...matching(
    "^https?://[^\\s/?#@]+(/[^\\s#]*)?$",
    "must be http://HOST/PATH or https://HOST/PATH, without credentials and without a fragment",
  ),
  description: "Where to ask: `http` or `https`, without credentials. Redirections are not followed.",
});

const prometheusQuerySchema = Type.Object(
  {
    url: urlSchema,
    query: Type.String({
      minLength: 1,
      maxLength: 4096,
      description:
        "PromQL that gives one number. `$(namespace)`, `$(deployment)`, `$(candidate)` and `$(stable)` stand for the namespace and the names of ModelDeployment and revisions.",
    }),
    min: Type.Optional(decimalSchema('The least that the number may be, such as `"0.95"`.')),
    max: Type.Optional(decimalSchema('The most that the number may be, such as `"0.05"`.')),
  },
  { description: "Settings of the type `PrometheusQuery`; `min`, `max`, or both." },
);

const webHookSchema = Type.Object(
  { url: urlSchema },
  {
    description:
      'Settings of the type `WebHook`. It gets a POST with JSON about the step, and answers with `{"outcome": "Pass", "message": "..."}`, or `Wait` or `Fail`.',
  },
);

const ON_NO_DATA = ["Wait", "Fail", "Proceed"] as const;

/** Types of gates. */
export const GATE_TYPES = ["Quality", "Latency", "Errors", "PrometheusQuery", "WebHook"] as const;

/** JSON Schema of a gate. */
const gateSchema = Type.Object(
  {
    name: dnsLabelSchema(63, "Name of the gate, unique among those of the release."),
    type: stringEnum(GATE_TYPES, { description: "What it looks at." }),
    onNoData: Type.Optional(
      stringEnum(ON_NO_DATA, {
        description:
          "`Wait` unless set. What becomes of the release when the gate has had nothing to judge by for 5 minutes: `Wait` waits until `deadline`, `Fail` gives it up, `Proceed` goes on without this gate. What is known to be bad fails in any case.",
      }),
    ),
    deadline: Type.Optional(
      durationSchema({
        description: `How long a step may wait for this gate, counted from when the share of the step is in effect and the step has lasted its \`minDuration\`; then the release is given up. From 1m to 2160h, ${DEFAULT_GATE_DEADLINE} unless set.`,
      }),
    ),
    quality: Type.Optional(qualitySchema),
    latency: Type.Optional(latencySchema),
    errors: Type.Optional(errorsSchema),
    prometheusQuery: Type.Optional(prometheusQuerySchema),
    webHook: Type.Optional(webHookSchema),
  },
  { description: "A gate." },
);

/** JSON Schema of the gates of a release. */
export const gatesSchema = Type.Array(gateSchema, {
  maxItems: MAXIMUM_GATES,
  "x-kubernetes-list-type": "map",
  "x-kubernetes-list-map-keys": ["name"],
  description:
    "What has to be so before a step may end. Every gate has to pass; one that fails gives the release up.",
});

/** Members of the types. */
const GATE_MEMBERS: Readonly<Record<(typeof GATE_TYPES)[number], string>> = {
  Quality: "quality",
  Latency: "latency",
  Errors: "errors",
  PrometheusQuery: "prometheusQuery",
  WebHook: "webHook",
};

/**
 * Rules over gates.
 *
 * @param path where the list is, from the object that `self` is: `self.rollout.gates`.
 */
export function gateRules(path: string, guard: string): readonly CelRule[] {
  const where = path.replace(/^self/, "spec");
  const all = (holds: string) => `!(${guard}) || ${path}.all(gate, ${holds})`;
  const unlessSet = (member: string, holds: string) => all(`!has(gate.${member}) || ${holds}`);
  const twoBounds = (member: string, first: string, second: string): CelRule => ({
    rule: unlessSet(member, `has(gate.${member}.${first}) || has(gate.${member}.${second})`),
    message: `${where}[].${member}: needs ${first}, ${second}, or both; without either it holds nothing`,
  });
  return [
    ...GATE_TYPES.map((type) => ({
      rule: all(`(gate.type == '${type}') == has(gate.${GATE_MEMBERS[type]})`),
      message: `${where}[].${GATE_MEMBERS[type]}: belongs to the type ${type}, and that type needs it`,
    })),
    {
      rule: all(`!(gate.name in ['${RESERVED_GATE_NAMES.join("', '")}'])`),
      message: `${where}[].name: must be none of the names that gates of Petrel's own have: ${RESERVED_GATE_NAMES.join(", ")}`,
    },
    {
      rule: all(
        "!has(gate.deadline) || (duration(gate.deadline) >= duration('1m') && duration(gate.deadline) <= duration('2160h'))",
      ),
      message: `${where}[].deadline: must be from 1m to 2160h`,
    },
    {
      rule: unlessSet("quality", betweenNothingAndAll("gate.quality.nonInferiorityMargin")),
      message: `${where}[].quality.nonInferiorityMargin: must be more than 0% and less than 100%`,
    },
    twoBounds("latency", "max", "maxAboveStable"),
    {
      rule: unlessSet(
        "latency",
        "(!has(gate.latency.max) || (duration(gate.latency.max) >= duration('1ms') && duration(gate.latency.max) <= duration('10m')))",
      ),
      message: `${where}[].latency.max: must be from 1ms to 10m`,
    },
    twoBounds("errors", "max", "maxAboveStable"),
    {
      rule: unlessSet("errors", `(!has(gate.errors.max) || (${betweenNothingAndAll("gate.errors.max")}))`),
      message: `${where}[].errors.max: must be more than 0% and less than 100%; a share of 0 can never be shown`,
    },
    {
      rule: unlessSet(
        "errors",
        `(!has(gate.errors.maxAboveStable) || ${lessThanAll("gate.errors.maxAboveStable")})`,
      ),
      message: `${where}[].errors.maxAboveStable: must be less than 100%, for these are percentage points`,
    },
    twoBounds("prometheusQuery", "min", "max"),
    {
      rule: unlessSet(
        "prometheusQuery",
        "(!has(gate.prometheusQuery.min) || !has(gate.prometheusQuery.max) || double(gate.prometheusQuery.min) <= double(gate.prometheusQuery.max))",
      ),
      message: `${where}[].prometheusQuery: min must be at most max`,
    },
  ];
}

/** A rule in CEL. Percentages have at least one digit that is not 0, and less than three before the point. */
export function betweenNothingAndAll(percentage: string): string {
  return `(${percentage}.matches('[1-9]') && ${lessThanAll(percentage)})`;
}

function lessThanAll(percentage: string): string {
  return `${percentage}.matches('^0?[0-9]{1,2}[.%]')`;
}

/** A gate of any type, as people declare it. */
export type GateSpec = Type.Static<typeof gateSchema>;
/** A type of gate. */
export type GateType = (typeof GATE_TYPES)[number];
