/**
 * Planner `pods`: the one place that says from which template the pods of each model revision in each pool are made.
 *
 * It must never give standing pods another template but for a person's change of what shapes them, or a person's
 * request to refresh.
 *
 * Pure but for what it remembers between two looks, which saves work and changes no answer.
 */
import { type JsonRecord, valueAt } from "../../api/json.ts";
import { LABEL } from "../../api/names.ts";
import { modelServersTemplate } from "../../render/model-servers/pod-template.ts";
import type { CapacityPlan, PlannedModelServers } from "../capacity/plan-capacity.ts";
import { modelServerAccountName, podRevisionName } from "../child-names.ts";
import { observedServers } from "../model-servers.ts";
import type {
  Observation,
  ObservedModelServers,
  ObservedPodRevision,
  OperatorSettings,
} from "../observation.ts";
import { poolModel } from "../revision/model-revision.ts";
import { adoptedTemplate, templateFits } from "./adopted-template.ts";
import { observedRequests, podInputsHash, toldScores } from "./pod-revision.ts";

/** The pods of one model revision in one pool. */
export interface PlannedPods {
  readonly servers: PlannedModelServers;
  /** Name of the ControllerRevision that keeps the template. */
  readonly name: string;
  readonly inputsHash: string;
  readonly template: JsonRecord;
  /** There is no such ControllerRevision yet. */
  readonly isNew: boolean;
  /** Number for a new one. */
  readonly number: number;
  /** This operator would render another template. */
  readonly isRefreshable: boolean;
}

/** The templates of all pods. */
export interface PodPlan {
  /** In the order of the capacity plan. */
  readonly pods: readonly PlannedPods[];
  /** Names of pod revisions that no pods are made from any more. */
  readonly surplus: readonly string[];
}

/** Which template a pod was made from; undefined for one from before templates were told apart. */
export function templateIdOf(template: JsonRecord): string | undefined {
  const id = valueAt(template, "metadata", "labels", LABEL.podTemplate);
  return typeof id === "string" ? id : undefined;
}

/** Place of a pool in the chain of failover; 0 for one that the spec gave up. */
function placeOf({ deployment }: Observation, pool: string): number {
  return Math.max(
    0,
    deployment.spec.pools.findIndex(({ name }) => name === pool),
  );
}

function renderedTemplate(observation: Observation, { revision, pool }: PlannedModelServers): JsonRecord {
  const { metadata, spec } = observation.deployment;
  const { imagePullSecrets, startupTimeout } = spec;
  const observed = observedRequests(spec);
  const tokenScores = toldScores(spec);
  return modelServersTemplate({
    owner: metadata,
    revision: revision.name,
    model: poolModel(revision.data, pool.name),
    fetch: observation.deployment.spec.fetch,
    runtime: revision.data.runtime,
    pool,
    serviceAccountName: spec.serviceAccountName ?? modelServerAccountName(metadata.name),
    ...(imagePullSecrets === undefined ? {} : { imagePullSecrets }),
    ...(startupTimeout === undefined ? {} : { startupTimeout }),
    image: observation.settings.image,
    cudaImage: observation.settings.cudaImage ?? observation.settings.image,
    imagePullPolicy: observation.settings.imagePullPolicy,
    ...(spec.quality === undefined ? {} : { tokenPool: placeOf(observation, pool.name) }),
    ...(tokenScores === undefined ? {} : { tokenScores }),
    ...(observed === undefined ? {} : { observed }),
  });
}

/**
 * The template of pods for whose inputs none is kept. Those that stand keep theirs where it is of these inputs: its
 * ControllerRevision was deleted, or they were made before there were any.
 */
function newTemplate(
  servers: PlannedModelServers,
  standing: ObservedModelServers | undefined,
  name: string,
  rendered: JsonRecord,
): JsonRecord {
  if (standing === undefined) return rendered;
  const isOfTheseInputs =
    standing.podRevision === undefined
      ? templateFits(standing.template, servers.pool)
      : standing.podRevision === name;
  // The same template as it would be rendered: then without what the API server has added to it.
  if (!isOfTheseInputs || templateIdOf(standing.template) === templateIdOf(rendered)) return rendered;
  return adoptedTemplate(standing.template);
}

/**
 * What this operator would render in the place of a kept template, by its id. The inputs of a kept template never
 * change and neither do the settings of an operator, so the answer is remembered: to render and to hash for every
 * look would be most of its cost.
 */
const renderedIds = new WeakMap<JsonRecord, { readonly settings: OperatorSettings; readonly id?: string }>();

function renderedIdFor(
  kept: JsonRecord,
  settings: OperatorSettings,
  render: () => JsonRecord,
): string | undefined {
  const known = renderedIds.get(kept);
  if (known?.settings === settings) return known.id;
  const id = templateIdOf(render());
  renderedIds.set(kept, { settings, ...(id === undefined ? {} : { id }) });
  return id;
}

/** The template of some pods, and the id of the one that this operator would render in its place. */
interface ChosenTemplate {
  readonly template: JsonRecord;
  readonly renderedId: string | undefined;
}

function templateOfNewInputs(
  observation: Observation,
  servers: PlannedModelServers,
  name: string,
): ChosenTemplate {
  const rendered = renderedTemplate(observation, servers);
  const template = newTemplate(servers, observedServers(observation, servers), name, rendered);
  return { template, renderedId: templateIdOf(rendered) };
}

function templateOfKnownInputs(
  observation: Observation,
  servers: PlannedModelServers,
  { template }: ObservedPodRevision,
): ChosenTemplate {
  const render = () => renderedTemplate(observation, servers);
  return { template, renderedId: renderedIdFor(template, observation.settings, render) };
}

function planOne(observation: Observation, servers: PlannedModelServers): PlannedPods {
  const { deployment, podRevisions } = observation;
  const { revision, pool } = servers;
  const inputsHash = podInputsHash(deployment, pool);
  const name = podRevisionName(deployment.metadata.name, pool.name, revision.name, inputsHash);
  const kept = podRevisions.find((candidate) => candidate.name === name);
  const { template, renderedId } =
    kept === undefined
      ? templateOfNewInputs(observation, servers, name)
      : templateOfKnownInputs(observation, servers, kept);
  return {
    servers,
    name,
    inputsHash,
    template,
    isNew: kept === undefined,
    number: 1 + Math.max(0, ...podRevisions.map((candidate) => candidate.number)),
    isRefreshable: templateIdOf(template) !== renderedId,
  };
}

/** Decides the templates. */
export function planPods(observation: Observation, capacity: CapacityPlan): PodPlan {
  const pods = capacity.modelServers.map((servers) => planOne(observation, servers));
  const inUse = new Set(pods.map(({ name }) => name));
  // Until a new template is taken, the former one may be wanted back.
  for (const { podRevision } of observation.modelServers)
    if (podRevision !== undefined) inUse.add(podRevision);
  const surplus = observation.podRevisions.map(({ name }) => name).filter((name) => !inUse.has(name));
  return { pods, surplus };
}
