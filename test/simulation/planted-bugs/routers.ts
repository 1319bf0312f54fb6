/**
 * Errors in the decision about the routers of a namespace.
 */
import { RESOURCE } from "../../../src/api/kube-resources.ts";
import { COMPONENT, LABEL } from "../../../src/api/names.ts";
import { decideRouters } from "../../../src/core/router/decide-routers.ts";
import { convergence } from "../invariants/convergence.ts";
import { foreignObjects } from "../invariants/foreign-objects.ts";
import { leftovers } from "../invariants/leftovers.ts";
import { routersInUse, routersWhole } from "../invariants/routers.ts";
import { calling, type PlantedBug, routing, withSpec } from "./planted-bug.ts";

/** All of them. */
export const ROUTER_BUGS: readonly PlantedBug[] = [
  {
    what: "takes the routers away with the last ModelDeployment but one",
    substitutes: {
      decideRouters: (observation) =>
        decideRouters({ ...observation, modelDeploymentCount: observation.modelDeploymentCount - 1 }),
    },
    noticedBy: [routersInUse.name, routersWhole.name, convergence.name],
  },
  {
    what: "never takes the routers away",
    substitutes: routing((decision) => ({ ...decision, remove: [] })),
    noticedBy: [leftovers.name],
  },
  {
    what: "leaves all but the Deployment of routers that nobody needs",
    substitutes: routing((decision) => ({
      ...decision,
      remove: decision.remove.filter(({ reference }) => reference.resource.kind === RESOURCE.deployment.kind),
    })),
    noticedBy: [leftovers.name],
  },
  {
    what: "gives routers no rights",
    substitutes: routing((decision) => ({
      ...decision,
      apply: decision.apply.filter(({ kind }) => kind !== RESOURCE.roleBinding.kind),
    })),
    noticedBy: [routersWhole.name],
  },
  {
    what: "makes routers once, and lets them be as somebody has changed them",
    substitutes: routing((decision, { standing }) => ({
      ...decision,
      apply: decision.apply.filter(({ kind, metadata }) => !standing.has(`${kind}/${metadata.name}`)),
    })),
    noticedBy: [routersWhole.name, convergence.name],
  },
  {
    what: "has one router for each ModelDeployment",
    substitutes: routing((decision, { modelDeploymentCount }) => ({
      ...decision,
      apply: decision.apply.map((object) =>
        object.kind === RESOURCE.deployment.kind
          ? withSpec(object, { replicas: modelDeploymentCount })
          : object,
      ),
    })),
    noticedBy: [routersWhole.name],
  },
  {
    what: "takes over what is called like a router and belongs to somebody else",
    substitutes: calling((port) => ({
      apply: (object, options, target) => {
        const { resourceVersion: _version, ...metadata } = object.metadata;
        return object.metadata.labels?.[LABEL.component] === COMPONENT.router
          ? port.apply({ ...object, metadata }, { ...options, force: true }, target)
          : port.apply(object, options, target);
      },
      get: async (reference) => {
        const found = await port.get(reference);
        const { labels } = found.metadata;
        return { ...found, metadata: { ...found.metadata, labels: { ...labels, ...ROUTER_LABELS } } };
      },
    })),
    noticedBy: [foreignObjects.name],
  },
];

const ROUTER_LABELS = { [LABEL.managedBy]: "petrel", [LABEL.component]: COMPONENT.router };
