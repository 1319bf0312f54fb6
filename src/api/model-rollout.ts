/**
 * The kind ModelRollout: one release of one model revision of a ModelDeployment.
 *
 * The operator makes it and reports in its status; people act on it by its spec. Git does not own it, so nothing
 * reverts what a person decides. What the operator wrote into the spec is for good: a release is carried out as it
 * was begun. Once it is over, it is kept as history.
 */
import Type from "typebox";
import type { KindDefinition } from "./kind.ts";
import { modelRolloutSpecSchema } from "./model-rollout-spec.ts";
import { modelRolloutStatusSchema } from "./model-rollout-status.ts";

const FIXED_FIELDS = ["modelDeployment", "revision", "number", "strategy"] as const;
const FIXED_OR_ABSENT = ["gates", "holdback", "maturities"] as const;

/** The kind `ModelRollout`. */
export const modelRolloutKind: KindDefinition = {
  kind: "ModelRollout",
  plural: "modelrollouts",
  singular: "modelrollout",
  shortNames: ["mrol"],
  categories: ["petrel"],
  description:
    "One release of one model revision: its steps, and what came of it. The operator makes it; people pause, approve, promote or abort it.",
  schema: Type.Object({
    spec: modelRolloutSpecSchema,
    status: Type.Optional(modelRolloutStatusSchema),
  }),
  rules: [],
  specRules: [
    ...FIXED_FIELDS.map((field) => ({ field, rule: `self.${field} == oldSelf.${field}` })),
    ...FIXED_OR_ABSENT.map((field) => ({
      field,
      rule: `has(self.${field}) == has(oldSelf.${field}) && (!has(self.${field}) || self.${field} == oldSelf.${field})`,
    })),
  ].map(({ field, rule }) => ({
    rule,
    message: `spec.${field}: is for good; change the spec of the ModelDeployment for another release`,
  })),
  columns: [
    { name: "Deployment", type: "string", jsonPath: ".spec.modelDeployment" },
    { name: "Phase", type: "string", jsonPath: ".status.phase" },
    { name: "Step", type: "integer", jsonPath: ".status.step" },
    { name: "Of", type: "integer", jsonPath: ".status.steps" },
    { name: "Weight", type: "string", jsonPath: ".status.weight" },
    { name: "Revision", type: "string", jsonPath: ".spec.revision" },
    { name: "Message", type: "string", jsonPath: ".status.message", priority: 1 },
    { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" },
  ],
};
