/**
 * Security contexts that satisfy the Pod Security Standard *restricted*, the same for every pod of Petrel.
 */

/** User and group that every Petrel container runs as: `nonroot` of the image. */
export const NON_ROOT_ID = 65_532;

/** Security context of a pod. `fsGroup` makes its volumes writable for the containers. */
export const podSecurityContext = {
  runAsNonRoot: true,
  runAsUser: NON_ROOT_ID,
  runAsGroup: NON_ROOT_ID,
  fsGroup: NON_ROOT_ID,
  seccompProfile: { type: "RuntimeDefault" },
} as const;

/** Security context of a container. */
export const containerSecurityContext = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ["ALL"] },
} as const;
