/**
 * The kind ModelExperiment: an A/B/n test of models beside the stable revision of a ModelDeployment.
 *
 * People write it, or Git does; the operator reports in its status. What it says is for good but for its end: an experiment
 * that changes on the way has no result. It promotes nothing by itself, and what it found stays readable once it is over.
 */
import Type from "typebox";
import { EXPERIMENT_ARMS } from "./arm.ts";
import { modelExperimentStatusSchema } from "./experiment-status.ts";
import type { KindDefinition } from "./kind.ts";
import { modelSourceSchema } from "./model-source.ts";
import { percentageSchema } from "./percentage.ts";
import { qualityNameSchema } from "./quality-metrics.ts";
import { MAXIMUM_REASON_LENGTH } from "./reason.ts";
import { type CelRule, dnsLabelSchema, durationSchema, objectNameSchema } from "./schema.ts";

/** Longest `spec.duration`, in hours: with the slowest label of the metrics it must end before the evidence does. */
const LONGEST_DURATION_HOURS = 720;
/** Most guardrails. */
const MAXIMUM_GUARDRAILS = 8;

const armSchema = Type.Object(
  {
    name: dnsLabelSchema(20, "Name of the arm, for people."),
    weight: percentageSchema("Share of the requests that it answers, more than 0%."),
    model: modelSourceSchema,
  },
  {
    description:
      "One model that is compared with the stable one. It runs as stable does, in the first pool that has no model of its own, with the replicas for its share, and stable's pools behind it.",
  },
);

const metricSchema = (description: string) =>
  Type.Object(
    { metric: qualityNameSchema("Name of one of `spec.quality.metrics` of the ModelDeployment.") },
    { description },
  );

/** JSON Schema of the spec. */
export const modelExperimentSpecSchema = Type.Object(
  {
    modelDeployment: objectNameSchema("Name of the ModelDeployment, in the same namespace."),
    arms: Type.Array(armSchema, {
      minItems: 1,
      maxItems: EXPERIMENT_ARMS.length,
      "x-kubernetes-list-type": "map",
      "x-kubernetes-list-map-keys": ["name"],
      description: "What is compared with the stable revision, which is the control.",
    }),
    holdout: Type.Optional(
      percentageSchema(
        "Share of the requests that the stable revision answers outside of the experiment: no control, and in no comparison. The control has what this and the arms leave.",
      ),
    ),
    primary: metricSchema("What the experiment is to decide by. Each arm is compared with the control."),
    guardrails: Type.Optional(
      Type.Array(metricSchema("What no arm may harm."), {
        minItems: 1,
        maxItems: MAXIMUM_GUARDRAILS,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["metric"],
        description: "Harm that is shown in one of these, or in the primary metric, ends the experiment.",
      }),
    ),
    duration: durationSchema({
      description: `How long the arms have their shares, from 1m to ${LONGEST_DURATION_HOURS}h, counted from when they get them first. It does not end earlier because one arm is better. Then labels still come until the slowest has had its time.`,
    }),
    stopped: Type.Optional(
      Type.Boolean({ description: "Written by people: ends the experiment, for good, once it is true." }),
    ),
    reason: Type.Optional(
      Type.String({
        maxLength: MAXIMUM_REASON_LENGTH,
        description: "Written by people: why it was stopped, for others to read.",
      }),
    ),
  },
  { description: "What is compared, by what, and for how long." },
);

const weight = (text: string) => `double(${text}.replace('%', ''))`;
const FIXED_FIELDS = ["modelDeployment", "primary", "duration"] as const;
const FIXED_OPTIONAL_FIELDS = ["holdout", "guardrails"] as const;

const fixedRules: readonly CelRule[] = [
  ...FIXED_FIELDS.map((field) => ({ field, rule: `self.${field} == oldSelf.${field}` })),
  // Lists with keys are equal in any order, but by their order routers know the arms.
  {
    field: "arms",
    rule: "self.arms == oldSelf.arms && self.arms.map(a, a.name) == oldSelf.arms.map(a, a.name)",
  },
  ...FIXED_OPTIONAL_FIELDS.map((field) => ({
    field,
    rule: `has(self.${field}) == has(oldSelf.${field}) && (!has(self.${field}) || self.${field} == oldSelf.${field})`,
  })),
].map(({ field, rule }) => ({
  rule,
  message: `spec.${field}: is for good; an experiment that changes on the way has no result: make another one`,
}));

/** The kind `ModelExperiment`. */
export const modelExperimentKind: KindDefinition = {
  kind: "ModelExperiment",
  plural: "modelexperiments",
  singular: "modelexperiment",
  shortNames: ["mexp"],
  categories: ["petrel"],
  description:
    "An A/B/n test of models beside the stable revision of a ModelDeployment. It ends by itself, promotes nothing, and keeps its result.",
  schema: Type.Object({
    spec: modelExperimentSpecSchema,
    status: Type.Optional(modelExperimentStatusSchema),
  }),
  rules: [],
  specRules: [
    {
      rule: `self.arms.all(a, ${weight("a.weight")} > 0.0)`,
      message: "spec.arms[].weight: must be more than 0%",
    },
    {
      // The least that can be left is 0.01%, and a binary sum of what is all may be a little less than 100.
      rule: `self.arms.map(a, ${weight("a.weight")}).sum() + (has(self.holdout) ? ${weight("self.holdout")} : 0.0) < 99.995`,
      message:
        "spec.arms[].weight: must leave something for the control; make the arms and the holdout less than 100% together",
    },
    {
      rule: `!has(self.holdout) || ${weight("self.holdout")} > 0.0`,
      message: "spec.holdout: must be more than 0%; leave it out for none",
    },
    {
      rule: "self.arms.all(a, has(a.model.digest) || a.model.uri.startsWith('oci://'))",
      message:
        "spec.arms[].model.digest: what this URI names can change; state the digest of the model (petrel digest PATH prints it)",
    },
    {
      rule: "self.arms.all(a, !has(a.model.archive) || !a.model.uri.startsWith('oci://'))",
      message: "spec.arms[].model.archive: an image holds the model as files; remove archive",
    },
    {
      rule: "!has(self.guardrails) || self.guardrails.all(g, g.metric != self.primary.metric)",
      message: "spec.guardrails[].metric: must be another metric than spec.primary, which is guarded already",
    },
    {
      rule: `duration(self.duration) >= duration('1m') && duration(self.duration) <= duration('${LONGEST_DURATION_HOURS}h')`,
      message: `spec.duration: must be from 1m to ${LONGEST_DURATION_HOURS}h`,
    },
    ...fixedRules,
    {
      rule: "!has(oldSelf.stopped) || !oldSelf.stopped || (has(self.stopped) && self.stopped)",
      message: "spec.stopped: what was stopped stays so; make another experiment",
    },
  ],
  columns: [
    { name: "Deployment", type: "string", jsonPath: ".spec.modelDeployment" },
    { name: "Phase", type: "string", jsonPath: ".status.phase" },
    { name: "Reason", type: "string", jsonPath: ".status.reason" },
    { name: "Ends", type: "string", jsonPath: ".status.endsAt" },
    { name: "Message", type: "string", jsonPath: ".status.message", priority: 1 },
    { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" },
  ],
};

/** What is compared, by what, and for how long. */
export type ModelExperimentSpec = Type.Static<typeof modelExperimentSpecSchema>;
