/**
 * What the API server does of itself for each kind that Petrel touches: subresources, generation, defaults.
 */

import { failoverDrillKind } from "../../src/api/failover-drill.ts";
import { isRecord, type JsonRecord } from "../../src/api/json.ts";
import { modelDeploymentKind } from "../../src/api/model-deployment.ts";
import { modelExperimentKind } from "../../src/api/model-experiment.ts";
import { modelRolloutKind } from "../../src/api/model-rollout.ts";
import { merge } from "./structured-merge.ts";

/** Behaviour of one kind. */
export interface KindBehaviour {
  /** `status` is written through its subresource alone. */
  readonly hasStatus: boolean;
  /** Has a `/scale` on `spec.replicas` that can be applied to. */
  readonly hasScale: boolean;
  /** Counts changes outside `metadata` and `status` in `metadata.generation`. */
  readonly hasGeneration: boolean;
  /** The object's fields other than metadata, with the API's defaults in place. */
  readonly withDefaults: (fields: Readonly<Record<string, unknown>>) => Readonly<Record<string, unknown>>;
  /** A deleted object stays, with a deletionTimestamp, until its node confirms: pods that were scheduled. */
  readonly waitsForNode: boolean;
}

const PLAIN: KindBehaviour = {
  hasStatus: false,
  hasScale: false,
  hasGeneration: false,
  withDefaults: (fields) => fields,
  waitsForNode: false,
};

/** Only the defaults that something in Petrel depends on; the real API server has many more. */
const DEPLOYMENT_DEFAULTS = { spec: { replicas: 1, revisionHistoryLimit: 10, progressDeadlineSeconds: 600 } };

const BEHAVIOURS: Readonly<Record<string, Partial<KindBehaviour>>> = {
  Deployment: {
    hasStatus: true,
    hasScale: true,
    hasGeneration: true,
    withDefaults: (fields) => underlaid(fields, DEPLOYMENT_DEFAULTS),
  },
  ModelDeployment: {
    // Its /scale takes updates and patches, but no server-side apply: kube-apiserver 1.35 answers 500 (failed
    // to convert a custom resource to autoscaling/v1).
    hasStatus: true,
    hasGeneration: true,
    withDefaults: (fields) => withSchemaDefaults(modelDeploymentKind.schema, fields),
  },
  ModelRollout: {
    hasStatus: true,
    hasGeneration: true,
    withDefaults: (fields) => withSchemaDefaults(modelRolloutKind.schema, fields),
  },
  ModelExperiment: {
    hasStatus: true,
    hasGeneration: true,
    withDefaults: (fields) => withSchemaDefaults(modelExperimentKind.schema, fields),
  },
  FailoverDrill: {
    hasStatus: true,
    hasGeneration: true,
    withDefaults: (fields) => withSchemaDefaults(failoverDrillKind.schema, fields),
  },
  Pod: { hasStatus: true, hasGeneration: true, waitsForNode: true },
  Service: { hasStatus: true },
  PodDisruptionBudget: { hasStatus: true, hasGeneration: true },
  EndpointSlice: { hasGeneration: true },
};

const BEHAVIOUR_OF = new Map(
  Object.entries(BEHAVIOURS).map(([kind, behaviour]): [string, KindBehaviour] => [
    kind,
    { ...PLAIN, ...behaviour },
  ]),
);

/** Behaviour of a kind; that of an object without subresources for one that is not listed. */
export function behaviourOf(kind: string): KindBehaviour {
  return BEHAVIOUR_OF.get(kind) ?? PLAIN;
}

function underlaid(
  fields: Readonly<Record<string, unknown>>,
  defaults: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const merged = merge(defaults, fields);
  return isRecord(merged) ? merged : fields;
}

/** Puts the `default`s of a structural schema in, as the API server does for custom resources. */
function withSchemaDefaults(
  schema: unknown,
  fields: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const filled = defaulted(schema, fields);
  return isRecord(filled) ? filled : fields;
}

/** Values that have their defaults already, with the schema that they were filled in by. */
const filledIn = new WeakMap<object, unknown>();

function defaulted(schema: unknown, value: unknown): unknown {
  if (!isRecord(schema) || typeof value !== "object" || value === null) return value;
  if (filledIn.get(value) === schema) return value;
  const filled = withMemberDefaults(schema, value);
  if (typeof filled === "object" && filled !== null) filledIn.set(filled, schema);
  return filled;
}

function withMemberDefaults(schema: JsonRecord, value: object): unknown {
  if (Array.isArray(value)) return value.map((item: unknown) => defaulted(schema["items"], item));
  if (!isRecord(value)) return value;
  const result: Record<string, unknown> = { ...value };
  const properties = isRecord(schema["properties"]) ? schema["properties"] : {};
  for (const [name, property] of Object.entries(properties)) {
    const present = result[name] ?? (isRecord(property) ? property["default"] : undefined);
    if (present !== undefined) result[name] = defaulted(property, present);
  }
  return result;
}
