/**
 * Reads a FailoverDrill as the API server stores it.
 *
 * One that does not fit the schema (it was made by a later version) counts for nothing: of a drill that is not understood
 * nothing is asked of anybody.
 */
import { Compile } from "typebox/compile";
import { failoverDrillStatusSchema } from "../../api/drill-status.ts";
import { type FailoverDrillSpec, failoverDrillSpecSchema } from "../../api/failover-drill.ts";
import { asRecord, asString } from "../../api/json.ts";
import type { KubeObject } from "../../api/kube-object.ts";
import { settingsProblem } from "../../core/drill/drill-settings.ts";
import { settingsOfDrill } from "../../core/drill/settings-of-drill.ts";
import type { ObservedDrill } from "../../core/observation.ts";
import { FAULTS } from "../../faults/register.ts";

const specCheck = Compile(failoverDrillSpecSchema);
const statusCheck = Compile(failoverDrillStatusSchema);

/** A FailoverDrill in the cache. */
export interface DrillSummary {
  readonly namespace: string;
  readonly uid: string;
  readonly generation: number;
  readonly creationTimestamp: string;
  /** Name of its ModelDeployment; absent when it names none. */
  readonly modelDeployment?: string;
  /** Uid of the one that it belongs to; absent where a person made it. */
  readonly ownerUid?: string;
  /** What a decision sees of it; absent when it is not understood. */
  readonly observed?: ObservedDrill;
}

/** Projects a FailoverDrill. */
export function projectDrill(object: KubeObject): DrillSummary {
  const {
    namespace = "",
    uid = "",
    generation = 1,
    creationTimestamp = "",
    ownerReferences,
  } = object.metadata;
  const modelDeployment = asString(asRecord(object["spec"])?.["modelDeployment"]);
  const ownerUid = ownerReferences?.find(({ controller }) => controller === true)?.uid;
  const observed = observe(object);
  return {
    namespace,
    uid,
    generation,
    creationTimestamp,
    ...(modelDeployment === undefined ? {} : { modelDeployment }),
    ...(ownerUid === undefined ? {} : { ownerUid }),
    ...(observed === undefined ? {} : { observed }),
  };
}

function observe({ metadata, spec, status = {} }: KubeObject): ObservedDrill | undefined {
  const { name, uid, resourceVersion, generation = 1, deletionTimestamp } = metadata;
  if (uid === undefined || resourceVersion === undefined) return undefined;
  if (!specCheck.Check(spec) || !statusCheck.Check(status)) return undefined;
  const read = readSpec(spec);
  if (read === undefined) return undefined;
  const isLeaving = deletionTimestamp !== undefined;
  return { name, uid, resourceVersion, generation, isLeaving, spec, status, ...read };
}

/** Undefined where a text in it is not what it has to be: the rules of the schema let none of these in. */
function readSpec(
  spec: FailoverDrillSpec,
): Pick<ObservedDrill, "settings" | "effect" | "problem"> | undefined {
  const { type, pool: _pool, ...faultSettings } = spec.fault;
  try {
    const settings = settingsOfDrill(spec);
    const problem = settingsProblem(settings);
    const effect = FAULTS[type].plan(faultSettings);
    return { settings, effect, ...(problem === undefined ? {} : { problem }) };
  } catch {
    return undefined;
  }
}
