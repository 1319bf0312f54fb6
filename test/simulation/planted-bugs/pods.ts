/**
 * Errors in the planner of pods.
 */
import { valueAt } from "../../../src/api/json.ts";
import type { KubeObject } from "../../../src/api/kube-object.ts";
import { RESOURCE } from "../../../src/api/kube-resources.ts";
import { LABEL } from "../../../src/api/names.ts";
import type { Observation } from "../../../src/core/observation.ts";
import { convergence } from "../invariants/convergence.ts";
import { podTemplates, templateKept, templateStays } from "../invariants/pod-templates.ts";
import { COMES_TO_REST, IDLE } from "../simulation.ts";
import { deciding, notApplying, type PlantedBug, seeing, withSpec } from "./planted-bug.ts";

const { controllerRevision: RECORD, deployment: DEPLOYMENT } = RESOURCE;

function isTemplateRecord({ kind, metadata }: KubeObject): boolean {
  return kind === RECORD.kind && metadata.labels?.[LABEL.pool] !== undefined;
}

/** The Deployment with another template. */
function withTemplate(object: KubeObject, change: (template: object) => object): KubeObject {
  const template = valueAt(object, "spec", "template");
  return typeof template === "object" && template !== null
    ? withSpec(object, { template: change(template) })
    : object;
}

function withoutResources({ deployment, ...observation }: Observation): Observation {
  const { spec } = deployment;
  const pools = spec.pools.map(({ resources: _resources, ...pool }) => pool);
  return { ...observation, deployment: { ...deployment, spec: { ...spec, pools } } };
}

/** All of them. */
export const POD_BUGS: readonly PlantedBug[] = [
  {
    what: "makes all pods anew at every look",
    substitutes: deciding((decision, { nowMilliseconds }) => ({
      ...decision,
      apply: decision.apply.map((object) =>
        object.kind === DEPLOYMENT.kind
          ? withTemplate(object, (template) => ({ ...template, lookedAt: String(nowMilliseconds) }))
          : object,
      ),
    })),
    noticedBy: [templateStays.name],
  },
  {
    what: "keeps no template",
    substitutes: notApplying(isTemplateRecord),
    noticedBy: [templateKept.name],
  },
  {
    what: "keeps a template only after pods were made from it",
    substitutes: deciding((decision) => ({
      ...decision,
      apply: [
        ...decision.apply.filter((object) => !isTemplateRecord(object)),
        ...decision.apply.filter(isTemplateRecord),
      ],
    })),
    noticedBy: [templateKept.name],
  },
  {
    what: "lets go of the template that pods are made from",
    substitutes: deciding((decision, { deployment, podRevisions, standing }) => {
      const { namespace } = deployment.metadata;
      const remove = podRevisions.map(({ name }) => ({
        reference: { resource: RECORD, name, namespace },
        uid: standing.get(`${RECORD.kind}/${name}`) ?? "",
      }));
      return { ...decision, remove: [...decision.remove, ...remove] };
    }),
    noticedBy: [podTemplates.name, COMES_TO_REST, IDLE],
  },
  {
    what: "keeps every template for ever",
    substitutes: deciding((decision, { podRevisions }) => {
      const names = new Set(podRevisions.map(({ name }) => name));
      return { ...decision, remove: decision.remove.filter(({ reference }) => !names.has(reference.name)) };
    }),
    noticedBy: [podTemplates.name],
  },
  {
    what: "leaves standing pods as they are when their pool changes",
    substitutes: deciding((decision, { modelServers }) => ({
      ...decision,
      apply: decision.apply.map((object) => {
        const standing = modelServers.find(({ name }) => name === object.metadata.name);
        return object.kind === DEPLOYMENT.kind && standing !== undefined
          ? withTemplate(object, () => standing.template)
          : object;
      }),
    })),
    noticedBy: [convergence.name, podTemplates.name, templateStays.name],
  },
  {
    what: "forgets what a pool asks for",
    substitutes: seeing(withoutResources),
    noticedBy: [podTemplates.name],
  },
  {
    what: "does not see a request to refresh",
    substitutes: seeing((observation) => {
      const { annotations: _annotations, ...metadata } = observation.deployment.metadata;
      return { ...observation, deployment: { ...observation.deployment, metadata } };
    }),
    noticedBy: [podTemplates.name],
  },
];
