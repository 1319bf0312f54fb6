/**
 * Reads a ModelDeployment as the API server stores it.
 *
 * It is checked against the schema as a whole: after a downgrade of the CRD, or of the operator, fields may be
 * missing or mean something else, and deciding on them would be a guess. Of one that does not fit, what is needed to
 * report that is kept.
 */
import { Compile } from "typebox/compile";
import { authenticationSchema, tlsSchema } from "../../api/authentication.ts";
import { type Credential, credentialsOf, type Door } from "../../api/credential.ts";
import { firstError } from "../../api/first-error.ts";
import { asNumber, valueAt } from "../../api/json.ts";
import type { KubeObject } from "../../api/kube-object.ts";
import type { ModelDeployment } from "../../api/model-deployment.ts";
import { modelDeploymentSpecSchema } from "../../api/model-deployment-spec.ts";
import { modelDeploymentStatusSchema } from "../../api/model-deployment-status.ts";
import { ANNOTATION } from "../../api/names.ts";

const specCheck = Compile(modelDeploymentSpecSchema);
const statusCheck = Compile(modelDeploymentStatusSchema);
const tlsCheck = Compile(tlsSchema);
const authenticationCheck = Compile(authenticationSchema);

/** Annotations by which people ask for something. */
const READ_ANNOTATIONS = [ANNOTATION.refresh, ANNOTATION.retry, ANNOTATION.undo];

/** A ModelDeployment, or what is wrong with it. */
export type ReadModelDeployment =
  | { readonly namespace: string; readonly deployment: ModelDeployment }
  | ({ readonly namespace: string; readonly deployment?: undefined } & UnreadableModelDeployment);

/** A ModelDeployment that does not fit the schema. */
export interface UnreadableModelDeployment {
  /** Which field is not as expected, and how. */
  readonly problem: string;
  readonly metadata: KubeObject["metadata"];
  /** As the API server stores it, whatever it is. */
  readonly status: unknown;
}

/** Reads and checks a ModelDeployment. */
export function readModelDeployment(object: KubeObject): ReadModelDeployment {
  const { metadata, spec } = object;
  const status = object["status"] ?? {};
  const { namespace = "" } = metadata;
  const unreadable = (problem: string): ReadModelDeployment => {
    const { managedFields: _owners, annotations: _annotations, labels: _labels, ...identity } = metadata;
    return { namespace, problem, metadata: identity, status };
  };
  if (!specCheck.Check(spec)) return unreadable(firstError("spec", specCheck.Errors(spec)));
  if (!statusCheck.Check(status)) return unreadable(firstError("status", statusCheck.Errors(status)));
  const { name, uid, generation, resourceVersion, creationTimestamp, deletionTimestamp } = metadata;
  if (
    uid === undefined ||
    generation === undefined ||
    resourceVersion === undefined ||
    creationTimestamp === undefined
  ) {
    return unreadable("metadata lacks a field that the API server always sets");
  }
  const annotations = Object.fromEntries(
    READ_ANNOTATIONS.flatMap((key) => {
      const value = metadata.annotations?.[key];
      return value === undefined ? [] : [[key, value]];
    }),
  );
  return {
    namespace,
    deployment: {
      metadata: {
        name,
        namespace,
        uid,
        generation,
        resourceVersion,
        creationTimestamp,
        ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
        ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
      },
      spec,
      status,
    },
  };
}

/** Its metadata, whether it can be read or not. */
export function metadataOf(read: ReadModelDeployment): KubeObject["metadata"] {
  return (read.deployment ?? read).metadata;
}

/** The traffic port that it holds. One that cannot be read keeps what it has: its plan stands, and routers listen there. */
export function trafficPortOf(read: ReadModelDeployment): number | undefined {
  return asNumber(valueAt((read.deployment ?? read).status, "traffic", "port"));
}

/**
 * What the routers need for it: for the door that the spec asks for, and for the one in the reported plan, which is what
 * they carry out. The two differ for as long as it is suspended or cannot be read.
 */
export function routerCredentials(read: ReadModelDeployment): readonly Credential[] {
  if (read.deployment === undefined) return credentialsOf(standingDoor(valueAt(read.status, "traffic")));
  const { spec, status } = read.deployment;
  return [spec.traffic, status.traffic ?? {}].flatMap(credentialsOf);
}

/**
 * Whether answers are counted: by the spec, or by the plan that the routers carry out. The two differ for as long as it is
 * suspended or cannot be read.
 */
export function countsAnswers(read: ReadModelDeployment): boolean {
  const { status } = read.deployment ?? read;
  return read.deployment?.spec.quality !== undefined || valueAt(status, "traffic", "feedback") !== undefined;
}

/** The door in a plan of which nothing is known: each part that can be understood by itself. */
function standingDoor(plan: unknown): Door {
  const tls = valueAt(plan, "tls");
  const authentication = valueAt(plan, "authentication");
  return {
    ...(tlsCheck.Check(tls) ? { tls } : {}),
    ...(authenticationCheck.Check(authentication) ? { authentication } : {}),
  };
}
