/**
 * Decides about the routers of one namespace: they stand while the namespace has a ModelDeployment, and go
 * when it has none. Pure.
 */
import type { Credential } from "../../api/credential.ts";
import type { KubeObject } from "../../api/kube-object.ts";
import { resourceOf } from "../../api/kube-resources.ts";
import { routerObjects } from "../../render/router.ts";
import type { RemoveIntent } from "../decision.ts";
import type { OperatorSettings } from "../observation.ts";

/** What a decision about a namespace's routers depends on. */
export interface RouterObservation {
  readonly namespace: string;
  /** ModelDeployments of the namespace, those that are being deleted included: they drain through the routers. */
  readonly modelDeploymentCount: number;
  /** `KIND/NAME` of the router objects that stand, with their uids. */
  readonly standing: ReadonlyMap<string, string>;
  /** What the doors of its ModelDeployments need; each once, in a fixed order. */
  readonly credentials: readonly Credential[];
  /** Whether any of them counts what becomes of its predictions; not unless given. */
  readonly isCounting?: boolean;
  readonly settings: OperatorSettings;
}

/** What to write. */
export interface RouterDecision {
  readonly apply: readonly KubeObject[];
  readonly remove: readonly RemoveIntent[];
}

/** Decides about the routers of one namespace. */
export function decideRouters(observation: RouterObservation): RouterDecision {
  const { namespace, settings } = observation;
  const objects = routerObjects({
    namespace,
    replicas: settings.routerReplicas,
    image: settings.image,
    envoyImage: settings.envoyImage,
    imagePullPolicy: settings.imagePullPolicy,
    ...(settings.routerPods === undefined ? {} : { pods: settings.routerPods }),
    credentials: observation.credentials,
    isCounting: observation.isCounting === true,
    role: settings.routerRole,
  });
  if (observation.modelDeploymentCount > 0) return { apply: objects, remove: [] };
  const remove = objects.toReversed().flatMap((object) => {
    const uid = observation.standing.get(`${object.kind}/${object.metadata.name}`);
    if (uid === undefined) return [];
    return [{ reference: { resource: resourceOf(object), name: object.metadata.name, namespace }, uid }];
  });
  return { apply: [], remove };
}
