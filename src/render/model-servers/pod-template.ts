/**
 * The pods of one model revision in one pool: an init container that fetches and verifies the model, and the model
 * server.
 *
 * Any change here makes another template for the same ModelDeployment. Pods that stand keep the one that they were
 * made from until a person asks for another (`core/pods`), so routers and operators meet pods of earlier templates.
 */
import { contentHash } from "../../api/content-hash.ts";
import type { JsonRecord } from "../../api/json.ts";
import { LABEL } from "../../api/names.ts";
import { podSecurityContext } from "../pod-security.ts";
import { topologySpread } from "../topology-spread.ts";
import { fetchContainer } from "./fetch-container.ts";
import { fetchVolumes } from "./fetch-volumes.ts";
import { foreignContainer, foreignVolumes } from "./foreign-container.ts";
import { type ModelServersInput, modelServerLabels } from "./model-servers-input.ts";
import { modelVolume } from "./model-volume.ts";
import { poolPlacement } from "./pod-placement.ts";
import { serveContainer } from "./serve-container.ts";
import { sidecarContainers, sidecarVolumes } from "./sidecar-container.ts";
import { sidecarAnnotations } from "./sidecar-files.ts";
import { tokenVolumes } from "./token-key.ts";

/** The template of the pods. By a label with its own hash, a pod tells which template it was made from. */
export function modelServersTemplate(input: ModelServersInput): JsonRecord {
  const template = templateWithoutHash(input);
  const labels = { ...template.metadata.labels, [LABEL.podTemplate]: contentHash(template) };
  return { ...template, metadata: { ...template.metadata, labels } };
}

function templateWithoutHash(input: ModelServersInput) {
  const { pool } = input;
  const { container } = input.runtime;
  const labels = modelServerLabels(input.owner, input.revision, pool.name);
  return {
    // The uid tells the pods of a deleted ModelDeployment from those of a new one with the same name.
    metadata: {
      labels: { ...labels, [LABEL.modelDeploymentUid]: input.owner.uid },
      ...sidecarAnnotations(input),
    },
    spec: {
      serviceAccountName: input.serviceAccountName,
      ...(input.imagePullSecrets === undefined ? {} : { imagePullSecrets: input.imagePullSecrets }),
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      securityContext: podSecurityContext,
      terminationGracePeriodSeconds: 60,
      ...topologySpread(labels),
      ...poolPlacement(pool),
      initContainers: [fetchContainer(input), ...sidecarContainers(input)],
      containers: [container === undefined ? serveContainer(input) : foreignContainer(input, container)],
      volumes: [
        modelVolume(input.model),
        ...fetchVolumes(input).map(({ volume }) => volume),
        ...(container === undefined ? [] : foreignVolumes),
        ...tokenVolumes(input),
        ...sidecarVolumes(input),
      ],
    },
  };
}
