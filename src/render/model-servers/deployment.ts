/**
 * The Deployment of one model revision in one pool, around a pod template that is given.
 *
 * Its `replicas` are only in the object while nobody else owns the field: they are set through `/scale`.
 */
import type { JsonRecord } from "../../api/json.ts";
import type { KubeObject } from "../../api/kube-object.ts";
import { ANNOTATION } from "../../api/names.ts";
import type { PoolSpec } from "../../api/pool.ts";
import { childMetadata, type Owner } from "../child-metadata.ts";
import { modelServerLabels } from "./model-servers-input.ts";
import { type Replacement, updateStrategy } from "./pod-placement.ts";

/** What the Deployment is made from. */
export interface ModelServersDeploymentInput {
  readonly owner: Owner;
  /** Name of the Deployment. */
  readonly name: string;
  /** Name of the ControllerRevision that keeps the model revision. */
  readonly revision: string;
  readonly pool: PoolSpec;
  /** Name of the ControllerRevision that keeps the template. */
  readonly podRevision: string;
  readonly template: JsonRecord;
  readonly replacement: Replacement;
  /** Value of `spec.replicas`; absent when another field manager owns it. */
  readonly replicas?: number;
}

/** The Deployment of one model revision in one pool. */
export function modelServersDeployment(input: ModelServersDeploymentInput): KubeObject {
  const labels = modelServerLabels(input.owner, input.revision, input.pool.name);
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: {
      ...childMetadata(input.owner, input.name, labels),
      // Here and not in the template, where a change would restart the pods.
      annotations: { [ANNOTATION.podRevision]: input.podRevision },
    },
    spec: {
      ...(input.replicas === undefined ? {} : { replicas: input.replicas }),
      selector: { matchLabels: labels },
      strategy: updateStrategy(input.replacement),
      revisionHistoryLimit: 2,
      template: input.template,
    },
  };
}
