/**
 * The kind ModelDeployment as a whole: names, columns, subresources, and the object's type.
 */
import Type from "typebox";
import type { KindDefinition } from "./kind.ts";
import type { ModelDeploymentSpec } from "./model-deployment-spec.ts";
import { modelDeploymentSpecRules, modelDeploymentSpecSchema } from "./model-deployment-spec.ts";
import type { ModelDeploymentStatus } from "./model-deployment-status.ts";
import { modelDeploymentStatusSchema } from "./model-deployment-status.ts";

/** Longest name of a ModelDeployment: it is also the name of a Service. */
const MAX_NAME_LENGTH = 63;

/** The kind `ModelDeployment`. */
export const modelDeploymentKind: KindDefinition = {
  kind: "ModelDeployment",
  plural: "modeldeployments",
  singular: "modeldeployment",
  shortNames: ["mdep"],
  categories: ["petrel"],
  description: "A model that is served: which one, where, by how many replicas, and how requests reach it.",
  schema: Type.Object({
    spec: modelDeploymentSpecSchema,
    status: Type.Optional(modelDeploymentStatusSchema),
  }),
  rules: [
    {
      rule: `self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$') && size(self.metadata.name) <= ${MAX_NAME_LENGTH}`,
      message: `metadata.name: must be a DNS label that starts with a letter, of at most ${MAX_NAME_LENGTH} characters, because a Service gets the same name`,
    },
  ],
  specRules: modelDeploymentSpecRules,
  scale: {
    specReplicasPath: ".spec.replicas",
    statusReplicasPath: ".status.replicas",
    labelSelectorPath: ".status.selector",
  },
  columns: [
    { name: "Ready", type: "string", jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
    { name: "Reason", type: "string", jsonPath: '.status.conditions[?(@.type=="Ready")].reason' },
    // Of stable's first pool, which `spec.replicas` is about: those asked for, by autoscaling too, and those ready.
    { name: "Desired", type: "integer", jsonPath: ".status.pools[0].replicas" },
    { name: "Available", type: "integer", jsonPath: ".status.pools[0].readyReplicas" },
    { name: "Revision", type: "string", jsonPath: ".status.revisions.stable" },
    { name: "Promoted", type: "string", jsonPath: '.status.conditions[?(@.type=="Promoted")].status' },
    { name: "Candidate", type: "string", jsonPath: ".status.revisions.candidate", priority: 1 },
    { name: "Suspended", type: "boolean", jsonPath: ".spec.suspend" },
    { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" },
  ],
};

/** A ModelDeployment as the API server stores it. */
export interface ModelDeployment {
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly uid: string;
    readonly generation: number;
    readonly resourceVersion: string;
    readonly creationTimestamp: string;
    readonly deletionTimestamp?: string;
    /** Those that Petrel reads. */
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec: ModelDeploymentSpec;
  readonly status: ModelDeploymentStatus;
}
