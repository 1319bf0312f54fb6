/**
 * What an installation says about the collectors of all namespaces: where they run, what they reserve, where they keep
 * their evidence. What it does not say is as it would be without.
 */
import Type from "typebox";
import { objectNameSchema } from "../api/schema.ts";
import { quantities } from "./quantities.ts";
import { routerPodsSchema } from "./router-pods.ts";

const { imagePullSecrets, nodeSelector, tolerations, routerResources } = routerPodsSchema.properties;

/** JSON Schema of it. */
export const collectorPodsSchema = Type.Object(
  {
    imagePullSecrets,
    nodeSelector,
    tolerations,
    resources: routerResources,
    storageSize: Type.Optional(
      Type.String({ maxLength: 32, pattern: "^[0-9]+(Mi|Gi|Ti)$", description: "Size of each volume." }),
    ),
    storageClassName: Type.Optional(
      objectNameSchema("Class of the volumes; the cluster's default unless set."),
    ),
  },
  { additionalProperties: false, description: "The pods of collectors." },
);

/** What an installation says about the collectors. */
export type CollectorPods = Type.Static<typeof collectorPodsSchema>;

/** What a volume is asked for. */
export interface Storage {
  readonly size: string;
  /** Absent for the cluster's default. */
  readonly className?: string;
}

const DEFAULT_RESOURCES = { requests: { cpu: "50m", memory: "128Mi" }, limits: { memory: "512Mi" } } as const;
const DEFAULT_STORAGE_SIZE = "10Gi";

/** Resources of the container. */
export function collectorResources({ resources = DEFAULT_RESOURCES }: CollectorPods) {
  const { requests, limits } = resources;
  return {
    ...(requests === undefined ? {} : { requests: quantities(requests) }),
    ...(limits === undefined ? {} : { limits: quantities(limits) }),
  };
}

/** The volume of a new collector. */
export function collectorStorage({ storageSize, storageClassName }: CollectorPods): Storage {
  return {
    size: storageSize ?? DEFAULT_STORAGE_SIZE,
    ...(storageClassName === undefined ? {} : { className: storageClassName }),
  };
}
