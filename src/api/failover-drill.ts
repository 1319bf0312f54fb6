/**
 * The kind FailoverDrill: one rehearsal of a failover of a ModelDeployment.
 *
 * People write it, or schedules do; the operator reports in its status. What it says is for good but for its end: a drill that
 * changes on the way has no result. It touches no request but its own, and what it found stays readable once it is over.
 */
import Type from "typebox";
import { failoverDrillStatusSchema } from "./drill-status.ts";
import type { KindDefinition } from "./kind.ts";
import { percentageSchema } from "./percentage.ts";
import {
  type CelRule,
  dnsLabelSchema,
  durationSchema,
  matching,
  objectNameSchema,
  stringEnum,
} from "./schema.ts";

/** Longest name: it stands in the traffic plan and in names of children. */
const LONGEST_NAME = 52;
/** Longest `spec.reason`, in characters. */
export const MAXIMUM_DRILL_REASON_LENGTH = 256;
/** Longest `spec.probe.body`, in characters. Annotations of a pod have 256 KiB together. */
const LONGEST_BODY = 65_536;

/** What a drill may do to its target. */
export const FAULT_TYPES = ["PoolLoss", "Errors", "Latency", "Hang"] as const;

const faultSchema = Type.Object(
  {
    type: stringEnum(FAULT_TYPES, {
      description:
        "What every try of the target meets: `PoolLoss` is answered with 503 at once, `Errors` with `status`, `Latency` waits for `delay`, `Hang` is never answered.",
    }),
    pool: dnsLabelSchema(40, "The target: the first pool of the ModelDeployment."),
    status: Type.Optional(
      Type.Integer({ minimum: 400, maximum: 599, description: "Of `Errors`: the status of every answer." }),
    ),
    delay: Type.Optional(
      durationSchema({
        description:
          "Of `Latency`: at least 1ms; less than `probe.timeout`, and than `traffic.timeout` of the ModelDeployment.",
      }),
    ),
  },
  { description: "What is taken away. Only requests of the drill meet it." },
);

const probeSchema = Type.Object(
  {
    path: Type.String({
      minLength: 1,
      maxLength: 512,
      ...matching("^/[!-~]*$", "must be a path that begins with / and has no blank"),
      description: "Path of the requests, such as `/v2/models/ranker/infer`.",
    }),
    body: Type.String({
      minLength: 1,
      maxLength: LONGEST_BODY,
      description: "Body of the requests, in JSON: a request that the model answers with 200.",
    }),
    perSecond: Type.Integer({
      minimum: 1,
      maximum: 1_000,
      default: 50,
      description: "Probes in a second, whatever comes back.",
    }),
    timeout: durationSchema({
      default: "2s",
      description: "What is not answered whole by then is bad; from 1ms to 1m.",
    }),
    slowAfter: durationSchema({ default: "1s", description: "Later good answers are slow; from 1ms to 1m." }),
  },
  { description: "The requests of the drill. They get no token and are not counted." },
);

const objectivesSchema = Type.Object(
  {
    recovery: durationSchema({
      default: "10s",
      description: "By then probes must be within the other objectives again, while the fault persists.",
    }),
    availability: Type.String({
      ...percentageSchema("Share of the probes that must be answered well under the fault; less than 100%."),
      default: "99%",
    }),
    slow: Type.String({
      ...percentageSchema("Share of the good answers that may be slow; at most 100%."),
      default: "5%",
    }),
  },
  { default: {}, description: "What the failover must keep to." },
);

/** JSON Schema of the spec. */
export const failoverDrillSpecSchema = Type.Object(
  {
    modelDeployment: objectNameSchema("Name of the ModelDeployment, in the same namespace."),
    fault: faultSchema,
    probe: probeSchema,
    objectives: objectivesSchema,
    control: durationSchema({
      default: "30s",
      description: "How long probes run before the fault; from 1s to 3m.",
    }),
    duration: durationSchema({
      default: "1m",
      description:
        "How long the fault persists; from 1s to 10m, at least a ninth more than `recovery` and `hold`.",
    }),
    failback: durationSchema({
      default: "30s",
      description: "How long probes run after the fault; from `hold` to 3m.",
    }),
    hold: durationSchema({
      default: "5s",
      description: "So long probes must be within the objectives to count as recovered; from 1s to 1m.",
    }),
    abort: Type.Optional(
      Type.Boolean({ description: "Written by people: ends the drill, for good, once it is true." }),
    ),
    reason: Type.Optional(
      Type.String({
        maxLength: MAXIMUM_DRILL_REASON_LENGTH,
        description: "Written by people: why it was ended, for others to read.",
      }),
    ),
  },
  { description: "What is rehearsed, and by what it is judged." },
);

