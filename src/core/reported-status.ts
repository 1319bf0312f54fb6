/**
 * The status of a ModelDeployment, put together from what the planners have decided.
 *
 * It must never say anything of its own: each part is of one planner.
 */
import {
  MAXIMUM_REFRESH_LENGTH,
  type ModelDeploymentStatus,
  type PoolStatus,
} from "../api/model-deployment-status.ts";
import { ANNOTATION, LABEL } from "../api/names.ts";
import { reportedMessage } from "./conditions/condition-words.ts";
import { type Plans, planConditions } from "./conditions/plan-conditions.ts";
import { shortageOf } from "./conditions/shortage.ts";
import { standbyStatus } from "./conditions/standby-finding.ts";
import type { Observation } from "./observation.ts";
import type { PlannedPods } from "./pods/plan-pods.ts";
import { podsOf, readyReplicas } from "./readiness.ts";
import { servedRevisions } from "./revision/served-revisions.ts";
import { leadingRevision } from "./rollout/leading-revision.ts";
import { acknowledgedEpoch } from "./traffic/acknowledged-epoch.ts";

function poolStatus(observation: Observation, planned: PlannedPods): PoolStatus {
  const { revision, pool, replicas } = planned.servers;
  const ready = readyReplicas(observation, revision.name, pool.name);
  const shortage = shortageOf(observation, planned);
  return {
    name: pool.name,
    revision: revision.name,
    replicas,
    readyReplicas: Math.min(ready, replicas),
    ...(shortage === undefined ? {} : { message: reportedMessage(shortage.message) }),
  };
}

/**
 * What autoscalers read: the pods of the first pool of what serves, so that a candidate never moves the average. While the
 * traffic goes back from a holdback that is both revisions: either alone would seem to need the less the more it has lost.
 */
function scaleStatus(observation: Observation, { revisions, rollout }: Pick<Plans, "revisions" | "rollout">) {
  const firstPool = observation.deployment.spec.pools[0]?.name ?? "";
  const isReturning = rollout.holdback?.phase === "Returning";
  const { stable, candidate } = revisions;
  const both = [stable, ...(candidate === undefined ? [] : [candidate])];
  const counted = isReturning ? both : [leadingRevision(revisions, rollout)];
  const [only] = counted;
  return {
    replicas: counted.reduce((sum, { name }) => sum + podsOf(observation, name, firstPool).length, 0),
    selector: [
      `${LABEL.modelDeployment}=${observation.deployment.metadata.name}`,
      `${LABEL.pool}=${firstPool}`,
      ...(isReturning || only === undefined ? [] : [`${LABEL.modelRevision}=${only.name}`]),
    ].join(","),
  };
}

/** The request to refresh that was seen. A text that is too long to be reported is obeyed all the same. */
function refreshStatus({ deployment }: Observation): Pick<ModelDeploymentStatus, "observedRefresh"> {
  const token = deployment.metadata.annotations?.[ANNOTATION.refresh];
  return token === undefined || token.length > MAXIMUM_REFRESH_LENGTH ? {} : { observedRefresh: token };
}

/** The status. */
export function reportedStatus(observation: Observation, plans: Plans): ModelDeploymentStatus {
  const { anomalies, undo, autoscaling, revisions, validation, rollout, experiment, drill, pods, traffic } =
    plans;
  const { stable } = revisions;
  const standby = standbyStatus(observation, plans);
  const served = servedRevisions(observation.deployment.status, observation.revisions, { stable, traffic });
  return {
    observedGeneration: observation.deployment.metadata.generation,
    ...refreshStatus(observation),
    ...scaleStatus(observation, plans),
    conditions: planConditions(observation, plans),
    revisions: {
      stable: revisions.stable.name,
      ...(revisions.candidate === undefined ? {} : { candidate: revisions.candidate.name }),
      ...(revisions.next === undefined ? {} : { next: revisions.next.revision.name }),
    },
    ...(served === undefined ? {} : { served }),
    ...(undo.status === undefined ? {} : { undo: undo.status }),
    ...(validation.status === undefined ? {} : { validation: validation.status }),
    ...(anomalies.status === undefined ? {} : { anomalies: anomalies.status }),
    ...(autoscaling.status === undefined ? {} : { autoscaling: autoscaling.status }),
    ...(standby === undefined ? {} : { standby }),
    ...(rollout.reference === undefined ? {} : { rollout: rollout.reference }),
    ...(experiment.reference === undefined ? {} : { experiment: experiment.reference }),
    ...(drill.reference === undefined ? {} : { drill: drill.reference }),
    pools: pods.pods.map((planned) => poolStatus(observation, planned)),
    traffic,
    acknowledgedEpoch: acknowledgedEpoch(observation),
  };
}
