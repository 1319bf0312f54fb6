/**
 * The objects by which another autoscaler owns the replicas: a HorizontalPodAutoscaler, or a ScaledObject of KEDA.
 *
 * Both target the ModelDeployment itself, through its `scale` subresource as `kubectl autoscale` does, and never a Deployment
 * of model servers: there are several of these during a release, and the operator sizes each. Both have the name of the
 * ModelDeployment, which is the one that `kubectl autoscale` would give, so that a second one meets it and is refused.
 */
import type { AutoscalingSpec } from "../api/autoscaling.ts";
import type { KubeObject } from "../api/kube-object.ts";
import { API_GROUP_VERSION } from "../api/names.ts";
import { childMetadata, type Owner } from "./child-metadata.ts";

/** Between which numbers it moves the replicas; both are 1 or more. */
export interface ReplicaBounds {
  readonly least: number;
  readonly most: number;
}

/** What `kubectl autoscale` asks for as well, when it is told nothing else. In percent of what pods request. */
const DEFAULT_CPU_UTILIZATION = 80;

const DEFAULT_METRICS: NonNullable<NonNullable<AutoscalingSpec["hpa"]>["metrics"]> = [
  {
    type: "Resource",
    resource: {
      name: "cpu",
      target: { type: "Utilization", averageUtilization: DEFAULT_CPU_UTILIZATION },
    },
  },
];

function target({ name }: Owner) {
  return { apiVersion: API_GROUP_VERSION, kind: "ModelDeployment", name };
}

/** The HorizontalPodAutoscaler. */
export function horizontalPodAutoscaler(
  owner: Owner,
  { hpa: { metrics = DEFAULT_METRICS, behavior } = {} }: AutoscalingSpec,
  { least, most }: ReplicaBounds,
): KubeObject {
  return {
    apiVersion: "autoscaling/v2",
    kind: "HorizontalPodAutoscaler",
    metadata: childMetadata(owner, owner.name),
    spec: {
      scaleTargetRef: target(owner),
      minReplicas: least,
      maxReplicas: most,
      metrics,
      ...(behavior === undefined ? {} : { behavior }),
    },
  };
}

/** The ScaledObject. What it leaves when it goes are the replicas that there are: that is KEDA's default. */
export function scaledObject(
  owner: Owner,
  { keda: { triggers, pollingInterval } = { triggers: [] } }: AutoscalingSpec,
  { least, most }: ReplicaBounds,
): KubeObject {
  return {
    apiVersion: "keda.sh/v1alpha1",
    kind: "ScaledObject",
    metadata: childMetadata(owner, owner.name),
    spec: {
      scaleTargetRef: target(owner),
      minReplicaCount: least,
      maxReplicaCount: most,
      ...(pollingInterval === undefined ? {} : { pollingInterval }),
      triggers,
    },
  };
}
