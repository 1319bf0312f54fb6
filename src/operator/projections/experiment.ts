/**
 * Reads a ModelExperiment as the API server stores it.
 *
 * One that does not fit the schema (it was made by a later version) counts for nothing: an experiment that is not understood
 * gives nobody traffic.
 */
import { Compile } from "typebox/compile";
import { modelExperimentStatusSchema } from "../../api/experiment-status.ts";
import { asRecord, asString } from "../../api/json.ts";
import type { KubeObject } from "../../api/kube-object.ts";
import { modelExperimentSpecSchema } from "../../api/model-experiment.ts";
import type { ObservedExperiment } from "../../core/observation.ts";

const specCheck = Compile(modelExperimentSpecSchema);
const statusCheck = Compile(modelExperimentStatusSchema);

/** A ModelExperiment in the cache. */
export interface ExperimentSummary {
  readonly namespace: string;
  readonly generation: number;
  /** Name of its ModelDeployment; absent when it names none. */
  readonly modelDeployment?: string;
  readonly isLeaving: boolean;
  /** What a decision sees of it; absent when it does not fit the schema. */
  readonly observed?: ObservedExperiment;
}

/** Projects a ModelExperiment. */
export function projectExperiment(object: KubeObject): ExperimentSummary {
  const { namespace = "", generation = 1, deletionTimestamp } = object.metadata;
  const modelDeployment = asString(asRecord(object["spec"])?.["modelDeployment"]);
  const observed = observe(object);
  return {
    namespace,
    generation,
    isLeaving: deletionTimestamp !== undefined,
    ...(modelDeployment === undefined ? {} : { modelDeployment }),
    ...(observed === undefined ? {} : { observed }),
  };
}

function observe({ metadata, spec, status = {} }: KubeObject): ObservedExperiment | undefined {
  const { name, uid, resourceVersion, generation = 1, creationTimestamp = "" } = metadata;
  if (uid === undefined || resourceVersion === undefined) return undefined;
  if (!specCheck.Check(spec) || !statusCheck.Check(status)) return undefined;
  return { name, uid, resourceVersion, generation, creationTimestamp, spec, status };
}