const within = (path: string, field: string, from: string, to: string): CelRule => ({
  rule: `duration(${path}) >= duration('${from}') && duration(${path}) <= duration('${to}')`,
  message: `spec.${field}: must be from ${from} to ${to}`,
});

const percent = (path: string) => `double(${path}.replace('%', ''))`;
const seconds = (path: string) => `double(duration(${path}).getSeconds())`;

const FIXED_FIELDS = [
  "modelDeployment",
  "fault",
  "probe",
  "objectives",
  "control",
  "duration",
  "failback",
  "hold",
] as const;

/** The kind `FailoverDrill`. */
export const failoverDrillKind: KindDefinition = {
  kind: "FailoverDrill",
  plural: "failoverdrills",
  singular: "failoverdrill",
  shortNames: ["fdrill"],
  categories: ["petrel"],
  description:
    "One rehearsal of a failover of a ModelDeployment, on requests of its own. It ends by itself, takes everything back, and keeps its verdict.",
  schema: Type.Object({
    spec: failoverDrillSpecSchema,
    status: Type.Optional(failoverDrillStatusSchema),
  }),
  rules: [
    {
      rule: `size(self.metadata.name) <= ${LONGEST_NAME} && !self.metadata.name.contains('.')`,
      message: `metadata.name: must be at most ${LONGEST_NAME} characters long, without a point`,
    },
  ],
  specRules: [
    {
      rule: "(self.fault.type == 'Errors') == has(self.fault.status)",
      message: "spec.fault.status: must be there for Errors, and for no other fault",
    },
    {
      rule: "(self.fault.type == 'Latency') == has(self.fault.delay)",
      message: "spec.fault.delay: must be there for Latency, and for no other fault",
    },
    {
      rule: "!has(self.fault.delay) || duration(self.fault.delay) >= duration('1ms')",
      message: "spec.fault.delay: must be at least 1ms",
    },
    {
      rule: "!has(self.fault.delay) || duration(self.fault.delay) < duration(self.probe.timeout)",
      message:
        "spec.fault.delay: must be less than spec.probe.timeout, or no answer could prove it; wait for less, or give probes longer",
    },
    within("self.probe.timeout", "probe.timeout", "1ms", "1m"),
    within("self.probe.slowAfter", "probe.slowAfter", "1ms", "1m"),
    within("self.objectives.recovery", "objectives.recovery", "0s", "9m"),
    {
      rule: `${percent("self.objectives.availability")} < 100.0`,
      message: "spec.objectives.availability: must be less than 100%; no number of probes could show more",
    },
    {
      rule: `${percent("self.objectives.slow")} <= 100.0`,
      message: "spec.objectives.slow: must be at most 100%",
    },
    within("self.control", "control", "1s", "3m"),
    within("self.duration", "duration", "1s", "10m"),
    within("self.failback", "failback", "1s", "3m"),
    within("self.hold", "hold", "1s", "1m"),
    {
      rule: "duration(self.failback) >= duration(self.hold)",
      message: "spec.failback: must be at least spec.hold",
    },
    {
      rule: `${seconds("self.duration")} * 0.9 >= ${seconds("self.objectives.recovery")} + ${seconds("self.hold")}`,
      message:
        "spec.duration: must be at least a ninth more than spec.objectives.recovery and spec.hold together, in which to recover and to hold",
    },
    {
      rule: `${seconds("self.duration")} * double(self.probe.perSecond) * 0.9 * (100.0 - ${percent("self.objectives.availability")}) >= 300.0`,
      message:
        "spec.probe.perSecond: too few probes to show spec.objectives.availability; make spec.duration longer, send more, or ask for less",
    },
    ...FIXED_FIELDS.map((field) => ({
      rule: `self.${field} == oldSelf.${field}`,
      message: `spec.${field}: is for good; a drill that changes on the way has no result: make another one`,
    })),
    {
      rule: "!has(oldSelf.abort) || !oldSelf.abort || (has(self.abort) && self.abort)",
      message: "spec.abort: what was ended stays so; make another drill",
    },
  ],
  columns: [
    { name: "Deployment", type: "string", jsonPath: ".spec.modelDeployment" },
    { name: "Fault", type: "string", jsonPath: ".spec.fault.type" },
    { name: "Phase", type: "string", jsonPath: ".status.phase" },
    { name: "Outcome", type: "string", jsonPath: ".status.verdict.outcome" },
    { name: "Reason", type: "string", jsonPath: ".status.reason" },
    { name: "Message", type: "string", jsonPath: ".status.message", priority: 1 },
    { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" },
  ],
};

/** What is rehearsed, and by what it is judged. */
export type FailoverDrillSpec = Type.Static<typeof failoverDrillSpecSchema>;
/** What a drill does to its target. */
export type FaultType = (typeof FAULT_TYPES)[number];
