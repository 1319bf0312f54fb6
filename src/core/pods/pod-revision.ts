/**
 * The pod revision: what only shapes pods, and the pod template that was rendered from it.
 *
 * An operator renders the same inputs to another template than its predecessor did (its own image is in it), and
 * must not restart a pod for that. So the template is kept under the hash of its inputs, and rendered anew only
 * when a person changes an input. What changes predictions is the model revision, and no input here.
 */
import Type from "typebox";
import { contentHash } from "../../api/content-hash.ts";
import type { JsonRecord } from "../../api/json.ts";
import type { ModelDeployment } from "../../api/model-deployment.ts";
import type { ModelDeploymentSpec } from "../../api/model-deployment-spec.ts";
import { ANNOTATION } from "../../api/names.ts";
import type { ScorePlace } from "../../api/observe.ts";
import type { PoolSpec } from "../../api/pool.ts";
import { userHeaderOf } from "../../api/quality.ts";
import { isScoreMetric } from "../../api/quality-metrics.ts";
import type { ObservedRequests } from "../../render/model-servers/sidecar-settings.ts";

/** JSON Schema of what is kept in a ControllerRevision. */
export const podRevisionDataSchema = Type.Object({
  /** Hash of the inputs. */
  inputs: Type.String(),
  template: Type.Unsafe<JsonRecord>({ type: "object" }),
});

/** What is kept in a ControllerRevision. */
export type PodRevisionData = Type.Static<typeof podRevisionDataSchema>;

/**
 * All that a person can say to shape the pods of a pool: everything in the spec but what is known to do something
 * else, so that no new field is forgotten. A request to refresh is an input as well: it is obeyed once.
 *
 * An operator must find the same inputs in the same stored spec as its predecessor did, or its upgrade restarts all
 * pods: every field that gets here is optional, without a default in the schema.
 */
export function podInputs({ metadata, spec }: ModelDeployment, pool: PoolSpec): JsonRecord {
  const {
    model: _model,
    runtime: _runtime,
    replicas: _replicas,
    autoscaling: _autoscaling,
    pools: _pools,
    traffic: _,
    rollout: _release,
    validation: _validation,
    quality,
    suspend: _suspend,
    ...shared
  } = spec;
  const { name: _name, replicas: _size, model: _own, capacity: _capacity, ...own } = pool;
  const refresh = metadata.annotations?.[ANNOTATION.refresh];
  // What is counted shapes no pod; that anything is, gives it a key to sign with.
  const tokens = quality === undefined ? {} : { tokens: true };
  // What is looked at stands in the pod itself.
  const observed = observedRequests(spec);
  const tokenScores = toldScores(spec);
  return {
    shared,
    own,
    ...tokens,
    ...(tokenScores === undefined ? {} : { tokenScores }),
    ...(observed === undefined ? {} : { observed }),
    ...(refresh === undefined ? {} : { refresh }),
  };
}

/** Where the scores are that tokens tell; undefined where no metric reads them. */
export function toldScores({ quality }: ModelDeploymentSpec): ScorePlace | undefined {
  const { response, metrics = [] } = quality ?? {};
  if (response === undefined || !metrics.some(({ type }) => isScoreMetric(type))) return undefined;
  return { output: response.scores, column: response.column ?? 0 };
}

/** What a sidecar looks at; undefined where there is none. */
export function observedRequests(spec: ModelDeploymentSpec): ObservedRequests | undefined {
  const { response, observe, log } = spec.quality ?? {};
  if (observe === undefined) return undefined;
  return { response, observe, userHeader: userHeaderOf(spec), ...(log === undefined ? {} : { log }) };
}

/** The hash by which a template is found again. */
export function podInputsHash(deployment: ModelDeployment, pool: PoolSpec): string {
  return contentHash(podInputs(deployment, pool));
}
