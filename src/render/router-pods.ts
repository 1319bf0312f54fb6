/**
 * What an installation says about the pods of all routers: where they run, what they reserve, how their images are
 * pulled. What it does not say is as it would be without.
 */
import Type from "typebox";
import { tolerationSchema } from "../api/pool.ts";
import { objectNameSchema, resourceListSchema, stringMapSchema } from "../api/schema.ts";
import { quantities } from "./quantities.ts";

function containerResourcesSchema(description: string) {
  return Type.Optional(
    Type.Object(
      {
        requests: Type.Optional(resourceListSchema("What the scheduler reserves.")),
        limits: Type.Optional(resourceListSchema("The most that it may use.")),
      },
      { additionalProperties: false, description },
    ),
  );
}

/** JSON Schema of it. */
export const routerPodsSchema = Type.Object(
  {
    imagePullSecrets: Type.Optional(
      Type.Array(
        Type.Object({ name: objectNameSchema("Name of the Secret.") }, { additionalProperties: false }),
        {
          maxItems: 8,
          description: "Secrets of each namespace with which the images of its routers are pulled.",
        },
      ),
    ),
    nodeSelector: Type.Optional(stringMapSchema(16, "Labels that a node must have.")),
    tolerations: Type.Optional(
      Type.Array(Type.Object(tolerationSchema.properties, { additionalProperties: false }), {
        maxItems: 16,
        description: "Taints that the pods tolerate.",
      }),
    ),
    routerResources: containerResourcesSchema("Resources of the router."),
    envoyResources: containerResourcesSchema("Resources of Envoy."),
  },
  { additionalProperties: false, description: "The pods of routers." },
);

/** What an installation says about the pods of all routers. */
export type RouterPods = Type.Static<typeof routerPodsSchema>;

type Resources = NonNullable<RouterPods["routerResources"]>;

/** Resources of the containers of a router pod, unless an installation says others. */
const DEFAULT_ROUTER_RESOURCES = {
  router: { requests: { cpu: "50m", memory: "96Mi" }, limits: { memory: "256Mi" } },
  envoy: { requests: { cpu: "100m", memory: "128Mi" }, limits: { memory: "1Gi" } },
} as const satisfies Readonly<Record<string, Resources>>;

function rendered({ requests, limits }: Resources) {
  return {
    ...(requests === undefined ? {} : { requests: quantities(requests) }),
    ...(limits === undefined ? {} : { limits: quantities(limits) }),
  };
}

/** Resources of each container. */
export function routerResources({ routerResources, envoyResources }: RouterPods) {
  return {
    router: rendered(routerResources ?? DEFAULT_ROUTER_RESOURCES.router),
    envoy: rendered(envoyResources ?? DEFAULT_ROUTER_RESOURCES.envoy),
  };
}

/** Fields of the pod; the API server does not store empty ones. */
export function routerPlacement({ imagePullSecrets = [], nodeSelector = {}, tolerations = [] }: RouterPods) {
  return {
    ...(imagePullSecrets.length === 0 ? {} : { imagePullSecrets }),
    ...(Object.keys(nodeSelector).length === 0 ? {} : { nodeSelector }),
    ...(tolerations.length === 0 ? {} : { tolerations }),
  };
}
