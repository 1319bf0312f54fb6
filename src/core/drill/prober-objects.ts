/**
 * What the prober of a drill is made of. A Job cannot be changed: one that stands is left as it is.
 */
import type { KubeObject } from "../../api/kube-object.ts";
import { proberJob, probersPolicy } from "../../render/prober.ts";
import { probersGroupName } from "../child-names.ts";
import type { Observation } from "../observation.ts";
import { PROBE_LIMIT_MILLISECONDS } from "./advance-drill.ts";
import type { DrillPlan } from "./plan-drill.ts";

/** The Job, and who may ask it; nothing while no probes are to run. */
export function proberObjects(
  { deployment, settings, probers = [] }: Observation,
  { prober }: Pick<DrillPlan, "prober">,
): readonly KubeObject[] {
  if (prober === undefined) return [];
  const { metadata, spec } = deployment;
  const { job, drill, key, longestMilliseconds } = prober;
  const { imagePullSecrets } = spec;
  const policy = probersPolicy(metadata, probersGroupName(metadata.name), settings.operatorPods);
  if (probers.includes(job)) return [policy];
  return [
    policy,
    proberJob({
      owner: metadata,
      name: job,
      drill,
      key,
      longestMilliseconds,
      startMilliseconds: PROBE_LIMIT_MILLISECONDS,
      image: settings.image,
      imagePullPolicy: settings.imagePullPolicy,
      ...(imagePullSecrets === undefined ? {} : { imagePullSecrets }),
    }),
  ];
}
