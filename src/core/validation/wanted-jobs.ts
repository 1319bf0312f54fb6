/**
 * The Job of a validation as it has to be made. A Job cannot be changed: one that stands is left as it is.
 */
import type { KubeObject } from "../../api/kube-object.ts";
import { validationJob } from "../../render/validation/validation-job.ts";
import { modelServerAccountName } from "../child-names.ts";
import type { Observation } from "../observation.ts";
import { poolModel } from "../revision/model-revision.ts";
import type { ValidationPlan } from "./plan-validation.ts";

/** The Job, where one has to be made. */
export function wantedJobs(
  { deployment, settings }: Observation,
  { wanted }: ValidationPlan,
): readonly KubeObject[] {
  const { metadata, spec } = deployment;
  const { validation, imagePullSecrets, pools } = spec;
  if (validation === undefined || wanted === undefined) return [];
  // Requests go to the first pool while it is well.
  const firstPool = pools[0]?.name ?? "";
  const { revision, baseline } = wanted;
  return [
    validationJob({
      owner: metadata,
      name: wanted.name,
      validation,
      candidate: poolModel(revision.data, firstPool),
      baseline: baseline === undefined ? undefined : poolModel(baseline.data, firstPool),
      runtime: revision.data.runtime,
      fetch: spec.fetch,
      serviceAccountName: spec.serviceAccountName ?? modelServerAccountName(metadata.name),
      ...(imagePullSecrets === undefined ? {} : { imagePullSecrets }),
      image: settings.image,
      cudaImage: settings.cudaImage ?? settings.image,
      imagePullPolicy: settings.imagePullPolicy,
    }),
  ];
}
