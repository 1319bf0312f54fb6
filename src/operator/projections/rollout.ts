/**
 * Reads a ModelRollout as the API server stores it.
 *
 * One that does not fit the schema (it was made by a later version) is kept as an object that stands, and counts for
 * nothing else: a release that is not understood gives nobody traffic.
 */
import { Compile } from "typebox/compile";
import type { KubeObject } from "../../api/kube-object.ts";
import { modelRolloutSpecSchema } from "../../api/model-rollout-spec.ts";
import { modelRolloutStatusSchema } from "../../api/model-rollout-status.ts";
import type { ObservedRollout } from "../../core/observation.ts";

const specCheck = Compile(modelRolloutSpecSchema);
const statusCheck = Compile(modelRolloutStatusSchema);

/** A ModelRollout in the cache. */
export interface RolloutSummary {
  /** The object without `status` and `metadata.managedFields`. */
  readonly object: KubeObject;
  /** What a decision sees of it; absent when it does not fit the schema. */
  readonly observed?: ObservedRollout;
}

/** Projects a ModelRollout. */
export function projectRollout(object: KubeObject): RolloutSummary {
  const { managedFields: _owners, ...metadata } = object.metadata;
  const { status = {}, ...rest } = object;
  const observed = observe(metadata, object["spec"], status);
  return { object: { ...rest, metadata }, ...(observed === undefined ? {} : { observed }) };
}

function observe(
  { name, uid, resourceVersion, generation = 1 }: KubeObject["metadata"],
  spec: unknown,
  status: unknown,
): ObservedRollout | undefined {
  if (uid === undefined || resourceVersion === undefined) return undefined;
  if (!specCheck.Check(spec) || !statusCheck.Check(status)) return undefined;
  return { name, uid, resourceVersion, generation, spec, status };
}
