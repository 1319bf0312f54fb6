/**
 * The kinds whose manifests are judged: the schema and the rules of each as the API server has them, and its lints. Pure.
 */

import type { TSchema } from "typebox";
import { Compile } from "typebox/compile";
import { customResourceDefinition } from "../../api/crd.ts";
import { failoverDrillKind, failoverDrillSpecSchema } from "../../api/failover-drill.ts";
import { asList, asRecord, valueAt } from "../../api/json.ts";
import type { KindDefinition } from "../../api/kind.ts";
import { modelDeploymentKind } from "../../api/model-deployment.ts";
import { type ModelDeploymentSpec, modelDeploymentSpecSchema } from "../../api/model-deployment-spec.ts";
import { modelExperimentKind, modelExperimentSpecSchema } from "../../api/model-experiment.ts";
import { modelRolloutKind } from "../../api/model-rollout.ts";
import { modelRolloutSpecSchema } from "../../api/model-rollout-spec.ts";
import type { Finding, Problem } from "./finding.ts";
import { gatePlans, type StatedTraffic } from "./gate-plans.ts";
import { LINTS } from "./lint/register.ts";
import type { SchemaNode } from "./structural-schema.ts";

/** What is said about one object. */
export interface Judged {
  readonly severity: Finding["severity"];
  readonly check: string;
  readonly problem: Problem;
}

/** One kind. */
export interface KnownKind {
  readonly definition: KindDefinition;
  readonly specNode: SchemaNode;
  /** Whether a spec, its defaults filled in, is one that the programs of Petrel can read. */
  readonly fits: (spec: unknown) => boolean;
  /** What is legal and unwise about a spec that fits; with traffic that is stated, what its gates need. */
  readonly remarks: (
    spec: unknown,
    ignoredLints: ReadonlySet<string>,
    traffic: StatedTraffic | undefined,
  ) => readonly Judged[];
}

const deploymentCheck = Compile(modelDeploymentSpecSchema);

/** All of them. */
export const KNOWN_KINDS: readonly KnownKind[] = [
  {
    ...checked(modelDeploymentKind, modelDeploymentSpecSchema),
    remarks: (spec, ignored, traffic) =>
      deploymentCheck.Check(spec) ? [...lint(spec, ignored), ...planned(spec, ignored, traffic)] : [],
  },
  { ...checked(modelExperimentKind, modelExperimentSpecSchema), remarks: () => [] },
  { ...checked(failoverDrillKind, failoverDrillSpecSchema), remarks: () => [] },
  // The operator makes it; what people may write there leaves nothing to be unwise about.
  { ...checked(modelRolloutKind, modelRolloutSpecSchema), remarks: () => [] },
];

function checked(
  definition: KindDefinition,
  schema: TSchema,
): Pick<KnownKind, "definition" | "specNode" | "fits"> {
  const versions = asList(valueAt(customResourceDefinition(definition), "spec", "versions"));
  const specNode = asRecord(valueAt(versions[0], "schema", "openAPIV3Schema", "properties", "spec"));
  if (specNode === undefined) throw new Error(`the definition of ${definition.kind} has no schema of a spec`);
  const check = Compile(schema);
  return { definition, specNode, fits: (spec) => check.Check(spec) };
}

function lint(spec: ModelDeploymentSpec, ignored: ReadonlySet<string>): readonly Judged[] {
  return LINTS.filter((one) => !ignored.has(one.name)).flatMap((one) =>
    one.find(spec).map((problem): Judged => ({ severity: "Warning", check: one.name, problem })),
  );
}

function planned(
  spec: ModelDeploymentSpec,
  ignored: ReadonlySet<string>,
  traffic: StatedTraffic | undefined,
): readonly Judged[] {
  return traffic === undefined ? [] : gatePlans(spec, traffic).filter(({ check }) => !ignored.has(check));
}
