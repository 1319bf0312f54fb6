/**
 * Reads a ModelDeployment as the API server stores it.
 *
 * It is checked against the schema as a whole: after a downgrade of the CRD, or of the operator, fields may be
 * missing or mean something else, and deciding on them would be a guess.
 */
import { Compile } from "typebox/compile";
import type { KubeObject } from "../../api/kube-object.ts";
import type { ModelDeployment } from "../../api/model-deployment.ts";
import { modelDeploymentSpecSchema } from "../../api/model-deployment-spec.ts";
import { modelDeploymentStatusSchema } from "../../api/model-deployment-status.ts";

const specCheck = Compile(modelDeploymentSpecSchema);
const statusCheck = Compile(modelDeploymentStatusSchema);

/** A ModelDeployment, or what is wrong with it. */
export type ReadModelDeployment =
  | { readonly namespace: string; readonly deployment: ModelDeployment }
  | { readonly namespace: string; readonly deployment?: undefined; readonly problem: string };

/** Reads and checks a ModelDeployment. */
export function readModelDeployment(object: KubeObject): ReadModelDeployment {
  const { metadata, spec } = object;
  const { namespace = "" } = metadata;
  const status = object["status"] ?? {};
  if (!specCheck.Check(spec)) return { namespace, problem: firstError("spec", specCheck.Errors(spec)) };
  if (!statusCheck.Check(status))
    return { namespace, problem: firstError("status", statusCheck.Errors(status)) };
  const { name, uid, generation, resourceVersion, creationTimestamp, deletionTimestamp } = metadata;
  if (
    uid === undefined ||
    generation === undefined ||
    resourceVersion === undefined ||
    creationTimestamp === undefined
  ) {
    return { namespace, problem: "metadata lacks a field that the API server always sets" };
  }
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
      },
      spec,
      status,
    },
  };
}

function firstError(part: string, errors: readonly { instancePath: string; message: string }[]): string {
  const [error] = errors;
  return error === undefined
    ? `${part} does not fit the schema`
    : `${part}${error.instancePath}: ${error.message}`;
}
